"""Faults are declared, raised, listed and cleared in the shapes of the recorded answers."""

from collections.abc import Collection
from typing import Any

import pytest

from entities.model import EntityKind
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.fault_change import ChangeKind, FaultChange
from gateway.local.fault_record import ACTIVE_STATUSES, parse_status_filter
from gateway.local.fault_spec import Debounce, FaultSpec, FaultStatus, Severity
from gateway.local.fault_store import MAX_CODES
from gateway.local.own import OwnEntities
from tests.unit.local.conftest import START_NS, HandClock, MakeOwn, app, component

SENSOR = app("pressure_sensor")
PLC = component("plc")
CELL = EntityRef(EntityKind.AREA, "cell")
ALL = frozenset(FaultStatus)
MANIFEST = """
components:
  - {id: arm}
  - {id: plc, external: true, faults: [{code: LINK, severity: WARN, status: PREFAILED}]}
apps:
  - id: pressure_sensor
    is_located_on: arm
    ros_binding: {node_name: pressure_sensor, namespace: /chassis/brakes}
    faults:
      - {code: P_LOW, severity: 2, description: pressure low, first_occurred: 1786538411.25,
         last_occurred: 1786538412.0, occurrence_count: 3}
      - {code: OLD, severity: INFO, status: CLEARED}
"""
RECORDED = {
    "description": "pressure low",
    "fault_code": "P_LOW",
    "first_occurred": 1786538411.25,
    "last_occurred": 1786538412.0,
    "occurrence_count": 3,
    "reporting_sources": ["/chassis/brakes/pressure_sensor"],
    "severity": 2,
    "severity_label": "ERROR",
    "status": "CONFIRMED",
}


@pytest.fixture
def own(make_own: MakeOwn) -> OwnEntities:
    return make_own(MANIFEST)


def items(own: OwnEntities, ref: EntityRef | None, statuses: Collection[str]) -> list[dict[str, Any]]:
    refs = own.faults.book.entities() if ref is None else [ref]
    return [item for one in refs for item in own.faults.items(one, statuses)]


def detail(own: OwnEntities, ref: EntityRef, code: str) -> Any:
    answer = own.faults.detail(ref, code)
    assert isinstance(answer, ItemAnswer)
    return answer.body


def codes(items: list[dict[str, Any]]) -> list[str]:
    return [item["fault_code"] for item in items]


def test_a_declared_fault_is_listed_as_recorded(own: OwnEntities) -> None:
    assert items(own, SENSOR, ACTIVE_STATUSES) == [RECORDED]


def test_all_own_faults_are_listed_together(own: OwnEntities) -> None:
    assert sorted(codes(items(own, None, ACTIVE_STATUSES))) == ["LINK", "P_LOW"]
    assert sorted(codes(items(own, None, ALL))) == ["LINK", "OLD", "P_LOW"]


def test_an_entity_without_faults_has_an_empty_list(own: OwnEntities) -> None:
    assert items(own, component("arm"), ALL) == []


def test_a_fault_without_times_occurred_when_the_gateway_started(own: OwnEntities) -> None:
    (link,) = items(own, PLC, ALL)
    assert link["first_occurred"] == link["last_occurred"] == START_NS / 1e9
    assert link["reporting_sources"] == ["plc"]


def test_the_detail_is_as_recorded_with_its_times(own: OwnEntities) -> None:
    assert own.faults.detail(SENSOR, "P_LOW") == ItemAnswer(
        200,
        {
            "environment_data": {
                "extended_data_records": {
                    "first_occurrence": "2026-08-12T12:40:11.250Z",
                    "last_occurrence": "2026-08-12T12:40:12.000Z",
                },
                "snapshots": [],
            },
            "item": {
                "code": "P_LOW",
                "fault_name": "pressure low",
                "severity": 2,
                "status": {
                    "aggregatedStatus": "active",
                    "confirmedDTC": "1",
                    "pendingDTC": "0",
                    "testFailed": "1",
                },
            },
            "x-medkit": {
                "occurrence_count": 3,
                "reporting_sources": ["/chassis/brakes/pressure_sensor"],
                "severity_label": "ERROR",
                "status_raw": "CONFIRMED",
            },
        },
    )


