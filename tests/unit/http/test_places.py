"""Whose an item is, from the id a client sends."""

from collections.abc import Mapping
from typing import Any

import pytest

from entities.model import App, Area, Component, EntityKind, Function
from gateway.http.places import (
    Place,
    Undecided,
    configuration_places,
    contributor_place,
    listed_place,
    spellings,
)
from gateway.http.subject import Subject
from gateway.local.answers import EntityRef
from peers.view import FederatedView
from tests.unit.http.views import Peer, instance, link_to, record, view_of

AREA, COMPONENT, APP, FUNCTION = EntityKind
HERE, BEE, FAR = instance("here"), instance("bee"), instance("far")


def world() -> FederatedView:
    """`box` is ours, bee's and far's (behind bee); bee's `cam` is called b__cam here, for ours is called so too."""
    far = record("far", Component("box", data=("temp",)), App("lidar", component_id="box", data=("scan", "rate")))
    bee = record(
        "bee",
        Component("box", data=("temp", "fan")),
        App("cam", component_id="box", data=("rate", "/image")),
        links=[link_to("f", far)],
    )
    here = record(
        "here",
        Area("lab"),
        Component("box", area="lab", data=("temp",)),
        App("cam", component_id="box", data=("rate", "own")),
        Function("see", hosts=("cam",)),
    )
    return view_of(here, Peer("b", bee, behind=(far,)))


def subject(kind: EntityKind, entity_id: str, *, own: bool = False) -> Subject:
    view = world()
    shown = view.own if own else view.merged
    entity = shown.find(kind, entity_id)
    assert entity is not None
    return Subject(view, shown, entity)


BOX = (COMPONENT, "box")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("temp", (HERE, "components/box", "temp")),
        ("b:temp", (BEE, "components/box", "temp")),
        ("b__f:temp", (FAR, "components/box", "temp")),
        ("fan", (BEE, "components/box", "fan")),
        ("scan", (FAR, "apps/lidar", "scan")),
        ("own", (HERE, "apps/cam", "own")),
        ("cam:rate", (HERE, "apps/cam", "rate")),
        ("b__cam:rate", (BEE, "apps/cam", "rate")),
        ("lidar:rate", (FAR, "apps/lidar", "rate")),
        ("lidar:scan", (FAR, "apps/lidar", "scan")),
        ("lidar:new", (FAR, "apps/lidar", "new")),
        ("/image", (BEE, "apps/cam", "/image")),
        ("image", (BEE, "apps/cam", "/image")),
        ("//image", (BEE, "apps/cam", "/image")),
        ("b__cam:/image", (BEE, "apps/cam", "/image")),
        ("nobody:rate", None),
        ("unknown", None),
        (":rate", None),
        ("cam:", None),
        ("/", None),
    ],
)
def test_a_listed_item_is_found_by_id_then_member_then_way(item: str, expected: tuple[str, str, str] | None) -> None:
    found = listed_place(subject(*BOX), "data", item)
    assert not isinstance(found, Undecided)
    told = None if found is None else (found.instance, f"{found.ref.kind.value}/{found.ref.id}", found.item)
    assert told == expected


def test_an_id_of_several_members_is_undecided() -> None:
    assert listed_place(subject(*BOX), "data", "rate") == Undecided(("cam:rate", "b__cam:rate", "lidar:rate"))


def test_a_target_knows_only_its_own_items_by_its_own_ids() -> None:
    ours = subject(*BOX, own=True)
    assert listed_place(ours, "data", "rate") == Place(HERE, EntityRef(APP, "cam"), "rate")
    assert listed_place(ours, "data", "fan") is None
    assert listed_place(ours, "data", "b__cam:rate") is None


@pytest.mark.parametrize(
    ("item", "expected"),
    [("x", ("x", "/x")), ("/x", ("/x", "x")), ("//x", ("//x", "/x", "x")), ("/", ("/", "")), ("a/b", ("a/b", "/a/b"))],
)
def test_ros_names_are_written_with_and_without_their_slash(item: str, expected: tuple[str, ...]) -> None:
    assert spellings(item) == expected


