"""What a program does wrong, or too often, costs the gateway nothing."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from entities.model import EntityKind
from gateway.http.own_item import ALL_STATUSES
from gateway.local.answers import EntityRef, ResourceError
from grove.app import App
from grove.callables import Function
from grove.progress import Progress
from grove.reading import FunctionWriter
from grove.reports import AT_ONCE, MAX_WAITING
from tests.federation.eventually import eventually
from tests.unit.grove.test_app import executing, own_of

PUMP = EntityRef(EntityKind.APP, "pump")


@pytest.fixture
def app() -> App:
    return App("pump")


@pytest.mark.parametrize("value", [{"a": object()}, {"a": "\udcff"}, {"a": {1, 2}, "b": object()}])
def test_a_held_value_that_is_no_json_is_refused_when_it_is_set(app: App, value: Any) -> None:
    held = app.value("held", {"a": 1})
    with pytest.raises(ValueError, match="no JSON"):
        held.set(value)
    assert held.get() == {"a": 1}


def test_a_held_value_that_is_too_long_is_refused_when_it_is_set(app: App) -> None:
    held = app.value("held", ["x"])
    with pytest.raises(ValueError, match="found 65540 bytes of JSON, allowed are 65536"):
        held.set(["x" * 65_536])
    assert held.get() == ["x"]


def test_what_is_set_is_copied(app: App) -> None:
    mine = {"a": [1]}
    held = app.value("held", mine)
    mine["a"].append(2)
    assert held.get() == {"a": [1]}


async def test_text_that_is_not_utf_8_is_shown_as_it_can_be(app: App) -> None:
    own = own_of(app)
    app.report_fault("P", "cannot open \udcff")
    app.bind(own, asyncio.get_running_loop())
    (item,) = own.faults.items(PUMP, ALL_STATUSES)
    assert item["description"] == "cannot open \\udcff"
    with pytest.raises(ValueError, match="allowed is text that is UTF-8"):
        app.report_fault("\udcff")


async def test_reports_without_end_are_taken_a_few_at_a_time_and_the_oldest_are_lost(app: App) -> None:
    own = own_of(app)
    app.bind(own, asyncio.get_running_loop())

    def flood() -> None:
        for _ in range(3 * MAX_WAITING):
            app.report_fault("F")

    await asyncio.to_thread(flood)

    def count() -> int:
        return sum(item["occurrence_count"] for item in own.faults.items(PUMP, ALL_STATUSES))

    before = count()
    await asyncio.sleep(0)
    assert count() - before <= 2 * AT_ONCE
    await eventually(lambda: not app._waiting)
    assert count() <= 3 * MAX_WAITING
    app.report_fault("LAST")
    await eventually(lambda: any(item["fault_code"] == "LAST" for item in own.faults.items(PUMP, ALL_STATUSES)))


async def test_of_progress_told_in_a_hurry_the_newest_is_passed_on() -> None:
    told: list[Any] = []
    progress = Progress(told.append, asyncio.get_running_loop())

    def hurry() -> None:
        for number in range(10_000):
            progress(number)

    await asyncio.to_thread(hurry)
    await asyncio.sleep(0)
    assert told[-1] == 9_999
    assert len(told) < 1000


async def test_a_write_whose_function_still_runs_keeps_the_next_one_out(app: App) -> None:
    gate = threading.Event()
    app.data("speed", type="int")(lambda: 0)
    function = Function(lambda value: gate.wait() if value == 1 else None, "speed")
    reading = app.readings["speed"]
    reading.write_with(FunctionWriter(function, timeout_s=0.01), replace(reading.spec, writable=True))
    own = own_of(app)
    late = await own.write_data(PUMP, "speed", {"value": 1})
    assert isinstance(late, ResourceError)
    assert late.status == 504
    refused = await own.write_data(PUMP, "speed", {"value": 2})
    assert isinstance(refused, ResourceError)
    assert "still runs" in refused.message
    gate.set()
    await eventually(lambda: function.in_threads == 0)
    assert (await own.write_data(PUMP, "speed", {"value": 2})).status == 200


async def test_an_execution_that_nobody_waits_for_still_counts(app: App) -> None:
    gate = threading.Event()

    @app.operation("block", timeout_s=0.05)
    def block() -> None:
        gate.wait()

    own = own_of(app)
    first = await executing(own, "block", {})
    assert isinstance(first, ResourceError)
    second = await executing(own_of(app), "block", {})
    assert isinstance(second, ResourceError)
    assert "still run" in second.message
    gate.set()
