"""Data that a function serves: asked as seldom as possible, its trouble its own."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from gateway.local.bound_item import BoundItem
from gateway.local.data_items import Fate, ReadFailure, Sample, WriteFailure
from gateway.local.values import DataType
from grove.app import App
from tests.federation.eventually import eventually

READERS = 50


def reading(
    function: Callable[[], Any], data_type: DataType = DataType.INT, fresh_s: float = 0.0, timeout_s: float = 30.0
) -> BoundItem:
    app = App("pump")
    app.data("x", type=data_type.value, fresh_s=fresh_s, timeout_s=timeout_s)(function)
    return app.readings["x"]


async def value_of(item: BoundItem) -> Any:
    sample = await item.read()
    assert isinstance(sample, Sample), sample
    return sample.value


async def test_readers_share_the_answer_of_a_function_that_blocks() -> None:
    gate = threading.Event()
    asked = []

    def slow() -> int:
        asked.append(1)
        gate.wait()
        return len(asked)

    item = reading(slow)
    readers = [asyncio.create_task(value_of(item)) for _ in range(READERS)]
    await asyncio.sleep(0)
    gate.set()
    assert set(await asyncio.gather(*readers)) == {1}


async def test_readers_share_the_answers_of_a_function_on_the_loop() -> None:
    asked = []

    async def slow() -> int:
        asked.append(1)
        await asyncio.sleep(0.001)
        return len(asked)

    item = reading(slow)
    first = asyncio.create_task(value_of(item))
    await asyncio.sleep(0)
    others = [asyncio.create_task(value_of(item)) for _ in range(READERS)]
    assert {await first, *await asyncio.gather(*others)} == {1}


async def test_a_fresh_answer_is_given_again() -> None:
    asked = []

    async def count() -> int:
        asked.append(1)
        return len(asked)

    item = reading(count, fresh_s=60)
    assert [await value_of(item), await value_of(item)] == [1, 1]
    item = reading(lambda: len(asked), fresh_s=60)
    assert await value_of(item) == 1
    asked.append(1)
    assert await value_of(item) == 1


@pytest.mark.parametrize(
    ("returned", "data_type", "reason"),
    [
        ("text", DataType.INT, "what the function returned does not fit: found string, allowed is int"),
        (None, DataType.DOUBLE, "what the function returned does not fit: found null, allowed is double"),
        (
            float("nan"),
            DataType.DOUBLE,
            "what the function returned does not fit: found nan, allowed are finite numbers",
        ),
        ("x" * 65_536, DataType.STRING, "what the function returned does not fit: found 65538 bytes of JSON"),
        (object(), DataType.OBJECT, "what the function returned does not fit: found what is no JSON"),
    ],
)
async def test_what_does_not_fit_is_an_error_that_says_so(returned: Any, data_type: DataType, reason: str) -> None:
    outcome = await reading(lambda: returned, data_type).read()
    assert isinstance(outcome, ReadFailure)
    assert outcome.reason.startswith(reason)


async def test_a_stuck_function_is_given_up_and_not_started_again() -> None:
    gate = threading.Event()
    asked = []

    def stuck() -> int:
        asked.append(1)
        gate.wait()
        return 7

    item = reading(stuck, timeout_s=0.01)
    assert isinstance(await item.read(), ReadFailure)
    assert isinstance(await item.read(), ReadFailure)
    assert len(asked) == 1
    gate.set()


async def test_trouble_is_logged_when_it_begins_and_when_it_ends() -> None:
    trouble: list[Exception] = [ValueError("broken")]

    async def sensor() -> int:
        if trouble:
            raise trouble[0]
        return 1

    item = reading(sensor)
    with structlog.testing.capture_logs() as log:
        await item.read()
        await item.read()
        broken = trouble.pop()
        await item.read()
    assert [(entry["log_level"], entry["event"], entry.get("exc_info")) for entry in log] == [
        ("warning", "data item unreadable", broken),
        ("info", "data item readable again", None),
    ]


async def test_a_write_that_hangs_holds_up_no_other_for_long_and_what_was_read_before_counts_no_more() -> None:
    held, app = [1], App("pump")
    gate = asyncio.Event()
    app.data("x", type="int", fresh_s=60)(lambda: held[0])

    async def write(value: int) -> None:
        held[0] = value
        await gate.wait()

    app.write("x")(write)
    item = app.readings["x"]
    item._write_timeout_s = 0.02  # nobody has the time that a program has
    assert await value_of(item) == 1
    writing = asyncio.create_task(item.write(2))
    await eventually(lambda: held == [2])
    assert await item.write(3) == WriteFailure("other writes of it are under way", Fate.NOT_TRIED)
    assert await value_of(item) == 1
    writing.cancel()
    await asyncio.wait({writing})
    assert await value_of(item) == 2
