"""An id in a path is checked in the API's order: syntax, its own kind, the other kinds, who could know."""

import pytest

from entities.model import App, Area, Component, Entity, EntityKind, Function
from gateway.http.errors import ApiError
from gateway.http.lookup import find_entity, find_related, gone
from peers.view import FederatedView
from tests.unit.http.views import Peer, link_to, record, view_of

HERE: tuple[Entity, ...] = (Area("lab"), Component("robot"), App("cam"), Function("nav"))


def refusal(view: FederatedView, kind: EntityKind, entity_id: str, *, own: bool = False) -> ApiError:
    with pytest.raises(ApiError) as caught:
        find_entity(view, kind, entity_id, own=own)
    return caught.value


@pytest.mark.parametrize(("kind", "entity_id"), [*zip(EntityKind, ("lab", "robot", "cam", "nav"), strict=True)])
def test_an_entity_is_found_among_its_kind(kind: EntityKind, entity_id: str) -> None:
    assert find_entity(view_of(record("here", *HERE)), kind, entity_id).id == entity_id


@pytest.mark.parametrize("entity_id", ["", "a/b", "bad id", "a\n", "x" * 257])
def test_a_bad_id_is_refused_first(entity_id: str) -> None:
    assert refusal(view_of(record("here")), EntityKind.APP, entity_id).status == 400


def test_an_entity_of_another_kind_is_told_apart_from_one_that_is_not_there() -> None:
    view = view_of(record("here", *HERE))
    wrong = refusal(view, EntityKind.COMPONENT, "cam")
    assert (wrong.status, wrong.message) == (400, "Invalid entity type for route: expected Component, got App")
    assert refusal(view, EntityKind.COMPONENT, "arm").status == 404


def test_one_id_may_name_an_entity_of_each_kind() -> None:
    view = view_of(record("here", Area("x"), App("x")))
    assert find_entity(view, EntityKind.AREA, "x").kind is EntityKind.AREA
    assert find_entity(view, EntityKind.APP, "x").kind is EntityKind.APP


def test_among_what_is_ours_nobody_else_is_found_and_our_own_ids_are() -> None:
    bee = record("bee", App("cam"), App("gps"))
    view = view_of(record("here", App("cam")), Peer("b", bee))
    assert find_entity(view, EntityKind.APP, "gps").id == "gps"
    assert refusal(view, EntityKind.APP, "gps", own=True).status == 404
    assert find_entity(view, EntityKind.APP, "cam", own=True).id == "cam"


@pytest.mark.parametrize(
    ("app_id", "up", "status"),
    [("b__cam", False, 502), ("b__cam", True, 404), ("b__", False, 404), ("c__cam", False, 404), ("cam", False, 404)],
)
def test_nobody_knows_what_a_silent_peer_would_show_below_its_name(app_id: str, up: bool, status: int) -> None:
    view = view_of(record("here"), Peer("b", record("bee") if up else None, up=up))
    assert refusal(view, EntityKind.APP, app_id).status == status


def test_only_apps_are_named_after_a_peer() -> None:
    view = view_of(record("here"), Peer("b", None, up=False))
    assert refusal(view, EntityKind.COMPONENT, "b__robot").status == 404


def test_relations_are_looked_up_in_their_own_kind_alone() -> None:
    view = view_of(record("here", *HERE))
    with pytest.raises(ApiError) as wrong:
        find_related(view, EntityKind.AREA, "cam")
    assert (wrong.value.status, wrong.value.parameters) == (404, {"area_id": "cam"})
    with pytest.raises(ApiError) as bad:
        find_related(view, EntityKind.COMPONENT, "a b")
    assert (bad.value.status, bad.value.message) == (400, "Invalid component ID")
    with pytest.raises(ApiError) as app:
        find_related(view, EntityKind.APP, "robot")
    assert app.value.code == "invalid-parameter"


def test_an_entity_of_a_silent_gateway_is_502_and_names_the_way_to_it() -> None:
    leaf = record("leaf", App("cam"))
    mid = record("mid", links=[link_to("leaf_system", leaf, up=False)])
    view = view_of(record("here"), Peer("mid_level", mid, behind=(leaf,)))
    error = gone(view, find_entity(view, EntityKind.APP, "cam"))
    assert error.status == 502
    assert error.body()["x-medkit"]["peer"] == "mid_level/leaf_system"
    assert error.parameters is None
    written = gone(view, find_entity(view, EntityKind.APP, "cam"), is_read=False)
    assert (written.status, written.parameters) == (502, {"may_have_executed": False})


def test_an_entity_that_is_retained_is_504_as_upstream_answers_it() -> None:
    view = view_of(record("here"), Peer("b", record("bee", App("cam")), up=False), retain="all")
    error = gone(view, find_entity(view, EntityKind.APP, "cam"))
    assert (error.status, error.code, error.message) == (504, "not-responding", "Member 'cam' is not available")
    assert error.parameters is not None
    assert error.parameters["peer"] == "b"
