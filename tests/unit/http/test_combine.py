"""Parts of several gateways as one collection: ids by member and way, each item once, hostile marks kept out."""

from typing import Any

import pytest

from entities.model import EntityKind
from gateway.http.combine import configuration_prefix, render_collection
from gateway.http.errors import ApiError
from gateway.http.log_list import refuse_failed, sort_out
from gateway.http.parts import Part
from gateway.local.answers import EntityRef
from peers.view import Gap
from tests.unit.http.test_places import APP, AREA, BEE, COMPONENT, FAR, FUNCTION, HERE, subject

BOX = EntityRef(COMPONENT, "box")
CAM = EntityRef(APP, "cam")
LIDAR = EntityRef(APP, "lidar")


def rendered(
    collection: str, *parts: Part, kind: EntityKind = COMPONENT, entity: str = "box", own: bool = False
) -> dict[str, Any]:
    return render_collection(subject(kind, entity, own=own), collection, parts, ())


def datum(origin: str, member: EntityRef, item: str, **more: Any) -> Part:
    return Part(origin, member, {"id": item, "name": item, "category": "currentData", **more})


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """x-medkit of each item by its id."""
    found = {item["id"]: item.get("x-medkit") for item in document["items"]}
    assert len(found) == len(document["items"])
    return found


def test_data_of_all_members_is_told_apart_and_says_whose_it_is() -> None:
    document = rendered(
        "data",
        datum(HERE, BOX, "temp"),
        datum(BEE, BOX, "temp"),
        datum(FAR, BOX, "temp"),
        datum(HERE, CAM, "rate"),
        datum(BEE, CAM, "rate"),
        datum(FAR, LIDAR, "scan"),
    )
    assert shown(document) == {
        "temp": None,
        "b:temp": {"source": "peer:b"},
        "b__f:temp": {"source": "peer:b"},
        "cam:rate": {"member_ids": ["cam"]},
        "b__cam:rate": {"source": "peer:b", "member_ids": ["b__cam"]},
        "scan": {"source": "peer:b", "member_ids": ["lidar"]},
    }
    medkit = document["x-medkit"]
    assert (medkit["entity_id"], medkit["total_count"], medkit["aggregation_level"]) == ("box", 6, "component")
    assert medkit["aggregation_sources"] == ["box", "cam", "b__cam", "lidar"]


def test_ids_do_not_depend_on_who_answered() -> None:
    assert list(shown(rendered("data", datum(FAR, BOX, "temp")))) == ["b__f:temp"]
    assert list(shown(rendered("data", datum(BEE, CAM, "rate")))) == ["b__cam:rate"]


def test_an_item_that_came_twice_is_shown_once() -> None:
    assert rendered("data", *[datum(BEE, CAM, "/image")] * 3)["x-medkit"]["total_count"] == 1


def test_an_item_no_record_lists_yet_is_shown_and_told_apart_where_its_id_is_taken() -> None:
    found = shown(rendered("data", datum(BEE, CAM, "new"), datum(FAR, LIDAR, "temp")))
    assert list(found) == ["new", "lidar:temp"]


@pytest.mark.parametrize("medkit", ["text", 7, [], None, {}])
def test_marks_of_another_type_are_replaced(medkit: Any) -> None:
    (item,) = rendered("data", datum(BEE, BOX, "fan", **{"x-medkit": medkit}))["items"]
    assert item["x-medkit"] == {"source": "peer:b"}


def test_a_peer_cannot_say_whose_its_items_are_nor_leak_what_gateways_tell_each_other() -> None:
    forged = {"source": "local", "member_ids": ["cam"], "origin": HERE, "member": "apps/own", "node": "/n", "unit": "C"}
    (item,) = rendered("data", datum(BEE, CAM, "/image", **{"x-medkit": forged}))["items"]
    assert item["x-medkit"] == {"source": "peer:b", "member_ids": ["b__cam"], "unit": "C"}


def test_operations_say_which_entity_they_are_listed_for() -> None:
    (item,) = rendered("operations", Part(BEE, CAM, {"id": "go", "name": "go"}))["items"]
    assert item["x-medkit"]["entity_id"] == "box"


def test_a_target_shows_its_own_ids() -> None:
    document = rendered("data", datum(HERE, CAM, "rate"), own=True)
    assert shown(document) == {"rate": {"member_ids": ["cam"]}}


def configuration(origin: str, member: EntityRef, item: str, **medkit: Any) -> Part:
    return Part(origin, member, {"id": item, "name": item, "type": "parameter", "x-medkit": medkit})


