"""The log entries of our own entities as items, and an item for each log that cannot be read.

Among gateways such an item travels as an entry with `x-medkit.error`: whoever does not know it shows it as one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.local.answers import EntityRef, ResourceError
from gateway.local.log_store import LogQuery, parse_log_query
from gateway.local.logs.entry import LogFailure, LogReading, render_entry, render_time
from gateway.local.own import OwnEntities
from peers.division import Item

READ_AT_ONCE: Final = 16
"""Members whose logs are read at the same time."""

RENDERED_ON_LOOP: Final = 200
"""Entries up to which the loop renders them itself; more are rendered in a thread."""

UNAVAILABLE: Final = "service-unavailable"


async def own_log_items(
    own: OwnEntities, members: Sequence[EntityRef], query: Mapping[str, str]
) -> list[tuple[EntityRef, list[Item]]] | ResourceError:
    """The items of our own members with whose they are; 400 for a bad query."""
    asked = parse_log_query(query.get("severity"), query.get("context"))
    if isinstance(asked, ResourceError):
        return asked
    free = asyncio.Semaphore(READ_AT_ONCE)
    found = await asyncio.gather(*(_items(own, ref, asked, free) for ref in members))
    return list(zip(members, found, strict=True))


async def _items(own: OwnEntities, ref: EntityRef, query: LogQuery, free: asyncio.Semaphore) -> list[Item]:
    async with free:
        reading = await own.read_log(ref, query)
    if len(reading.entries) > RENDERED_ON_LOOP:
        return await asyncio.to_thread(_rendered, reading)
    return _rendered(reading)


def _rendered(reading: LogReading) -> list[Item]:
    items = [render_entry(entry) for entry in reading.entries]
    return [*items, *(_failure_item(failure, reading.taken_ns) for failure in reading.failures)]


def _failure_item(failure: LogFailure, taken_ns: int) -> Item:
    message = f"The log '{failure.log}' cannot be read now: {failure.reason}"
    return {
        "id": f"log_unreadable:{failure.log}",
        "timestamp": render_time(taken_ns),
        "severity": "error",
        "message": message,
        "x-medkit": {"error": {"error_code": UNAVAILABLE, "message": message, "log": failure.log}},
    }
