"""Freeze frames: the values of chosen data items at the moment at which a fault occurs (docs/api.md, "Faults")."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from gateway.local.answers import EntityRef
from gateway.local.data_items import DataItem, ReadFailure, Reading, Sample
from gateway.local.moments import iso_time
from gateway.local.shared_read import Clock

FRAME_TIMEOUT_S: Final = 2.0
"""Seconds a data item may take to tell its value; it is named without one then."""

FRAME_LIMIT_BYTES: Final = 16 * 1024
"""Of one value, as JSON; a larger one is left out, and said so."""

MAX_UNDER_WAY: Final = 64
"""Snapshots taken at a time; further faults are shown without one."""

_log = structlog.get_logger(__name__)

FindItem = Callable[[EntityRef, str], DataItem | None]
Taken = Callable[[list[dict[str, Any]]], None]


@dataclass(frozen=True, slots=True)
class _Wanted:
    ref: EntityRef
    items: Sequence[str]
    taken: Taken


class Snapshots:
    """Takes snapshots beside everything else: a fault never waits for one."""

    def __init__(self, find: FindItem, clock: Clock) -> None:
        self._find = find
        self._clock = clock
        # Mutable: how many are under way, and what is to be begun.
        self._under_way = 0
        self._waiting: asyncio.Queue[_Wanted] = asyncio.Queue()

    def take(self, ref: EntityRef, items: Sequence[str], taken: Taken) -> None:
        """Begins a snapshot of `items` now; `taken` is called with its frames."""
        if not items:
            return
        if self._under_way >= MAX_UNDER_WAY:
            _log.warning("too many faults at a time, no snapshot", entity=ref.id, limit=MAX_UNDER_WAY)
            return
        self._under_way += 1
        self._waiting.put_nowait(_Wanted(ref, items, taken))

    async def run(self) -> None:
        """Owns the snapshots under way, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._take(await self._waiting.get()), name="snapshot of a fault")
                await asyncio.sleep(0)  # a storm of faults does not begin all its snapshots at once

    async def _take(self, wanted: _Wanted) -> None:
        try:
            frames = await asyncio.gather(*(self._frame(wanted.ref, item) for item in wanted.items))
        finally:
            self._under_way -= 1
        wanted.taken(list(frames))

    async def _frame(self, ref: EntityRef, name: str) -> dict[str, Any]:
        item = self._find(ref, name)
        if item is None:
            return _frame(name, self._clock(), error="there is no such data item")
        try:
            return await self._frame_of(name, item)
        except Exception as error:  # noqa: BLE001 -- what a value does to one frame must not end the gateway
            _log.exception("snapshot failed", entity=ref.id, item=name)
            return _frame(name, self._clock(), error=f"it cannot be noted: {type(error).__name__}")

    async def _frame_of(self, name: str, item: DataItem) -> dict[str, Any]:
        reading = await _read(item.read)
        match reading:
            case Sample(value, timestamp_ns):
                if len(msgspec.json.encode(value)) > FRAME_LIMIT_BYTES:
                    return _frame(name, timestamp_ns, error=f"its value is larger than {FRAME_LIMIT_BYTES} bytes")
                return _frame(name, timestamp_ns, value=value, unit=item.spec.unit)
            case ReadFailure(reason):
                return _frame(name, self._clock(), error=reason)
            case None:
                return _frame(name, self._clock(), error="it has no value yet")


async def _read(read: Callable[[], Awaitable[Reading]]) -> Reading:
    try:
        async with asyncio.timeout(FRAME_TIMEOUT_S):
            return await read()
    except TimeoutError:
        return ReadFailure(f"it did not answer in {FRAME_TIMEOUT_S:g} s")


def _frame(
    name: str, at_ns: int, *, value: Any = None, unit: str | None = None, error: str | None = None
) -> dict[str, Any]:
    """A frame as clients know it; `data` is an empty object where there is no value."""
    medkit: dict[str, Any] = {"captured_at": iso_time(at_ns)}
    if unit is not None:
        medkit["unit"] = unit
    if error is not None:
        medkit["error"] = {"error_code": "service-unavailable", "message": error}
    return {"type": "freeze_frame", "name": name, "data": {} if error is not None else value, "x-medkit": medkit}
