"""Readings under way are ended with their source, and one that does not let itself be ended holds up nobody."""

import asyncio

import structlog

from gateway.local.flights import Flights


async def test_one_that_swallows_its_end_is_named_and_not_waited_for_without_end() -> None:
    flights, over = Flights(), asyncio.Event()

    async def stubborn() -> None:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    async def willing() -> None:
        await over.wait()

    staying, going = flights.begin(stubborn, "reading pump/level"), flights.begin(willing, "reading pump/heat")
    assert staying is not None
    assert going is not None
    await asyncio.sleep(0)
    closing = asyncio.create_task(flights.close())
    try:
        with structlog.testing.capture_logs() as logs:
            done, _ = await asyncio.wait({closing}, timeout=60)
        assert closing in done
        assert going.cancelled()
        assert [(entry["event"], entry["task"]) for entry in logs] == [("reading does not end", "reading pump/level")]
        assert flights.begin(willing, "late") is None
    finally:
        over.set()
        await asyncio.wait({staying, closing})