@pytest.mark.parametrize(
    ("status", "bits"),
    [
        (FaultStatus.CONFIRMED, ("active", "1", "1", "0")),
        (FaultStatus.PREFAILED, ("passive", "1", "0", "1")),
        (FaultStatus.PREPASSED, ("passive", "0", "0", "1")),
        (FaultStatus.HEALED, ("cleared", "0", "0", "0")),
        (FaultStatus.CLEARED, ("cleared", "0", "0", "0")),
    ],
)
def test_each_status_has_its_bits(make_own: MakeOwn, status: FaultStatus, bits: tuple[str, ...]) -> None:
    own = make_own(f"apps: [{{id: a, faults: [{{code: X, severity: 1, status: {status}}}]}}]")
    found = detail(own, app("a"), "X")["item"]["status"]
    assert (found["aggregatedStatus"], found["testFailed"], found["confirmedDTC"], found["pendingDTC"]) == bits


async def test_an_unknown_fault_is_not_found_as_recorded(own: OwnEntities) -> None:
    missing = ResourceError(
        404,
        "resource-not-found",
        "Fault not found",
        {"app_id": "pressure_sensor", "details": "Fault not found", "fault_code": "LINK"},
    )
    assert own.faults.detail(SENSOR, "LINK") == missing
    assert await own.faults.clear(SENSOR, "LINK") == missing


async def test_a_cleared_fault_leaves_the_list_and_stays_known(own: OwnEntities) -> None:
    assert await own.faults.clear(SENSOR, "P_LOW") == ItemAnswer(204, None)
    assert items(own, SENSOR, ACTIVE_STATUSES) == []
    assert sorted(codes(items(own, SENSOR, {"CLEARED"}))) == ["OLD", "P_LOW"]
    assert await own.faults.clear(SENSOR, "P_LOW") == ItemAnswer(204, None)


async def test_a_cleared_fault_is_raised_again_and_counted(own: OwnEntities, clock: HandClock) -> None:
    await own.faults.clear(SENSOR, "P_LOW")
    clock.advance(10)
    assert await own.faults.raise_fault(SENSOR, "P_LOW") is None
    assert items(own, SENSOR, ACTIVE_STATUSES) == [
        {**RECORDED, "last_occurred": START_NS / 1e9 + 10, "occurrence_count": 4}
    ]


async def test_a_new_fault_is_raised_by_code(own: OwnEntities) -> None:
    await own.faults.raise_fault(SENSOR, "HOT", FaultSpec("HOT", Severity.CRITICAL, "too hot", Debounce(2)))
    assert items(own, SENSOR, {"PREFAILED"}) == [
        {
            "fault_code": "HOT",
            "severity": 3,
            "severity_label": "CRITICAL",
            "description": "too hot",
            "first_occurred": START_NS / 1e9,
            "last_occurred": START_NS / 1e9,
            "occurrence_count": 1,
            "status": "PREFAILED",
            "reporting_sources": ["/chassis/brakes/pressure_sensor"],
        }
    ]


@pytest.mark.parametrize(
    ("ref", "code"), [(CELL, "X"), (app("nobody"), "X"), (SENSOR, ""), (SENSOR, "x" * 257), (SENSOR, "a;b")]
)
async def test_what_cannot_be_a_fault_is_refused(own: OwnEntities, ref: EntityRef, code: str) -> None:
    answer = await own.faults.raise_fault(ref, code)
    assert isinstance(answer, ResourceError)
    assert answer.status == 400
    assert len(items(own, None, ALL)) == 3


