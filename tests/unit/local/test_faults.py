"""Faults are declared, raised, listed and cleared in the shapes of the recorded answers."""

from typing import Any

import pytest

from entities.model import EntityKind
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import FaultStatus, Severity
from gateway.local.fault_record import ACTIVE_STATUSES, parse_status_filter
from gateway.local.own import OwnEntities
from tests.unit.local.conftest import START_NS, HandClock, MakeOwn, app, component

SENSOR = app("pressure_sensor")
PLC = component("plc")
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


def codes(items: list[dict[str, Any]]) -> list[str]:
    return [item["fault_code"] for item in items]


def test_a_declared_fault_is_listed_as_recorded(own: OwnEntities) -> None:
    assert own.fault_items(SENSOR, ACTIVE_STATUSES) == [RECORDED]


def test_all_own_faults_are_listed_together(own: OwnEntities) -> None:
    assert sorted(codes(own.fault_items(None, ACTIVE_STATUSES))) == ["LINK", "P_LOW"]
    assert sorted(codes(own.fault_items(None, ALL))) == ["LINK", "OLD", "P_LOW"]


def test_an_entity_without_faults_has_an_empty_list(own: OwnEntities) -> None:
    assert own.fault_items(component("arm"), ALL) == []


def test_a_fault_without_times_occurred_when_the_gateway_started(own: OwnEntities) -> None:
    (link,) = own.fault_items(PLC, ALL)
    assert link["first_occurred"] == link["last_occurred"] == START_NS / 1e9
    assert link["reporting_sources"] == ["plc"]


def test_the_detail_is_as_recorded_with_its_times(own: OwnEntities) -> None:
    assert own.fault_detail(SENSOR, "P_LOW") == ItemAnswer(
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
def test_each_status_has_its_bits(own: OwnEntities, status: FaultStatus, bits: tuple[str, ...]) -> None:
    assert own.raise_fault(PLC, "LINK", status=status) is None
    answer = own.fault_detail(PLC, "LINK")
    assert isinstance(answer, ItemAnswer)
    assert answer.body is not None
    found = answer.body["item"]["status"]
    assert (found["aggregatedStatus"], found["testFailed"], found["confirmedDTC"], found["pendingDTC"]) == bits


def test_an_unknown_fault_is_not_found_as_recorded(own: OwnEntities) -> None:
    missing = ResourceError(
        404,
        "resource-not-found",
        "Fault not found",
        {"app_id": "pressure_sensor", "details": "Fault not found", "fault_code": "LINK"},
    )
    assert own.fault_detail(SENSOR, "LINK") == missing
    assert own.clear_fault(SENSOR, "LINK") == missing


def test_a_cleared_fault_leaves_the_list_and_stays_known(own: OwnEntities) -> None:
    assert own.clear_fault(SENSOR, "P_LOW") == ItemAnswer(204, None)
    assert own.fault_items(SENSOR, ACTIVE_STATUSES) == []
    assert sorted(codes(own.fault_items(SENSOR, {"CLEARED"}))) == ["OLD", "P_LOW"]
    assert own.clear_fault(SENSOR, "P_LOW") == ItemAnswer(204, None)


def test_a_cleared_fault_is_raised_again_and_counted(own: OwnEntities, clock: HandClock) -> None:
    own.clear_fault(SENSOR, "P_LOW")
    clock.advance(10)
    assert own.raise_fault(SENSOR, "P_LOW") is None
    assert own.fault_items(SENSOR, ACTIVE_STATUSES) == [
        {**RECORDED, "last_occurred": START_NS / 1e9 + 10, "occurrence_count": 4}
    ]


def test_a_new_fault_is_raised_by_code(own: OwnEntities) -> None:
    own.raise_fault(SENSOR, "HOT", severity=Severity.CRITICAL, description="too hot", status=FaultStatus.PREFAILED)
    assert own.fault_items(SENSOR, {"PREFAILED"}) == [
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
    ("ref", "code"), [(component("arm"), "X"), (app("nobody"), "X"), (SENSOR, ""), (SENSOR, "x" * 257)]
)
def test_what_cannot_be_a_fault_is_refused(own: OwnEntities, ref: EntityRef, code: str) -> None:
    answer = own.raise_fault(ref, code)
    assert isinstance(answer, ResourceError)
    assert answer.status == 400
    assert len(own.fault_items(None, ALL)) == 3


def test_all_faults_of_an_entity_or_of_all_are_cleared_by_status(own: OwnEntities) -> None:
    own.clear_faults(SENSOR, ACTIVE_STATUSES)
    assert codes(own.fault_items(None, ACTIVE_STATUSES)) == ["LINK"]
    own.clear_faults(None, {"CONFIRMED"})
    assert codes(own.fault_items(None, ACTIVE_STATUSES)) == ["LINK"]
    own.clear_faults(None, ACTIVE_STATUSES)
    assert own.fault_items(None, ACTIVE_STATUSES) == []


def test_subscribers_are_told_of_changes_only(own: OwnEntities) -> None:
    calls: list[str] = []
    own.subscribe(lambda: calls.append("changed"))
    own.raise_fault(SENSOR, "P_LOW")
    own.clear_fault(SENSOR, "P_LOW")
    assert len(calls) == 2
    own.clear_fault(SENSOR, "P_LOW")
    own.clear_fault(SENSOR, "nothing")
    own.clear_faults(SENSOR, ACTIVE_STATUSES)
    assert len(calls) == 2
    own.clear_faults(None, ACTIVE_STATUSES)
    assert len(calls) == 3


async def test_after_closing_nobody_is_told(own: OwnEntities) -> None:
    calls: list[str] = []
    own.subscribe(lambda: calls.append("changed"))
    await own.close()
    own.raise_fault(SENSOR, "P_LOW")
    assert calls == []


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
        (EntityKind.COMPONENT, "rack", []),
        (EntityKind.COMPONENT, "robot", []),
        (EntityKind.AREA, "cell", []),
        (EntityKind.FUNCTION, "f", []),
        (EntityKind.APP, "nobody", []),
    ],
)
def test_apps_and_lonely_external_components_report(
    make_own: MakeOwn, kind: EntityKind, entity_id: str, sources: list[str]
) -> None:
    assert make_own(SOURCES).fault_sources(EntityRef(kind, entity_id)) == sources
