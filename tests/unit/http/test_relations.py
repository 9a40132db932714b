"""Sub-collections of an entity: children as they are listed, references also where they lead nowhere."""

import json
from typing import Any

import pytest

from entities.model import App, Area, Component, Entity, EntityKind, Function
from gateway.http.documents import Documents, Rendered
from peers.view import FederatedView
from tests.unit.http.views import Peer, record, view_of

AREA, COMPONENT, APP, FUNCTION = EntityKind

TREE: tuple[Entity, ...] = (
    Area("plant"),
    Area("lab", parent_area_id="plant"),
    Area("cell", parent_area_id="lab"),
    Component("robot", area="lab", depends_on=("psu", "ghost")),
    Component("arm", area="cell", parent_component_id="robot"),
    Component("psu", area="plant"),
    App("cam", component_id="arm", depends_on=("gps", "ghost")),
    App("gps", component_id="robot"),
    Function("nav", hosts=("cam", "robot", "ghost")),
)


def related(view: FederatedView, kind: EntityKind, entity_id: str, name: str) -> Rendered:
    rendered = Documents(view).relation(kind, entity_id, name)
    assert rendered is not None
    return rendered


def items(rendered: Rendered) -> list[Any]:
    document = json.loads(rendered.body)
    assert document["x-medkit"]["total_count"] == len(document["items"])
    found: list[Any] = document["items"]
    return found


@pytest.mark.parametrize(
    ("kind", "entity_id", "name", "expected"),
    [
        (AREA, "plant", "subareas", ["lab"]),
        (AREA, "lab", "components", ["robot"]),
        (AREA, "plant", "contains", ["psu", "robot", "arm"]),
        (AREA, "cell", "subareas", []),
        (COMPONENT, "robot", "subcomponents", ["arm"]),
        (COMPONENT, "robot", "hosts", ["gps"]),
        (COMPONENT, "robot", "depends-on", ["psu", "ghost"]),
        (APP, "cam", "is-located-on", ["arm"]),
        (APP, "cam", "belongs-to", ["cell"]),
        (APP, "cam", "depends-on", ["gps", "ghost"]),
        (FUNCTION, "nav", "hosts", ["cam"]),
    ],
)
def test_a_relation_lists_who_stands_in_it(kind: EntityKind, entity_id: str, name: str, expected: list[str]) -> None:
    rendered = related(view_of(record("here", *TREE)), kind, entity_id, name)
    assert [item["id"] for item in items(rendered)] == expected
    assert json.loads(rendered.body)["_links"]["self"] == f"/api/v1/{kind.value}/{entity_id}/{name}"


@pytest.mark.parametrize(
    ("kind", "entity_id", "name", "back"),
    [
        (AREA, "plant", "subareas", "parent"),
        (AREA, "plant", "contains", "area"),
        (COMPONENT, "robot", "subcomponents", "parent"),
        (COMPONENT, "robot", "depends-on", "component"),
        (APP, "cam", "belongs-to", "app"),
        (FUNCTION, "nav", "hosts", "function"),
    ],
)
def test_a_relation_links_back_to_its_entity(kind: EntityKind, entity_id: str, name: str, back: str) -> None:
    rendered = related(view_of(record("here", *TREE)), kind, entity_id, name)
    assert json.loads(rendered.body)["_links"][back] == f"/api/v1/{kind.value}/{entity_id}"


def test_a_reference_that_leads_nowhere_is_told_as_missing() -> None:
    ghost = items(related(view_of(record("here", *TREE)), COMPONENT, "robot", "depends-on"))[1]
    assert ghost == {
        "id": "ghost",
        "name": "ghost",
        "href": "/api/v1/components/ghost",
        "type": "component",
        "x-medkit": {"missing": True},
    }


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ((), [{"id": "", "name": "<unknown area>", "missing": True, "unresolved_component": "ecu"}]),
        ((Component("ecu"),), []),
        ((Component("ecu", area="moon"),), [{"id": "moon", "name": "moon", "missing": True}]),
    ],
)
def test_an_app_whose_area_cannot_be_told_says_why(component: tuple[Entity, ...], expected: list[Any]) -> None:
    view = view_of(record("here", App("cam", component_id="ecu"), *component))
    found = items(related(view, APP, "cam", "belongs-to"))
    assert [{"id": one["id"], "name": one["name"], **one["x-medkit"]} for one in found] == expected


def test_an_app_without_a_component_is_nowhere() -> None:
    view = view_of(record("here", App("cam")))
    assert items(related(view, APP, "cam", "is-located-on")) == []
    assert items(related(view, APP, "cam", "belongs-to")) == []


def test_an_item_of_a_relation_is_the_item_of_the_collection() -> None:
    documents = Documents(view_of(record("here", *TREE)))
    hosted = documents.relation(COMPONENT, "robot", "hosts")
    assert hosted is not None
    assert items(hosted)[0] in items(documents.collection(APP))


def test_apps_are_named_in_relations_as_they_are_named_here() -> None:
    mine = record("here", App("cam"), App("gps"))
    theirs = record("bee", App("cam", component_id="ecu"), App("gps", depends_on=("cam",)), Component("ecu"))
    view = view_of(mine, Peer("b", theirs))
    assert [one["id"] for one in items(related(view, COMPONENT, "ecu", "hosts"))] == ["b__cam"]
    assert [one["id"] for one in items(related(view, APP, "b__gps", "depends-on"))] == ["b__cam"]


def test_a_child_of_a_silent_gateway_is_left_out_and_its_gateway_named() -> None:
    mine = record("here", Component("robot"), App("cam", component_id="robot"))
    view = view_of(mine, Peer("b", record("bee", App("gps", component_id="robot")), up=False))
    rendered = related(view, COMPONENT, "robot", "hosts")
    assert [one["id"] for one in items(rendered)] == ["cam"]
    assert json.loads(rendered.body)["x-medkit"]["failed_peers"] == ["b"]
    assert rendered.etag is None


def test_a_reference_to_what_is_silent_is_missing_and_its_gateway_named() -> None:
    mine = record("here", Component("robot", depends_on=("psu",)))
    view = view_of(mine, Peer("b", record("bee", Component("psu")), up=False))
    rendered = related(view, COMPONENT, "robot", "depends-on")
    assert items(rendered)[0]["x-medkit"] == {"missing": True}
    assert [gap.label for gap in rendered.gaps] == ["b"]


def test_a_silent_gateway_that_has_nothing_to_do_with_it_leaves_a_relation_whole() -> None:
    view = view_of(record("here", *TREE), Peer("b", record("bee", Component("else")), up=False))
    assert related(view, COMPONENT, "robot", "hosts").gaps == ()


def test_retained_members_stay_in_relations_as_not_available() -> None:
    mine = record("here", Component("robot"))
    view = view_of(mine, Peer("b", record("bee", App("gps", component_id="robot")), up=False), retain="all")
    found = items(related(view, COMPONENT, "robot", "hosts"))
    assert [(one["id"], one["x-medkit"]["available"]) for one in found] == [("gps", False)]
