"""Parts as gateways tell them to each other: written, read back, and nothing believed that has no form."""

from typing import Any

import pytest

from entities.jsontext import render_json
from entities.model import EntityKind
from gateway.http.parts import Part, read_parts, render_part
from gateway.local.answers import EntityRef
from peers.fanout import parse_part
from peers.view import Gap
from tests.unit.http.views import instance

HERE, BEE = instance("here"), instance("bee")
CAM = EntityRef(EntityKind.APP, "cam")
DATUM = {"id": "temp", "name": "temp", "category": "currentData"}


def told(body: dict[str, Any], member: Any = "apps/cam", origin: str = BEE) -> tuple[str, dict[str, Any]]:
    """An item as a fan-out hands it on."""
    return origin, {**body, "x-medkit": {"origin": origin, "member": member}}


def test_what_one_gateway_writes_another_reads() -> None:
    part = Part(HERE, CAM, {**DATUM, "x-medkit": {"unit": "C"}})
    gap = Gap("b", "connection_refused", BEE, status=502, elapsed_ms=7, tried=(HERE,))
    body = render_json(render_part([part], [HERE], [gap, Gap("b/unknown", "no_route")]))
    read = parse_part(body, frozenset({HERE, BEE}), max_bytes=10_000)
    parts, liars = read_parts(read.items, "data")
    assert [(one.origin, one.member, one.body["id"]) for one in parts] == [(HERE, CAM, "temp")]
    assert parts[0].body["x-medkit"]["unit"] == "C"
    assert (liars, read.answered) == (frozenset(), frozenset({HERE}))
    assert read.missing == (Gap("", "connection_refused", BEE, status=502, elapsed_ms=7, tried=(HERE,)),)


def test_an_item_that_has_marks_of_another_origin_is_marked_as_ours() -> None:
    forged = {**DATUM, "x-medkit": {"origin": BEE, "member": "apps/other"}}
    (item,) = render_part([Part(HERE, CAM, forged)], [], [])["items"]
    assert item["x-medkit"] == {"origin": HERE, "member": "apps/cam"}
    (item,) = render_part([Part(HERE, CAM, {**DATUM, "x-medkit": "text"})], [], [])["items"]
    assert item["x-medkit"] == {"origin": HERE, "member": "apps/cam"}


@pytest.mark.parametrize(
    "member", [None, 7, "", "apps", "apps/", "cam", "gadgets/cam", "apps/a/b", "apps/../x", "apps/a b", ["apps/cam"]]
)
def test_an_item_of_no_member_is_left_out_and_its_gateway_named(member: Any) -> None:
    assert read_parts([told(DATUM, member), told(DATUM)], "data") == (
        [Part(BEE, CAM, told(DATUM)[1])],
        frozenset({BEE}),
    )


def test_versions_belong_to_gateways_and_need_no_member() -> None:
    version = {"version": "1.0.0", "base_uri": "/api/v1"}
    parts, liars = read_parts([told(version, None)], "version-info")
    assert ([part.member for part in parts], liars) == ([None], frozenset())


NEEDED: dict[str, dict[str, Any]] = {
    "data": DATUM,
    "operations": {"id": "x", "name": "x", "proximity_proof_required": False, "asynchronous_execution": True},
    "configurations": {"id": "x", "name": "x", "type": "parameter"},
    "faults": {"fault_code": "F", "severity": 2, "status": "CONFIRMED", "reporting_sources": []},
    "version-info": {"version": "1", "base_uri": "/"},
    "logs": {"id": "1", "timestamp": "t", "severity": "info", "message": ""},
    "bulk-data": {"id": "x"},
}


@pytest.mark.parametrize("collection", NEEDED)
def test_an_item_without_what_clients_cannot_do_without_is_left_out(collection: str) -> None:
    whole = NEEDED[collection]
    assert len(read_parts([told(whole)], collection)[0]) == 1
    for name in whole:
        for damaged in ({**whole, name: None}, {key: value for key, value in whole.items() if key != name}):
            assert read_parts([told(damaged)], collection) == ([], frozenset({BEE})), (name, damaged)


@pytest.mark.parametrize(
    ("collection", "changes"),
    [
        ("faults", {"severity": True}),
        ("faults", {"severity": 1.5}),
        ("faults", {"reporting_sources": "node"}),
        ("faults", {"reporting_sources": [7]}),
        ("operations", {"asynchronous_execution": 1}),
        ("data", {"id": ["x"]}),
    ],
)
def test_a_field_of_another_type_is_as_good_as_none(collection: str, changes: dict[str, Any]) -> None:
    assert read_parts([told({**NEEDED[collection], **changes})], collection) == ([], frozenset({BEE}))


def test_items_are_one_per_origin_member_and_item() -> None:
    parts = [
        Part(BEE, CAM, {"id": "temp"}),
        Part(BEE, EntityRef(EntityKind.COMPONENT, "cam"), {"id": "temp"}),
        Part(HERE, CAM, {"id": "temp"}),
        Part(BEE, CAM, {"id": "temp2"}),
        Part(BEE, CAM, {"fault_code": "F1"}),
    ]
    assert len({part.key for part in parts}) == len(parts)
    assert Part(BEE, CAM, {"id": "temp", "name": "other"}).key == parts[0].key


def test_an_item_that_has_a_fault_code_beside_its_id_is_still_itself() -> None:
    first, second = (Part(BEE, CAM, {**DATUM, "id": one, "fault_code": "F1"}) for one in ("temp", "fan"))
    assert first.key != second.key


LINE = {"id": "log_1", "timestamp": "2026-01-01T00:00:00Z", "severity": "error", "message": "m"}


def test_an_entry_of_unknown_severity_is_none_and_its_gateway_named() -> None:
    assert read_parts([told({**LINE, "severity": "loud"})], "logs") == ([], frozenset({BEE}))
    assert len(read_parts([told(LINE)], "logs")[0]) == 1
