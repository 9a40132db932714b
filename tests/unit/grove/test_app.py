"""What a program registers is what is offered, and mistakes are told at once."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from entities.model import App as AppEntity
from entities.model import Component, EntityKind
from gateway.http.own_item import ALL_STATUSES
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.fault_spec import Severity
from gateway.local.log_store import parse_log_query
from gateway.local.own import OwnEntities
from grove.annotations import ALLOWED
from grove.app import App
from grove.callables import Refused
from grove.program import ProgramSource, check_ids
from grove.progress import Progress
from tests.federation.eventually import eventually

PUMP = EntityRef(EntityKind.APP, "pump")


@pytest.fixture
def app() -> App:
    return App("pump", name="Pump", component="station", tags=["water"], description="It pumps")


def own_of(*apps: App) -> OwnEntities:
    return OwnEntities([ProgramSource(apps, itertools.count())], clock=lambda: 1_700_000_000_000_000_000)


async def body(answer: ItemAnswer | ResourceError) -> Any:
    assert isinstance(answer, ItemAnswer), answer
    return answer.body


def test_an_app_is_an_app_on_its_component(app: App) -> None:
    app.value("mode", "auto")
    app.data("pressure", type="double")(lambda: 1.0)
    app.operation("prime")(prime)
    tree = own_of(app).tree
    assert tree.components == (Component(id="station", name="station", source="plugin", declared=True),)
    assert tree.apps == (
        AppEntity(
            id="pump",
            name="Pump",
            description="It pumps",
            tags=("water",),
            component_id="station",
            source="plugin",
            declared=True,
            data=("pressure", "mode"),
            operations=("prime",),
        ),
    )
    assert repr(app) == "<App pump: 2 data, 1 operations, 0 configurations>"


def prime(seconds: float = 2.0) -> dict[str, float]:
    return {"ran": seconds}


async def test_a_function_is_read_and_written(app: App) -> None:
    held = {"speed": 10.0}

    @app.data("speed", unit="%")
    def speed() -> float:
        return held["speed"]

    @app.write("speed", min=0, max=100)
    def set_speed(value: float) -> None:
        if value == 13:
            raise Refused("not today")
        held["speed"] = value

    own = own_of(app)
    (item,) = await own.data_items(PUMP)
    assert (item["writable"], item["unit"]) == (True, "%")
    assert (await body(await own.write_data(PUMP, "speed", {"value": 40})))["data"] == 40.0
    assert (await body(await own.data_item(PUMP, "speed")))["value"] == 40.0
    beyond = await own.write_data(PUMP, "speed", {"value": 400})
    assert isinstance(beyond, ResourceError)
    assert (beyond.status, held["speed"]) == (400, 40.0)
    with structlog.testing.capture_logs() as logs:
        refused = await own.write_data(PUMP, "speed", {"value": 13})
    assert isinstance(refused, ResourceError)
    assert (refused.status, refused.code) == (409, "precondition-not-fulfilled")
    assert "not today" in refused.message
    assert logs == []
    assert held["speed"] == 40.0


async def test_a_value_is_set_by_the_program_and_by_clients(app: App) -> None:
    mode = app.value("mode", "auto", writable=True)
    own = own_of(app)
    assert (await body(await own.data_item(PUMP, "mode")))["data"] == "auto"
    await asyncio.to_thread(mode.set, "manual")
    assert (await body(await own.data_item(PUMP, "mode")))["data"] == "manual"
    await own.write_data(PUMP, "mode", {"value": "off"})
    assert mode.get() == "off"
    with pytest.raises(ValueError, match="found int, allowed is string"):
        mode.set(3)  # type: ignore[arg-type]  # the mistake
    assert repr(mode) == "<Value mode='off'>"


async def test_a_configuration_counts_in_the_program_when_it_was_accepted(app: App) -> None:
    def even(value: int) -> None:
        if value % 2:
            raise Refused("odd")

    limit = app.configuration("limit", 4, min=0, max=10, accept=even)
    own = own_of(app)
    assert (await body(await own.configurations.write(PUMP, "limit", {"data": 8})))["data"] == 8
    assert limit.value == 8
    for value, status in ((12, 400), (7, 409)):
        refused = await own.configurations.write(PUMP, "limit", {"data": value})
        assert isinstance(refused, ResourceError)
        assert refused.status == status
    assert limit.value == 8
    await own.configurations.reset(PUMP, "limit")
    assert limit.value == 4


async def started(own: OwnEntities, operation: str, request: Any) -> ItemAnswer | ResourceError | None:
    """The answer; None while the gateway still starts."""
    answer = await own.operations.execute(PUMP, operation, request, patience_s=30)
    return None if isinstance(answer, ResourceError) and answer.retry_after_s else answer


async def executing(own: OwnEntities, operation: str, request: Any) -> ItemAnswer | ResourceError:
    running = asyncio.create_task(own.run())
    try:
        answer = await eventually(lambda: started(own, operation, request))
        assert answer is not None
        return answer
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_an_operation_calls_its_function(app: App) -> None:
    app.operation("prime", confirm="Sure?")(prime)
    own = own_of(app)
    (item,) = own.operations.items(PUMP)
    assert item["x-medkit"]["confirm"] == "Sure?"
    answer = await executing(own, "prime", {"parameters": {"seconds": 3}})
    assert (await body(answer))["parameters"] == {"ran": 3.0}


async def test_an_operation_that_fails_says_why(app: App) -> None:
    @app.operation("prime")
    async def prime_dry() -> None:
        raise RuntimeError("no water")

    with structlog.testing.capture_logs() as log:
        answer = await executing(own_of(app), "prime", {})
    assert [entry["event"] for entry in log if entry["log_level"] == "error"] == ["operation of the program failed"]
    assert isinstance(answer, ResourceError)
    assert "RuntimeError: no water" in answer.message


async def test_a_function_in_a_thread_hears_that_it_should_stop(app: App) -> None:
    stopped: list[bool] = []

    @app.operation("prime", timeout_s=0.05)
    def prime_long(progress: Progress) -> None:
        progress(50)
        stopped.append(progress.wait(30))

    answer = await executing(own_of(app), "prime", {})
    assert isinstance(answer, ResourceError)

    async def heard() -> bool:
        return stopped == [True]

    await eventually(heard)


async def test_what_the_program_logs_is_the_log_of_its_app(app: App) -> None:
    own = own_of(app)
    log = logging.getLogger("pump.motor")
    log.addHandler(app.log_handler)
    try:
        log.warning("hot: %d", 90)
    finally:
        log.removeHandler(app.log_handler)
    query = parse_log_query(None, None)
    assert not isinstance(query, ResourceError)
    (entry,) = (await own.read_log(PUMP, query)).entries
    assert (entry.text.severity.word, entry.text.message) == ("warning", "hot: 90")
    assert entry.text.context is not None
    assert entry.text.context.node == "pump.motor"


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (lambda app: App("a b"), r"app: found the id 'a b'; allowed are 1 to 256 of letters, digits, '_' and '-'"),
        (lambda app: App("a", component=""), "component: found the id ''"),
        (lambda app: app.data("")(prime), "found an id of 0 characters; allowed are 1 to 256"),
        (
            lambda app: app.data("x", type="number")(prime),
            "found type='number'; allowed are bool, int, double.*; did you mean 'double'",
        ),
        (lambda app: [app.value("x", 1), app.value("x", 2)], "found 'x' a second time on 'pump'"),
        (lambda app: app.write("x"), "write: found no data item 'x' that a function serves; there are none yet"),
        (lambda app: app.configuration("x", 11, max=10), "found 11, allowed are values up to 10"),
        (lambda app: app.value("a;b", 1), "found the id 'a;b'; allowed is text without control characters"),
        (lambda app: app.report_fault(""), "found a fault code of 0 characters"),
        (lambda app: app.report_fault("a\\b"), r"found the fault code .*; allowed is text without control characters"),
        (lambda app: check_ids([app, app]), "found several apps called pump"),
    ],
)
def test_a_mistake_is_told_at_once(app: App, mistake: Callable[[App], Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        mistake(app)


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (lambda app: app.data("x")(lambda: 1), f"data 'x': the function says nothing .*; annotate it with {ALLOWED}"),
        (lambda app: app.data(prime), r'found a function where the id belongs; write @app.data\("prime"\) above it'),
        (lambda app: app.write(prime), r'write @app.write\("prime"\)'),
        (lambda app: app.operation(prime), r'write @app.operation\("prime"\)'),
        (lambda app: app.value(7, 1), "value: found 7 as the id; allowed is text"),
        (lambda app: app.value("x"), "value 'x': found neither a start of a type of JSON nor type="),
        (lambda app: app.configuration("x", None), "configuration 'x': found None; allowed are values of JSON"),
    ],
)
def test_a_type_that_is_not_said_is_a_mistake(app: App, mistake: Callable[[App], Any], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        mistake(app)


async def test_reports_wait_until_the_gateway_runs_and_come_from_any_thread(app: App) -> None:
    app.report_fault("EARLY", "before it ran")
    own = own_of(app)
    app.bind(own, asyncio.get_running_loop())
    await asyncio.to_thread(app.report_fault, "LATE")
    await asyncio.sleep(0)
    assert {item["fault_code"] for item in own.faults.items(PUMP, {"CONFIRMED"})} == {"EARLY", "LATE"}


async def test_a_fault_comes_after_as_many_reports_as_were_said_and_goes_when_a_look_passes(app: App) -> None:
    app.fault("P_LOW", "Pressure is low", severity=Severity.WARN, fail=2)
    own = own_of(app)
    app.bind(own, asyncio.get_running_loop())

    async def shown() -> list[tuple[str, str]]:
        await asyncio.sleep(0)
        return [(item["status"], item["severity_label"]) for item in own.faults.items(PUMP, ALL_STATUSES)]

    app.report_fault("P_LOW")
    assert await shown() == [("PREFAILED", "WARN")]
    app.report_fault("P_LOW")
    assert await shown() == [("CONFIRMED", "WARN")]
    app.pass_fault("P_LOW")
    assert await shown() == [("HEALED", "WARN")]