@pytest.mark.parametrize(
    ("item", "segment"),
    [
        ("temp", "temp"),
        ("/a/b", "%2Fa%2Fb"),
        ("a b?c#d%", "a%20b%3Fc%23d%25"),
        ("é", "%C3%A9"),
        ("a\r\nx: y", "a%0D%0Ax%3A%20y"),
    ],
)
def test_whatever_stands_in_an_item_is_one_segment_of_the_path(item: str, segment: str) -> None:
    place = Place(BEE, EntityRef(APP, "cam"), item)
    assert place.path("operations") == f"/api/v1/apps/cam/operations/{segment}"
    assert place.path("operations", ("executions", "1/2")).endswith(f"/{segment}/executions/1%2F2")


def named(kind: EntityKind, entity_id: str, item: str) -> list[tuple[str, str, str]]:
    """Places whose member the id names."""
    return [
        (place.instance, f"{place.ref.kind.value}/{place.ref.id}", place.item)
        for place, is_named in configuration_places(subject(kind, entity_id), item)
        if is_named
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("cam:fps", [(HERE, "apps/cam", "fps")]),
        ("b__cam:fps", [(BEE, "apps/cam", "fps")]),
        ("lidar:fps", [(FAR, "apps/lidar", "fps")]),
        ("b:net", [(BEE, "components/box", "net"), (BEE, "apps/cam", "net")]),
        ("b__f:net", [(FAR, "components/box", "net"), (FAR, "apps/lidar", "net")]),
        ("cam:a:b", [(HERE, "apps/cam", "a:b")]),
        ("nobody:fps", []),
        ("cam:", []),
        ("fps", []),
    ],
)
def test_a_configuration_id_names_its_member(item: str, expected: list[tuple[str, str, str]]) -> None:
    assert named(*BOX, item) == expected


def test_a_bare_configuration_is_listed_where_no_prefix_is_needed() -> None:
    assert list(configuration_places(subject(*BOX), "fps")) == [
        (Place(HERE, EntityRef(COMPONENT, "box"), "fps"), False)
    ]
    assert list(configuration_places(subject(FUNCTION, "see"), "fps")) == [
        (Place(HERE, EntityRef(FUNCTION, "see"), "fps"), False),
        (Place(HERE, EntityRef(APP, "cam"), "fps"), False),
    ]
    assert list(configuration_places(subject(AREA, "lab"), "fps")) == [
        (Place(HERE, EntityRef(AREA, "lab"), "fps"), False)
    ]


def test_the_configurations_of_an_area_are_those_of_all_that_stands_in_it() -> None:
    assert (BEE, "components/box", "net") in named(AREA, "lab", "box:b:net")
    assert named(AREA, "lab", "lidar:fps") == [(FAR, "apps/lidar", "fps")]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("log1", (HERE, "log1")),
        ("b:log1", (BEE, "log1")),
        ("b__f:log1", (FAR, "log1")),
        ("b:x:y", (BEE, "x:y")),
        ("local:log1", (HERE, "log1")),
        ("nobody:log1", (HERE, "nobody:log1")),
        ("b:", (HERE, "b:")),
    ],
)
def test_any_other_item_is_at_the_contributor_its_way_leads_to_else_at_the_first(
    item: str, expected: tuple[str, str]
) -> None:
    place = contributor_place(subject(*BOX), item)
    assert (place.instance, place.item, place.ref) == (*expected, EntityRef(COMPONENT, "box"))


@pytest.mark.parametrize(("item", "rest"), [("log1", "log1"), ("b:log1", "log1")])
def test_an_item_of_an_app_is_asked_for_under_the_id_its_owner_gives_the_app(item: str, rest: str) -> None:
    cam = subject(APP, "b__cam")
    assert cam.own_id == "cam"
    assert contributor_place(cam, item) == Place(BEE, EntityRef(APP, "cam"), rest)


def test_our_own_app_is_never_taken_for_one_of_that_name_elsewhere() -> None:
    ours: Mapping[bool, Any] = {own: subject(APP, "cam", own=own) for own in (False, True)}
    assert [one.own_id for one in ours.values()] == ["cam", "cam"]
    assert contributor_place(ours[True], "x") == Place(HERE, EntityRef(APP, "cam"), "x")
