"""The demo's plant: its pressure moves for ever, its fault comes and goes, and it does what it is told."""

import asyncio
import shutil
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.failure import CommandFailed
from gateway.demo.plant import FULL_BAR, MOST_BAR, START_BELOW_BAR, Plant
from gateway.demo.plant_files import STEP_S, exchange, working_plant
from tests.federation.eventually import eventually
from tests.federation.ports import free_port

LOW_BAR = 3.0
WELL_BAR = 3.5
"""The limit of the manifest's rule, and where its fault is over."""


def pressures(plant: Plant, start_below: float) -> Iterator[float]:
    """Step for step, for ever."""
    while True:
        plant = plant.after(STEP_S, start_below)
        yield plant.pressure


def faults(levels: Iterator[float]) -> Iterator[bool]:
    """Whether the fault is there, step for step."""
    there = False
    for level in levels:
        there = level < LOW_BAR or (there and level < WELL_BAR)
        yield there


def test_the_fault_comes_and_goes_all_the_time() -> None:
    there = [*islice(faults(pressures(Plant(), START_BELOW_BAR)), int(300 / STEP_S))]
    comings = sum(not before and after for before, after in pairwise(there))
    assert comings >= 10  # in five minutes
    assert 0.3 < sum(there) / len(there) < 0.6


def test_with_a_higher_limit_it_stays_away() -> None:
    levels = [*islice(pressures(Plant(), 4.0), int(300 / STEP_S))]
    assert min(levels[20:]) > WELL_BAR
    assert max(levels) < FULL_BAR + 0.2


@given(start_below=st.floats(1, 4.5), primed=st.lists(st.floats(0.1, 60), max_size=3))
def test_the_pressure_stays_within_what_the_plant_can_have(start_below: float, primed: list[float]) -> None:
    plant = Plant()
    for seconds in [*primed, 1.0]:
        plant = plant.primed(seconds)
        for level in islice(pressures(plant, start_below), 200):
            assert 0 <= level <= MOST_BAR


def test_primed_the_compressor_runs_as_long_as_it_was_told_whatever_the_pressure() -> None:
    plant = Plant(pressure=FULL_BAR).primed(3)
    running = []
    for _ in range(8):
        plant = plant.after(0.5, START_BELOW_BAR)
        running.append(plant.running)
    assert running == [True] * 5 + [False] * 3


def test_its_readings_are_files(tmp_path: Path) -> None:
    assert exchange(tmp_path, Plant(2.25, running=True)) == Plant(2.25, running=True)
    read = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert read == {"pressure": "2.250\n", "compressor": "on\n"}


def test_what_prime_has_left_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "prime").write_text("7\n")
    assert exchange(tmp_path, Plant()) == Plant().primed(7)
    assert exchange(tmp_path, Plant()) == Plant()


@pytest.mark.parametrize("words", ["", "long\n", "-3\n", "nan\n", "inf\n"])
def test_what_is_no_time_is_thrown_away(tmp_path: Path, words: str) -> None:
    (tmp_path / "prime").write_text(words)
    assert exchange(tmp_path, Plant()) == Plant()
    assert not (tmp_path / "prime").exists()


async def test_at_work_it_starts_its_compressor_where_its_gateway_says(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"id": "start_below", "data": 4.5})

    app = web.Application()
    app.router.add_get("/api/v1/apps/arm/configurations/start_below", answer)
    readings = tmp_path / "plant"
    async with (
        TestServer(app) as server,
        working_plant(readings, str(server.make_url("")).rstrip("/"), lambda: None),
    ):
        assert (readings / "compressor").read_text() == "off\n"
        await eventually(lambda: (readings / "compressor").read_text() == "on\n")


async def test_a_plant_that_cannot_write_ends_the_demo_and_says_why(tmp_path: Path) -> None:
    readings, ended = tmp_path / "plant", asyncio.Event()
    with pytest.raises(CommandFailed, match="the plant cannot write its readings"):
        async with working_plant(readings, f"http://127.0.0.1:{free_port()}", ended.set):
            shutil.rmtree(readings)
            await ended.wait()
