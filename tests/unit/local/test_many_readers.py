"""A hundred items ten times a second for fifty readers: each is read once a time, and the loop never has long to do.

How long something takes is not measured: what is done at once between two turns of the loop is counted. That nothing of
it blocks is watched by tests/conftest.py.
"""

import asyncio
from typing import Any

from entities.model import EntityKind
from gateway.local.answers import EntityRef
from gateway.local.bindings import DataSpec
from gateway.local.bound_item import BoundItem
from gateway.local.data_items import Reading
from gateway.local.data_store import LIST_SLICE, PREPARE_SLICE, DataStore
from gateway.local.flights import Flights
from gateway.local.value_readers import Found, ThreadReader
from gateway.local.values import DataType
from tests.unit.local.conftest import HandClock

ITEMS, READERS, TICKS = 100, 50, 10
TICK_S = 0.1
REF = EntityRef(EntityKind.APP, "plant")


class Counted(BoundItem):
    """Counts what the loop does with it; what it says is how often it was read."""

    shown = prepared = 0

    def __init__(self, item_id: str, flights: Flights, clock: HandClock) -> None:
        self.reads = 0
        spec = DataSpec(item_id, item_id, DataType.INT)
        reader = ThreadReader(self._look)
        super().__init__(spec, REF, reader=reader, flights=flights, clock=clock, refresh_s=TICK_S, read_timeout_s=60)

    def _look(self) -> Found:
        """In a thread."""
        self.reads += 1
        return Found(self.reads)

    def prepare(self) -> None:
        Counted.prepared += 1
        super().prepare()

    async def listed(self) -> Reading:
        Counted.shown += 1
        return await super().listed()


async def most_at_once(stop: asyncio.Event) -> tuple[int, int]:
    """The most items that were prepared, and shown, between two turns of the loop."""
    most = (0, 0)
    while not stop.is_set():
        before = (Counted.prepared, Counted.shown)
        await asyncio.sleep(0)
        most = (max(most[0], Counted.prepared - before[0]), max(most[1], Counted.shown - before[1]))
    return most


async def test_a_hundred_items_for_fifty_readers_never_hold_up_the_loop(clock: HandClock) -> None:
    flights = Flights()
    items = {f"item_{number}": Counted(f"item_{number}", flights, clock) for number in range(ITEMS)}
    store = DataStore({REF: items}, clock)
    stop = asyncio.Event()
    watching = asyncio.create_task(most_at_once(stop))
    for tick in range(1, TICKS + 1):
        await asyncio.gather(*(item.read() for item in items.values()))
        lists: list[list[dict[str, Any]]] = await asyncio.gather(*(store.items(REF) for _ in range(READERS)))
        assert all([item["value"] for item in each] == [tick] * ITEMS for each in lists)
        clock.advance(TICK_S)
    stop.set()
    prepared, shown = await watching
    await flights.close()
    assert {item.reads for item in items.values()} == {TICKS}
    assert prepared <= READERS * PREPARE_SLICE
    assert shown <= READERS * LIST_SLICE