def test_configurations_carry_their_member_and_the_parameters_stand_beside_them() -> None:
    document = rendered(
        "configurations",
        configuration(HERE, CAM, "fps", parameter={"name": "fps", "value": 3}, node="/cam"),
        configuration(BEE, CAM, "fps", parameter={"name": "fps", "value": 5}, node="/cam"),
        configuration(BEE, BOX, "net", parameter="nonsense", node=7),
    )
    assert {one: medkit["source"] for one, medkit in shown(document).items()} == {
        "cam:fps": "cam",
        "b__cam:fps": "b__cam",
        "b:net": "peer:b",
    }
    medkit = document["x-medkit"]
    assert medkit["parameters"] == [
        {"name": "fps", "value": 3, "x-medkit": {"source": "cam", "node": "/cam"}},
        {"name": "fps", "value": 5, "x-medkit": {"source": "b__cam", "node": "/cam"}},
    ]
    assert (medkit["queried_nodes"], medkit["is_aggregated"]) == (["/cam"], True)


@pytest.mark.parametrize(
    ("kind", "entity", "origin", "member", "expected"),
    [
        (COMPONENT, "box", HERE, BOX, ""),
        (COMPONENT, "box", BEE, BOX, "b:"),
        (COMPONENT, "box", FAR, BOX, "b__f:"),
        (COMPONENT, "box", BEE, CAM, "b__cam:"),
        (AREA, "lab", HERE, BOX, "box:"),
        (AREA, "lab", FAR, BOX, "box:b__f:"),
        (FUNCTION, "see", HERE, CAM, ""),
        (APP, "b__cam", BEE, CAM, ""),
        (COMPONENT, "box", BEE, EntityRef(COMPONENT, "unknown"), "unknown:"),
    ],
)
def test_a_configuration_is_qualified_by_member_and_way(
    kind: EntityKind, entity: str, origin: str, member: EntityRef, expected: str
) -> None:
    one = subject(kind, entity)
    assert configuration_prefix(one, one.member(Part(origin, member, {"id": "x"}))) == expected


@pytest.mark.parametrize(
    ("collection", "key", "of_ours"), [("faults", "fault_code", None), ("logs", "id", {"member_ids": ["cam"]})]
)
def test_fault_codes_and_log_ids_stay_bare_and_say_whose_they_are(
    collection: str, key: str, of_ours: dict[str, Any] | None
) -> None:
    document = rendered(collection, *(Part(origin, CAM, {key: "F1"}) for origin in (HERE, BEE)))
    assert [item[key] for item in document["items"]] == ["F1", "F1"]
    assert [item.get("x-medkit") for item in document["items"]] == [
        of_ours,
        {"source": "peer:b", "member_ids": ["b__cam"]},
    ]
    assert document["x-medkit"]["aggregation_sources"] == ["cam", "b__cam", "lidar"]


@pytest.mark.parametrize(
    ("kind", "entity", "counts"),
    [
        (COMPONENT, "box", {"app_count": 3}),
        (AREA, "lab", {"app_count": 3, "component_count": 1}),
        (FUNCTION, "see", {"host_count": 1}),
        (APP, "cam", {"source_id": "cam", "muted_count": 0, "cluster_count": 0}),
    ],
)
def test_the_envelope_of_faults_counts_what_belongs_to_the_entity(
    kind: EntityKind, entity: str, counts: dict[str, Any]
) -> None:
    medkit = rendered("faults", Part(HERE, CAM, {"fault_code": "F"}), kind=kind, entity=entity)["x-medkit"]
    assert medkit.items() >= {"entity_id": entity, "count": 1, **counts}.items()


def test_items_of_any_other_collection_are_told_apart_by_way() -> None:
    document = rendered("bulk-data", *(Part(origin, BOX, {"id": "rosbags"}) for origin in (HERE, BEE, FAR)))
    assert list(shown(document)) == ["rosbags", "b:rosbags", "b__f:rosbags"]
    assert "x-medkit" not in document


def test_gaps_stand_in_every_envelope_also_of_collections_that_have_none() -> None:
    document = render_collection(subject(COMPONENT, "box"), "bulk-data", [], [Gap("b", "auth")])
    assert document == {
        "items": [],
        "x-medkit": {
            "partial": True,
            "failed_peers": ["b"],
            "peer_errors": [{"peer": "b", "reason": "auth", "elapsed_ms": 0}],
        },
    }


@pytest.mark.parametrize("told_by_it", [{}, {"member_id": ["x"], "error_code": 7, "message": {}, "more": "m" * 9999}])
def test_of_a_log_that_cannot_be_read_only_words_are_believed(told_by_it: dict[str, Any]) -> None:
    part = Part(
        BEE,
        CAM,
        {"id": "log_1", "timestamp": "2026", "severity": "error", "message": "m", "x-medkit": {"error": told_by_it}},
    )
    _, failed = sort_out(subject(COMPONENT, "box"), [part])
    assert failed == [
        {"member_id": "b__cam", "error_code": "service-unavailable", "message": "The log cannot be read now"}
    ]
    with pytest.raises(ApiError) as refused:
        refuse_failed({"failed_logs": failed})
    assert refused.value.status == 503
