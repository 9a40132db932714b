"""Targets are read once, verbatim, and what could be read differently elsewhere is refused before routing."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entities.items import is_addressable
from entities.model import EntityKind
from gateway.http.path import (
    API_PREFIX,
    MAX_TARGET_BYTES,
    EntityCollection,
    EntityPath,
    PathProblem,
    ServerPath,
    parse_target,
    relation_names,
)
from gateway.http.relations import RELATIONS

APP = EntityKind.APP


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/api/v1", ServerPath("")),
        ("/api/v1/", ServerPath("")),
        ("/api/v1/health", ServerPath("health")),
        ("/api/v1/health/", ServerPath("health")),
        ("/api/v1/faults/stream", ServerPath("faults", ("stream",))),
        ("/api/v1/faults?status=all&x=%2F", ServerPath("faults", query="status=all&x=%2F")),
        ("/api/v1/x-medkit-tree?since=a:1", ServerPath("x-medkit-tree", query="since=a:1")),
        ("/api/v1/apps", EntityCollection(APP)),
        ("/api/v1/areas/?a=b", EntityCollection(EntityKind.AREA, "a=b")),
        ("/api/v1/apps/cam", EntityPath(APP, "cam")),
        ("/api/v1/apps/cam/", EntityPath(APP, "cam")),
        ("/api/v1/apps/cam?", EntityPath(APP, "cam")),
        ("/api/v1/components/r/hosts/", EntityPath(EntityKind.COMPONENT, "r", ("hosts",), "hosts/")),
        ("/api/v1/apps/cam/data", EntityPath(APP, "cam", ("data",), "data")),
        ("/api/v1/apps/cam/data/x?y=/..", EntityPath(APP, "cam", ("data", "x"), "data/x", query="y=/..")),
        ("/api/v1/apps/cam/faults/P%20LOW/", EntityPath(APP, "cam", ("faults", "P LOW"), "faults/P%20LOW/")),
    ],
)
def test_a_target_names_its_route(target: str, route: object) -> None:
    assert parse_target(target) == route


@pytest.mark.parametrize(
    ("below", "item"),
    [
        ("data", None),
        ("data/", None),
        ("data/speed", "speed"),
        ("data/%2Fx%2Fy", "/x/y"),
        ("data/x/y", "x/y"),
        ("data//x/y", "/x/y"),
        ("data/x/", "x/"),
        ("data/x//y", "x//y"),
        ("data/a..b", "a..b"),
        ("data/100%25", "100%"),
        ("data/gr%C3%BCn", "grün"),
        ("configurations/cam%3Arate", "cam:rate"),
        ("operations//ns/op/executions/17", "/ns/op/executions/17"),
        ("bulk-data/maps/1", "maps/1"),
        ("bulk-data/maps/1/", "maps/1"),
    ],
)
def test_an_item_id_may_hold_slashes_where_ros_names_are_ids(below: str, item: str | None) -> None:
    route = parse_target(f"/api/v1/apps/cam/{below}")
    assert isinstance(route, EntityPath)
    assert (route.collection, route.item) == (below.partition("/")[0], item)
    assert route.raw_rest == below


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/apps/../../etc",
        "/api/v1/apps/./cam",
        "/api/v1/apps/%2e%2e/data",
        "/api/v1/apps/%2E./data",
        "/api/v1/components/box/configurations/cam:..",
        "/api/v1/components/box/configurations/cam:..%2Fx",
        "/api/v1/components/box/data/cam%3A%2e",
        "/api/v1/components/box/bulk-data/b:c:..",
        "/api/v1/apps/cam/data/%2F..%2Fx",
        "/api/v1/apps/cam/data/..",
        "/api/v1/apps/cam/data/x/../y",
        "/api/v1/apps/cam/data/%252e%252e",
        "/api/v1/apps/cam/data/%252F",
        "/api/v1/apps/..;/data",
        "/api/v1/apps/cam;x=1/data",
        "/api/v1/apps/cam/data/x%3By",
        "/api/v1/apps/cam\\data",
        "/api/v1/apps/cam%5Cdata",
        "/api/v1/apps/cam%00",
        "/api/v1/apps/cam/data/%0d%0aX:1",
        "/api/v1/apps/cam/data/%7F",
        "/api/v1/apps/cam/data/%c0%ae%c0%ae",
        "/api/v1/apps/cam/data/%c0%af",
        "/api/v1/apps/cam/data/%ed%a0%80",
        "/api/v1/apps/cam/data/%ff",
        "/api/v1/apps/cam/data/%",
        "/api/v1/apps/cam/data/%2",
        "/api/v1/apps/cam/data/%zz",
        "/api/v1//apps",
        "/api/v1/apps//cam",
        "/api/v1/apps/cam//data",
        "/api/v1/apps/cam/faults//x",
        "/api/v1/health//x",
        "/api/v1/apps/cam#x",
        "/api/v1/apps?x#y",
        "/api/v1/apps/grün",
        "/api/v1/apps/a b",
        "/api/v1/apps/a\tb",
        "http://evil/api/v1/apps",
        "evil:443",
        "*",
        "",
    ],
)
def test_fault_066_what_could_leave_its_place_is_refused(target: str) -> None:
    problem = parse_target(target)
    assert isinstance(problem, PathProblem), problem
    assert problem.status == 400
    assert problem.message


@pytest.mark.parametrize("target", ["/", "/api/v1x", "/api/v2/apps", "//api/v1/apps", "/API/v1/apps", "/api/%761/apps"])
def test_what_is_not_below_the_prefix_is_not_found(target: str) -> None:
    assert parse_target(target) == PathProblem(404, "Resource not found; everything is below /api/v1")


def test_a_target_may_be_as_long_as_the_limit_and_no_longer() -> None:
    longest = f"{API_PREFIX}/apps/cam/data/".ljust(MAX_TARGET_BYTES, "x")
    assert isinstance(parse_target(longest), EntityPath)
    problem = parse_target(f"{longest}x")
    assert isinstance(problem, PathProblem)
    assert (problem.status, str(MAX_TARGET_BYTES) in problem.message) == (414, True)


def test_an_id_is_left_to_the_entity_checks() -> None:
    route = parse_target("/api/v1/apps/bad%20id")
    assert route == EntityPath(APP, "bad id")
    assert parse_target("/api/v1/apps/a%2Fb") == EntityPath(APP, "a/b")


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_whatever_is_sent_no_segment_that_is_routed_can_climb(text: str) -> None:
    route = parse_target(f"/api/v1/apps/cam/data/{text}")
    if isinstance(route, EntityPath):
        parts = "/".join(route.rest).split("/")
        assert {".", ".."}.isdisjoint(parts)
        assert not set("\\;\0\r\n") & set("".join(parts))


def test_every_relation_that_is_routed_is_rendered_and_no_other() -> None:
    assert {(kind, name) for kind in EntityKind for name in relation_names(kind)} == RELATIONS.keys()


@given(st.text(min_size=1, max_size=30) | st.text("./:;%2aF\\\n é", min_size=1, max_size=8))
def test_an_id_arrives_as_it_is_or_is_none(item: str) -> None:
    route = parse_target(f"/api/v1/apps/cam/data/{quote(item, safe='')}")
    if is_addressable(item):
        assert isinstance(route, EntityPath)
        assert route.item == item
    else:
        assert isinstance(route, PathProblem)
