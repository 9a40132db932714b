"""A loop that stands still: said where, told to whoever judges peers, and forgotten after a while."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from gateway.loop_watch import LoopWatch, LoopWatchSettings
from tests.federation.eventually import eventually

BRIEF = LoopWatchSettings(beat_s=0.02, stall_s=0.2, told_s=0.5)


@asynccontextmanager
async def watched(late: list[float]) -> AsyncIterator[LoopWatch]:
    watch = LoopWatch(late.append, BRIEF)
    running = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        running.cancel()
        await asyncio.wait([running])


def stand_still_on_purpose() -> None:
    time.sleep(0.8)


async def test_fault_085_where_a_loop_stands_still_is_logged_while_it_does_and_that_it_goes_on() -> None:
    late: list[float] = []
    with capture_logs() as logs:
        async with watched(late) as watch:
            await eventually(lambda: len(late) > 3)
            stand_still_on_purpose()
            await eventually(lambda: [*watch.warnings()])
            (warned,) = watch.warnings()
            await eventually(lambda: not [*watch.warnings()])
    stall, end = (entry for entry in logs if entry["event"].startswith("event loop"))
    assert (stall["event"], end["event"]) == ("event loop stands still", "event loop goes on")
    assert "in stand_still_on_purpose" in stall["stack"]
    assert "Traceback" not in stall["stack"]
    assert end["stood_still_s"] >= 0.7
    assert warned.code == "loop_stalled"
    assert max(late) >= 0.7


async def test_a_loop_that_moves_is_not_worth_a_word() -> None:
    late: list[float] = []
    with capture_logs() as logs:
        async with watched(late):
            await eventually(lambda: len(late) > 10)
    assert [entry for entry in logs if entry["event"] == "event loop goes on" and max(late) < BRIEF.stall_s] == []


async def test_the_thread_ends_with_the_watch() -> None:
    import threading

    before = threading.active_count()
    async with watched([]):
        await eventually(lambda: threading.active_count() == before + 1)
    await eventually(lambda: threading.active_count() == before)
