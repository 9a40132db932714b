"""Data that a function serves: asked as seldom as possible, its trouble its own."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from gateway.local.bindings import DataSpec
from gateway.local.data_items import ReadFailure, Sample
from gateway.local.flights import Flights
from gateway.local.values import DataType
from grove.callables import Function
from grove.reading import FunctionReading

READERS = 50


def reading(
    function: Callable[[], Any], data_type: DataType = DataType.INT, fresh_s: float = 0.0, timeout_s: float = 30.0
) -> FunctionReading:
    spec = DataSpec("x", "x", data_type)
    return FunctionReading(spec, Function(function, "x"), flights=Flights(), fresh_s=fresh_s, timeout_s=timeout_s)


async def value_of(item: FunctionReading) -> Any:
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
        trouble.clear()
        await item.read()
    assert [(entry["log_level"], entry["event"]) for entry in log] == [
        ("warning", "data of the program failed"),
        ("info", "data of the program answers again"),
    ]
