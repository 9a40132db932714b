"""The machine we run on is a Component whose data are read live, seldom, and each on its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import structlog

from entities.model import Component, EntityKind
from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.bindings import DataSpec
from gateway.local.host import HostSource, host_id
from gateway.local.machine import Machine, Probe, PsutilMachine
from gateway.local.manifest_source import ManifestSource
from gateway.local.own import OwnEntities
from gateway.local.values import DataType
from tests.federation.eventually import eventually
from tests.unit.local.conftest import START_NS, HandClock, Load, accepted, app, component

HOST = component("edge_1")


class FakeMachine:
    """A fan and a thermometer, and a disk that only looking finds. Counts its readings."""

    def __init__(self) -> None:
        self.readings = 0
        self.temperature: Callable[[], Any] = lambda: 41.5
        self.found = True

    def standard(self) -> Sequence[Probe]:
        temperature = DataSpec("temperature", "Temperature", DataType.DOUBLE, unit="°C")
        return (
            Probe((DataSpec("fan", "Fan", DataType.INT, unit="1/min"),), self._fan),
            Probe((temperature,), lambda: {"temperature": self.temperature()}),
        )

    def discover(self) -> Sequence[Probe]:
        disk = DataSpec("disk_data_percent", "Disk", DataType.DOUBLE, unit="%")
        return [Probe((disk,), lambda: {"disk_data_percent": 12.5})] if self.found else []

    def _fan(self) -> Mapping[str, Any]:
        self.readings += 1
        return {"fan": 900 + self.readings}


@pytest.fixture
def machine() -> FakeMachine:
    return FakeMachine()


@pytest.fixture
def own(machine: FakeMachine, clock: HandClock) -> OwnEntities:
    return OwnEntities([HostSource("edge.1", machine, clock)], clock=clock)


def fail() -> float:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("edge.1", "edge_1"), ("Büro-PC", "B_ro-PC"), ("a" * 300, "a" * 256), ("", "host")],
)
def test_the_id_is_the_host_name_with_underscores(name: str, expected: str) -> None:
    assert host_id(name) == expected


def test_the_host_is_a_component_found_at_run_time(own: OwnEntities) -> None:
    assert own.tree.components == (
        Component(id="edge_1", name="edge.1", type="computer", source="runtime", data=("fan", "temperature")),
    )


async def test_sensors_found_at_the_start_join_the_tree_and_subscribers_hear_of_it(own: OwnEntities) -> None:
    told: list[tuple[str, ...]] = []
    own.subscribe(lambda: told.append(own.tree.components[0].data))
    await own.start()
    assert told == [("fan", "temperature", "disk_data_percent")]
    assert [item["id"] for item in await own.data_items(HOST)] == ["fan", "temperature", "disk_data_percent"]


async def test_a_start_that_finds_nothing_changes_nothing(own: OwnEntities, machine: FakeMachine) -> None:
    machine.found = False
    own.subscribe(lambda: pytest.fail("nothing changed"))
    await own.start()
    assert own.tree.components[0].data == ("fan", "temperature")


async def test_a_list_has_the_values_with_their_units(own: OwnEntities) -> None:
    fan, temperature = await own.data_items(HOST)
    assert (fan["value"], fan["unit"], fan["data_type"], fan["writable"]) == (901, "1/min", "int", False)
    assert (temperature["value"], temperature["unit"]) == (41.5, "°C")


async def test_an_item_has_the_time_of_its_reading(own: OwnEntities) -> None:
    answer = await own.data_item(HOST, "fan")
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    assert (answer.body["data"], answer.body["x-medkit"]["timestamp"]) == (901, START_NS)


async def test_fifty_readers_cost_one_reading(own: OwnEntities, machine: FakeMachine, clock: HandClock) -> None:
    await asyncio.gather(*(own.data_items(HOST) for _ in range(50)))
    await own.data_item(HOST, "fan")
    assert machine.readings == 1
    clock.advance(1)
    await own.data_item(HOST, "fan")
    assert machine.readings == 2


@pytest.mark.parametrize("temperature", [fail, lambda: None, lambda: "warm", lambda: float("nan")])
async def test_a_failing_sensor_is_the_error_of_its_item(
    own: OwnEntities, machine: FakeMachine, temperature: Callable[[], Any]
) -> None:
    machine.temperature = temperature
    fan, broken = await own.data_items(HOST)
    assert fan["value"] == 901
    assert "value" not in broken
    assert broken["x-medkit"]["error"]["error_code"] == "service-unavailable"
    answer = await own.data_item(HOST, "temperature")
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.message) == (503, broken["x-medkit"]["error"]["message"])


async def test_a_failing_sensor_is_logged_when_it_begins_and_when_it_ends(
    own: OwnEntities, machine: FakeMachine, clock: HandClock
) -> None:
    with structlog.testing.capture_logs() as logs:
        for temperature in (fail, fail, lambda: 40.0, lambda: 40.0):
            machine.temperature = temperature
            await own.data_items(HOST)
            clock.advance(1)
    assert [(line["event"], line["item"]) for line in logs] == [
        ("sensor failed", "temperature"),
        ("sensor answers again", "temperature"),
    ]


@pytest.fixture
def stuck(machine: FakeMachine) -> Iterator[threading.Event]:
    """A temperature that does not come before the event is set."""
    released = threading.Event()
    machine.temperature = lambda: 40.0 if released.wait(10) else 0.0
    yield released
    released.set()


async def test_a_stuck_sensor_holds_nobody_up_for_long(own: OwnEntities, stuck: threading.Event) -> None:
    for item in await own.data_items(HOST):
        assert "takes too long" in item["x-medkit"]["error"]["message"]
    stuck.set()

    async def answered() -> bool:
        return isinstance(await own.data_item(HOST, "fan"), ItemAnswer)

    assert await eventually(answered)


async def test_a_sensor_is_not_written(own: OwnEntities) -> None:
    answer = await own.write_data(HOST, "fan", {"value": 1})
    assert isinstance(answer, ResourceError)
    assert answer.status == 403


async def test_host_and_manifest_make_one_component(load: Load, machine: FakeMachine, clock: HandClock) -> None:
    manifest = accepted(
        load("""
        components:
          - {id: rack}
          - id: edge_1
            name: Edge computer
            parent_component_id: rack
            data: [{id: owner, value: ops}, {id: fan, value: "off"}]
        """)
    )
    own = OwnEntities([ManifestSource(manifest, clock), HostSource("edge.1", machine, clock)], clock=clock)
    merged = own.tree.find(EntityKind.COMPONENT, "edge_1")
    assert merged == Component(
        id="edge_1",
        name="Edge computer",
        type="computer",
        parent_component_id="rack",
        source="manifest",
        declared=True,
        data=("owner", "fan", "temperature"),
    )
    assert [component.id for component in own.tree.components] == ["rack", "edge_1"]
    items = {item["id"]: item["value"] for item in await own.data_items(HOST)}
    assert items == {"owner": "ops", "fan": "off", "temperature": 41.5}


def test_host_and_manifest_stand_side_by_side(load: Load, machine: FakeMachine, clock: HandClock) -> None:
    manifest = accepted(load("components: [{id: rack}]\napps: [{id: a}]"))
    own = OwnEntities([ManifestSource(manifest, clock), HostSource("edge.1", machine, clock)], clock=clock)
    assert [component.id for component in own.tree.components] == ["edge_1", "rack"]
    assert [app.id for app in own.tree.apps] == ["a"]


async def test_without_sources_there_is_nothing(clock: HandClock) -> None:
    own = OwnEntities([], clock=clock)
    await own.start()
    assert len(own.tree) == 0
    assert await own.data_items(HOST) == []


async def test_what_is_written_stays_when_sensors_are_found(load: Load, machine: FakeMachine, clock: HandClock) -> None:
    manifest = accepted(load("apps: [{id: a, data: [{id: x, value: 1, writable: true}]}]"))
    own = OwnEntities([ManifestSource(manifest, clock), HostSource("edge.1", machine, clock)], clock=clock)
    a = app("a")
    await own.write_data(a, "x", {"value": 2})
    await own.start()
    assert (await own.data_items(a))[0]["value"] == 2


async def test_the_real_machine_answers(clock: HandClock) -> None:
    own = OwnEntities([HostSource("edge.1", PsutilMachine(lambda: clock() / 1_000_000_000), clock)], clock=clock)
    await own.start()
    items = {item["id"]: item for item in await own.data_items(HOST)}
    assert tuple(items) == own.tree.components[0].data
    for item_id in ("cpu_percent", "memory_percent", "disk_root_percent"):
        assert 0 <= items[item_id]["value"] <= 100
    for item_id in ("memory_available", "memory_total", "cpu_count", "disk_root_total"):
        assert items[item_id]["value"] > 0
    assert {item_id: items[item_id]["unit"] for item_id in ("uptime", "network_sent", "cpu_percent")} == {
        "uptime": "s",
        "network_sent": "B",
        "cpu_percent": "%",
    }


def test_every_probe_names_what_it_answers() -> None:
    machine: Machine = PsutilMachine()
    for probe in [*machine.standard(), *machine.discover()]:
        assert {spec.id for spec in probe.specs} == set(probe.read())


def test_the_load_is_a_share_each_time_it_is_asked() -> None:
    probe = PsutilMachine().standard()[0]
    for _ in range(3):
        assert 0 <= probe.read()["cpu_percent"] <= 100
