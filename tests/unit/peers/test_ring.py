"""Readers of a ring get every entry in order, or are told how many they missed; a slow one costs nothing."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers.ring import Ring

STEPS = st.lists(st.just("add") | st.integers(1, 5), max_size=60)


@given(STEPS, st.integers(1, 8))
def test_what_a_reader_gets_and_what_it_missed_is_all_there_was(steps: list[str | int], capacity: int) -> None:
    ring: Ring[int] = Ring(capacity)
    added, position, got, missed = 0, 0, [], 0
    for step in [*steps, *[capacity] * 2]:
        if isinstance(step, str):
            added += 1
            assert ring.append(added * 10) == added == ring.newest
            continue
        entries, lost = ring.after(position, step)
        missed += lost
        assert len(entries) <= step
        for number, entry in entries:
            assert (number, entry) == (position + lost + 1, number * 10)
            position, lost = number, 0
            got.append(number)
    assert len(got) + missed == position == added
    assert got == sorted(set(got))


@pytest.mark.parametrize("first", [1, 1000])
def test_numbers_begin_where_they_are_told_to(first: int) -> None:
    ring: Ring[str] = Ring(2, first=first)
    assert ring.newest == first - 1
    assert ring.after(first - 1, 5) == ([], 0)
    assert [ring.append(entry) for entry in "abc"] == [first, first + 1, first + 2]
    assert ring.after(first - 1, 5) == ([(first + 1, "b"), (first + 2, "c")], 1)


async def test_a_reader_is_woken_by_the_next_entry_and_by_the_end() -> None:
    ring: Ring[str] = Ring(2)
    waiting = asyncio.create_task(ring.beyond(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    ring.append("a")
    await waiting
    last = asyncio.create_task(ring.beyond(1))
    await asyncio.sleep(0)
    ring.close()
    await last
    assert ring.is_closed
    await ring.beyond(99)
