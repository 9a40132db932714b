"""How a gateway stops: told by a signal, it says goodbye, takes requests for a moment more, answers what was begun.

Source: docs/configuration.md, "Stopping".
"""

import asyncio
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Final

import structlog

from gateway.http.finishing import FinishingWrites
from gateway.http.listener import Listener
from gateway.settings import ServerSettings

THREADS_S: Final = 2.0
"""Seconds that threads which still wait for the system may hold up the end of the process."""

log = structlog.get_logger("gateway")


class StopSignals:
    """What SIGINT and SIGTERM ask for: to stop; asked again, at once."""

    def __init__(self) -> None:
        """Nothing is asked."""
        self.asked: Final = asyncio.Event()
        """It is to stop."""
        self.at_once: Final = asyncio.Event()
        """It is to wait for nothing."""
        # Mutable: whether others may still take it for one that serves, and need to be told first.
        self.gently = False

    def listen(self) -> None:
        """From now on, on the running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.take, number)

    def take(self, number: signal.Signals) -> None:
        """One of the two came. SIGINT is a person at a terminal, who waits."""
        if self.asked.is_set():
            log.warning("asked to stop again, what is under way is cut off", signal=number.name)
            self.at_once.set()
        self.gently = number is signal.SIGTERM
        self.asked.set()


async def drain(listener: Listener, writes: FinishingWrites, server: ServerSettings, stop: StopSignals) -> None:
    """Takes requests for a moment more, then no more, and returns when what was begun is done, or has taken too long.

    Everybody who can be told was told before.
    """
    loop = asyncio.get_running_loop()
    if stop.gently:
        with suppress(TimeoutError):
            async with asyncio.timeout(server.lame_duck_ms / 1000):
                await stop.at_once.wait()
    listener.stop_accepting()
    deadline = loop.time() + server.drain_ms / 1000
    draining = asyncio.create_task(_until_done(listener, writes, deadline), name="drain")
    hurried = asyncio.create_task(stop.at_once.wait(), name="be asked to stop at once")
    try:
        await asyncio.wait({draining, hurried}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (draining, hurried):
            task.cancel()
        await asyncio.wait({draining, hurried})
    await listener.aclose()
    await writes.aclose()


async def _until_done(listener: Listener, writes: FinishingWrites, deadline: float) -> None:
    await listener.drain(deadline)
    await writes.finish(deadline)


def end_without_threads(code: int) -> None:
    """Everything is done and saved: a thread that still waits for the system must not keep the process alive.

    Such are lookups of names, and readings of files whose server is gone; nothing can cancel them.
    """

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(THREADS_S, leave)
    timer.daemon = True
    timer.start()
