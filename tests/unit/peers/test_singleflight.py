"""Work for a thread, done once for all who ask while it is under way."""

import asyncio
import threading

import pytest

from peers.singleflight import SingleFlight


class Work:
    """Blocks in its thread until it may end."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self.may_end = threading.Event()
        self._error = error

    def __call__(self) -> int:
        self.begun += 1
        assert self.may_end.wait(10)
        if self._error is not None:
            raise self._error
        return self.begun


async def test_all_who_ask_meanwhile_get_the_one_result_and_it_is_kept_once() -> None:
    flights, work, kept = SingleFlight[str, int](), Work(), list[int]()
    waiting = [asyncio.create_task(flights.run("list", work, kept.append)) for _ in range(8)]
    await asyncio.sleep(0)
    assert repr(flights) == "<SingleFlight 1 under way>"
    work.may_end.set()
    assert await asyncio.gather(*waiting) == [1] * 8
    assert (work.begun, kept) == (1, [1])
    assert await flights.run("list", work, kept.append) == 2
    assert repr(flights) == "<SingleFlight 0 under way>"


async def test_it_is_finished_and_kept_though_the_first_to_ask_leaves() -> None:
    flights, work, kept = SingleFlight[str, int](), Work(), list[int]()
    first, second = (asyncio.create_task(flights.run("list", work, kept.append)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    work.may_end.set()
    assert await second == 1
    assert (first.cancelled(), kept) == (True, [1])


async def test_what_goes_wrong_reaches_all_and_the_next_begins_anew() -> None:
    flights, kept = SingleFlight[str, int](), list[int]()
    bad, good = Work(ValueError("no")), Work()
    bad.may_end.set()
    good.may_end.set()
    outcomes = await asyncio.gather(*(flights.run("list", bad, kept.append) for _ in range(2)), return_exceptions=True)
    assert [str(one) for one in outcomes] == ["no", "no"]
    with pytest.raises(ValueError, match="no"):
        await flights.run("list", bad, kept.append)
    assert await flights.run("list", good, kept.append) == 1
    assert kept == [1]