async def test_all_faults_of_an_entity_or_of_all_are_cleared_by_status(own: OwnEntities) -> None:
    await own.faults.clear_all(SENSOR, ACTIVE_STATUSES)
    assert codes(items(own, None, ACTIVE_STATUSES)) == ["LINK"]
    await own.faults.clear_all(None, {"CONFIRMED"})
    assert codes(items(own, None, ACTIVE_STATUSES)) == ["LINK"]
    await own.faults.clear_all(None, ACTIVE_STATUSES)
    assert items(own, None, ACTIVE_STATUSES) == []


async def test_listeners_are_told_what_changed_and_nothing_else(own: OwnEntities) -> None:
    told: list[FaultChange] = []
    own.faults.listeners.append(told.append)
    await own.faults.raise_fault(SENSOR, "P_LOW")
    await own.faults.clear(SENSOR, "P_LOW")
    await own.faults.clear(SENSOR, "P_LOW")
    await own.faults.clear(SENSOR, "nothing")
    await own.faults.heal_fault(SENSOR, "P_LOW")
    await own.faults.raise_fault(SENSOR, "P_LOW")
    await own.faults.heal_fault(SENSOR, "P_LOW")
    await own.faults.heal_fault(SENSOR, "nothing")
    await own.faults.clear_all(None, ACTIVE_STATUSES)
    assert [(change.kind, change.fault.code, change.fault.status) for change in told] == [
        (ChangeKind.UPDATED, "P_LOW", FaultStatus.CONFIRMED),
        (ChangeKind.CLEARED, "P_LOW", FaultStatus.CLEARED),
        (ChangeKind.CONFIRMED, "P_LOW", FaultStatus.CONFIRMED),
        (ChangeKind.CLEARED, "P_LOW", FaultStatus.HEALED),
        (ChangeKind.CLEARED, "LINK", FaultStatus.CLEARED),
    ]


async def test_the_tree_is_not_made_anew_for_a_fault(own: OwnEntities) -> None:
    calls: list[str] = []
    own.subscribe(lambda: calls.append("changed"))
    await own.faults.raise_fault(SENSOR, "P_LOW")
    assert calls == []


async def test_a_fault_heals_and_tells_when_its_check_passed_last(own: OwnEntities, clock: HandClock) -> None:
    clock.advance(5)
    assert await own.faults.heal_fault(SENSOR, "P_LOW") is None
    assert items(own, SENSOR, ACTIVE_STATUSES) == []
    (item,) = items(own, SENSOR, {"HEALED"})
    assert item["last_passed"] == START_NS / 1e9 + 5
    told = detail(own, SENSOR, "P_LOW")["x-medkit"]
    assert told["last_passed"] == "2026-08-12T12:41:45.000Z"
    assert told["history"] == [{"status": "HEALED", "at": "2026-08-12T12:41:45.000Z"}]


async def test_a_fault_that_is_cleared_while_it_is_being_confirmed_begins_anew(own: OwnEntities) -> None:
    spec = FaultSpec("SLOW", debounce=Debounce(fail=3, heal=2))
    for status in ("PREFAILED", "PREFAILED"):
        await own.faults.raise_fault(SENSOR, "SLOW", spec)
        assert codes(items(own, SENSOR, {status})) == ["SLOW"]
    assert await own.faults.clear(SENSOR, "SLOW") == ItemAnswer(204, None)
    for status in ("PREFAILED", "PREFAILED", "CONFIRMED"):
        await own.faults.raise_fault(SENSOR, "SLOW", spec)
        assert "SLOW" in codes(items(own, SENSOR, {status}))
    for status in ("PREPASSED", "HEALED"):
        await own.faults.heal_fault(SENSOR, "SLOW")
        assert "SLOW" in codes(items(own, SENSOR, {status}))


