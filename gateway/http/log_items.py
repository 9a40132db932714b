"""The log entries of our own entities as items, and an item for each log that cannot be read.

Among gateways such an item travels as an entry with `x-medkit.error`: whoever does not know it shows it as one.
"""

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from gateway.local.answers import EntityRef, ResourceError
from gateway.local.log_store import MAX_ENTRIES_RANGE, SEVERITIES, LogConfiguration, LogQuery, parse_log_query
from gateway.local.logs.entry import LogEntry, LogFailure, LogReading, render_entry, render_time
from gateway.local.own import OwnEntities
from peers.division import Item

READ_AT_ONCE: Final = 16
"""Members whose logs are read at the same time."""

RENDERED_ON_LOOP: Final = 200
"""Entries up to which the loop chooses and renders them itself; more are done in a thread."""

LISTED_ENTRIES: Final = max(MAX_ENTRIES_RANGE)
"""Entries of one list, the newest, where its entity is not configured here."""

UNAVAILABLE: Final = "service-unavailable"


async def own_log_items(
    own: OwnEntities, members: Sequence[EntityRef], query: Mapping[str, str], limits: LogConfiguration | None = None
) -> list[tuple[EntityRef, list[Item]]] | ResourceError:
    """The items of our own members with whose they are; 400 for a bad query. `limits`: what of all together is shown.

    What is not shown is never rendered: of many members it would be a thousand times as much.
    """
    asked = parse_log_query(query.get("severity"), query.get("context"))
    if isinstance(asked, ResourceError):
        return asked
    free = asyncio.Semaphore(READ_AT_ONCE)
    readings = await asyncio.gather(*(_read(own, ref, asked, free) for ref in members))
    render = partial(_rendered, readings, limits or LogConfiguration(max_entries=LISTED_ENTRIES))
    is_small = sum(len(reading.entries) for reading in readings) <= RENDERED_ON_LOOP
    found = render() if is_small else await asyncio.to_thread(render)
    return list(zip(members, found, strict=True))


async def _read(own: OwnEntities, ref: EntityRef, query: LogQuery, free: asyncio.Semaphore) -> LogReading:
    async with free:
        return await own.read_log(ref, query)


def _rendered(readings: Sequence[LogReading], limits: LogConfiguration) -> list[list[Item]]:
    first = _first_shown(readings, limits)
    least = SEVERITIES[limits.severity_filter]
    return [
        [
            *(render_entry(one) for one in reading.entries if one.text.severity >= least and _place(one) >= first),
            *(_failure_item(failure, reading.taken_ns) for failure in reading.failures),
        ]
        for reading in readings
    ]


def _first_shown(readings: Sequence[LogReading], limits: LogConfiguration) -> tuple[int, int]:
    """The place of the oldest entry that is shown of all."""
    least = SEVERITIES[limits.severity_filter]
    places = (_place(one) for reading in readings for one in reading.entries if one.text.severity >= least)
    newest = heapq.nlargest(limits.max_entries, places)
    return newest[-1] if newest else (0, 0)


def _place(entry: LogEntry) -> tuple[int, int]:
    return entry.text.timestamp_ns, entry.number


def _failure_item(failure: LogFailure, taken_ns: int) -> Item:
    message = f"The log '{failure.log}' cannot be read now: {failure.reason}"
    return {
        "id": f"log_unreadable:{failure.log}",
        "timestamp": render_time(taken_ns),
        "severity": "error",
        "message": message,
        "x-medkit": {"error": {"error_code": UNAVAILABLE, "message": message, "log": failure.log}},
    }
