"""A blocking reading costs one thread at a time, and nobody waits for it for ever."""

import asyncio
import queue
import threading
from collections.abc import Iterator

import pytest

from gateway.local.shared_read import SharedRead
from tests.federation.eventually import eventually
from tests.unit.local.conftest import HandClock

FRESH_NS = 1_000_000_000


class Gate:
    """A reading that counts its runs and does not end before `opened` is set."""

    def __init__(self) -> None:
        self.runs = 0
        self.opened = threading.Event()

    def __call__(self) -> int:
        self.runs += 1
        assert self.opened.wait(10)
        return self.runs


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


async def test_fifty_readers_at_once_cost_one_reading(gate: Gate, clock: HandClock) -> None:
    shared = SharedRead(gate, clock=clock)
    readers = [asyncio.create_task(shared.get()) for _ in range(50)]
    await eventually(lambda: gate.runs)
    gate.opened.set()
    assert await asyncio.gather(*readers) == [1] * 50


async def test_a_fresh_outcome_is_given_again_until_it_is_old(gate: Gate, clock: HandClock) -> None:
    gate.opened.set()
    shared = SharedRead(gate, clock=clock, fresh_for_ns=FRESH_NS)
    assert shared.fresh() is None
    assert await shared.get() == 1
    clock.advance(0.999)
    assert (shared.fresh(), await shared.get()) == (1, 1)
    clock.advance(0.001)
    assert shared.fresh() is None
    assert await shared.get() == 2


async def test_a_clock_set_back_makes_nothing_fresh_for_ever(gate: Gate, clock: HandClock) -> None:
    gate.opened.set()
    shared = SharedRead(gate, clock=clock, fresh_for_ns=FRESH_NS)
    await shared.get()
    clock.advance(-3600)
    assert await shared.get() == 2


async def test_without_freshness_each_request_reads(gate: Gate, clock: HandClock) -> None:
    gate.opened.set()
    shared = SharedRead(gate, clock=clock)
    assert [await shared.get(), await shared.get()] == [1, 2]


async def test_a_stuck_reading_is_waited_for_once_and_started_once(gate: Gate, clock: HandClock) -> None:
    shared = SharedRead(gate, clock=clock, timeout_s=0.01)
    assert [await shared.get() for _ in range(5)] == [None] * 5
    assert gate.runs == 1


async def test_a_reading_that_ends_late_is_followed_by_a_new_one(gate: Gate, clock: HandClock) -> None:
    shared = SharedRead(gate, clock=clock, timeout_s=0.01)
    assert await shared.get() is None
    gate.opened.set()

    async def renewed() -> bool:
        return await shared.get() not in {None, 1}

    assert await eventually(renewed)


async def test_what_was_read_before_it_was_forgotten_is_shown_to_nobody_again(gate: Gate, clock: HandClock) -> None:
    gate.opened.set()
    shared = SharedRead(gate, clock=clock, fresh_for_ns=FRESH_NS)
    await shared.get()
    shared.forget()
    assert (shared.fresh(), shared.latest) == (None, None)
    gate.opened.clear()
    shared.prepare()
    await eventually(lambda: gate.runs == 2)
    shared.forget()
    gate.opened.set()
    assert await shared.get() == 3
    assert shared.latest == 3


async def test_a_reader_that_gives_up_takes_nothing_from_the_others(gate: Gate, clock: HandClock) -> None:
    shared = SharedRead(gate, clock=clock)
    hasty, patient = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
    await eventually(lambda: gate.runs)
    hasty.cancel()
    await asyncio.wait({hasty})
    gate.opened.set()
    assert hasty.cancelled()
    assert await patient == 1


async def test_an_exception_reaches_those_who_wait_and_nothing_stays_stuck(clock: HandClock) -> None:
    outcomes = iter([None, 7])

    def read() -> int:
        outcome = next(outcomes)
        if outcome is None:
            raise ZeroDivisionError
        return outcome

    shared = SharedRead(read, clock=clock)
    with pytest.raises(ZeroDivisionError):
        await shared.get()
    assert await shared.get() == 7


def test_a_reading_that_outlives_its_loop_ends_in_silence(gate: Gate, clock: HandClock) -> None:
    readers: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()

    def read() -> int:
        readers.put(threading.current_thread())
        return gate()

    shared = SharedRead(read, clock=clock, timeout_s=0.01)
    assert asyncio.run(shared.get()) is None
    reader = readers.get(timeout=10)
    assert reader.daemon
    gate.opened.set()
    reader.join(10)
    assert not reader.is_alive()