async def test_symptoms_are_cleared_with_their_cause(make_own: MakeOwn) -> None:
    own = make_own("""
        apps:
          - id: a
            faults:
              - {code: ROOT, severity: 2, symptoms: [ONE, TWO, GONE, NEVER]}
              - {code: ONE, severity: 1}
              - {code: TWO, severity: 1, status: PREFAILED}
              - {code: GONE, severity: 1, status: CLEARED}
              - {code: OTHER, severity: 1}
    """)
    told: list[FaultChange] = []
    own.faults.listeners.append(told.append)
    assert await own.faults.clear(app("a"), "ROOT") == ItemAnswer(204, None)
    assert codes(items(own, app("a"), ACTIVE_STATUSES)) == ["OTHER"]
    assert [(change.fault.code, change.auto_cleared) for change in told] == [
        ("ROOT", ("ONE", "TWO")),
        ("ONE", ()),
        ("TWO", ()),
    ]


async def test_an_entity_has_room_for_new_faults_while_some_are_over(own: OwnEntities, clock: HandClock) -> None:
    for number in range(MAX_CODES - 2):
        clock.advance(1)
        assert await own.faults.raise_fault(SENSOR, f"N{number}") is None
    assert "OLD" in codes(items(own, SENSOR, ALL))
    assert await own.faults.raise_fault(SENSOR, "MORE") is None
    assert "OLD" not in codes(items(own, SENSOR, ALL))
    refused = await own.faults.raise_fault(SENSOR, "TOO_MANY")
    assert isinstance(refused, ResourceError)
    assert (refused.status, len(items(own, SENSOR, ALL))) == (400, MAX_CODES)


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        (None, {"PREFAILED", "CONFIRMED"}),
        ("pending", {"PREFAILED"}),
        ("confirmed", {"CONFIRMED"}),
        ("cleared", {"CLEARED", "HEALED", "PREPASSED"}),
        ("healed", {"HEALED", "PREPASSED"}),
        ("all", {"PREFAILED", "PREPASSED", "CONFIRMED", "HEALED", "CLEARED"}),
    ],
)
def test_a_status_word_stands_for_statuses(text: str | None, statuses: object) -> None:
    assert parse_status_filter(text) == statuses


@pytest.mark.parametrize("text", ["", "CONFIRMED", "active"])
def test_another_status_word_is_refused_with_those_allowed(text: str) -> None:
    answer = parse_status_filter(text)
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (400, "invalid-parameter")
    assert answer.parameters == {
        "allowed_values": ["pending", "confirmed", "cleared", "healed", "all"],
        "parameter": "status",
        "value": text,
    }


SOURCES = """
areas: [{id: cell}]
components:
  - {id: alone, external: true}
  - {id: rack, external: true}
  - {id: robot}
apps:
  - {id: bare}
  - {id: bound, is_located_on: rack, ros_binding: {node_name: n, namespace: /x}}
  - {id: anywhere, ros_binding: {node_name: n}}
  - {id: outside, external: true}
functions: [{id: f, hosted_by: [bare]}]
"""


@pytest.mark.parametrize(
    ("kind", "entity_id", "sources"),
    [
        (EntityKind.APP, "bare", ["bare"]),
        (EntityKind.APP, "bound", ["/x/n"]),
        (EntityKind.APP, "anywhere", ["anywhere"]),
        (EntityKind.APP, "outside", ["outside"]),
        (EntityKind.COMPONENT, "alone", ["alone"]),
        (EntityKind.COMPONENT, "rack", ["rack"]),
        (EntityKind.COMPONENT, "robot", ["robot"]),
        (EntityKind.AREA, "cell", []),
        (EntityKind.FUNCTION, "f", []),
        (EntityKind.APP, "nobody", []),
    ],
)
def test_apps_and_components_report(make_own: MakeOwn, kind: EntityKind, entity_id: str, sources: list[str]) -> None:
    assert make_own(SOURCES).fault_sources(EntityRef(kind, entity_id)) == sources
