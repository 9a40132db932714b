"""The demo's plant at work: its readings are files, from which a gateway takes them as from any machine."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from gateway.commands.answers import Api, get_ok
from gateway.commands.api import open_api
from gateway.commands.failure import CommandFailed
from gateway.demo.plant import START_BELOW_BAR, Plant

STEP_S: Final = 0.5
"""Seconds between two readings."""

ASK_S: Final = 0.4
"""Seconds the gateway has to say where the compressor starts; else it is as it was."""

START_BELOW: Final = "/apps/arm/configurations/start_below"


@contextlib.asynccontextmanager
async def working_plant(folder: Path, gateway_url: str, stopped: Callable[[], None]) -> AsyncIterator[None]:
    """A plant that works in `folder` meanwhile, and takes its setting from its gateway while that answers.

    Should it end by itself, `stopped` is called, and leaving raises CommandFailed.
    """
    await asyncio.to_thread(_begin, folder)
    task = asyncio.create_task(_work(folder, gateway_url))
    task.add_done_callback(lambda _: stopped())
    try:
        yield
    finally:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        except OSError as error:
            raise CommandFailed(f"the plant cannot write its readings to {folder}: {error.strerror}") from error


async def _work(folder: Path, gateway_url: str) -> None:
    plant, start_below = Plant(), START_BELOW_BAR
    async with open_api(gateway_url) as api:
        while True:
            plant = await asyncio.to_thread(exchange, folder, plant)
            start_below = await _asked(api, start_below)
            await asyncio.sleep(STEP_S)
            plant = plant.after(STEP_S, start_below)


async def _asked(api: Api, before: float) -> float:
    """What the gateway has as the limit below which the compressor starts."""
    with contextlib.suppress(CommandFailed, TimeoutError):
        async with asyncio.timeout(ASK_S):
            value = (await get_ok(api, START_BELOW)).get("data")
            if isinstance(value, int | float):
                return value
    return before


def _begin(folder: Path) -> None:
    folder.mkdir()
    exchange(folder, Plant())


def exchange(folder: Path, plant: Plant) -> Plant:
    """Writes the readings, each as a whole, and takes what the operation `prime` has left."""
    _write(folder / "pressure", f"{plant.pressure:.3f}")
    _write(folder / "compressor", "on" if plant.running else "off")
    request = folder / "prime"
    try:
        words = request.read_text()
    except FileNotFoundError:
        return plant
    request.unlink()
    with contextlib.suppress(ValueError):
        seconds = float(words)
        if math.isfinite(seconds) and seconds > 0:
            return plant.primed(seconds)
    return plant


def _write(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(f"{text}\n")
    new.replace(file)
