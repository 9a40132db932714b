"""What an upstream gateway lists becomes its entities, without its copies of ours."""

from collections.abc import Mapping
from typing import Any

import pytest

from entities.model import App, Area, Component, EntityKind, Function, GatewayTree
from entities.origin_tags import SortedTags, origin_tag, sort_tags
from peers.foreign_tree import build_tree
from peers.foreign_walk import ToldEntity, Walked

OURS, STRANGER = "O" * 22, "S" * 22


def told(kind: EntityKind, own_id: str, medkit: Mapping[str, Any] | None = None, **more: Any) -> ToldEntity:
    detail = more.pop("detail", None)
    fields = {name: more.pop(name) for name in ("parent", "silent", "data", "operations") if name in more}
    item = {"id": own_id, "name": own_id, "x-medkit": dict(medkit or {}), **more}
    return ToldEntity(kind, item, detail, **fields)


def tree_of(*entities: ToldEntity) -> GatewayTree:
    return build_tree(Walked(entities, 0), lambda original: original[1:] == (OURS, "x")).tree


def copies_in(*entities: ToldEntity) -> int:
    return len(build_tree(Walked(entities, 0), lambda original: original[1:] == (OURS, "x")).copies_of)


def test_an_origin_tag_is_told_from_all_others() -> None:
    tag = origin_tag(OURS, "cam")
    others = ("origin=me|cam", f"origin={OURS}", f"origin={OURS}|a b", f"x-origin={OURS}|cam", "top", "top")
    assert sort_tags([tag, *others]) == SortedTags((*others[:-1],), frozenset({(OURS, "cam")}))


def test_fields_are_found_wherever_upstream_puts_them() -> None:
    area = told(EntityKind.AREA, "a", {"ros2": {"namespace": "/a"}}, detail={"x-medkit": {"parent_area_id": "p"}})
    component = told(
        EntityKind.COMPONENT,
        "c",
        {"source": "manifest"},
        tags=["t"],
        detail={
            "id": "c",
            "description": "a robot",
            "x-medkit": {
                "area": "a",
                "variant": "v",
                "dependsOn": ["d"],
                "parentComponentId": "p",
                "external": True,
                "identity": {"model": "M", "serialNumber": 7, "extra": {"k": "v", "n": 1}},
            },
        },
    )
    app = told(
        EntityKind.APP,
        "x",
        {"source": "peer:y", "is_online": True, "component_id": "elsewhere"},
        detail={
            "id": "x",
            "_links": {"is-located-on": {"href": "/api/v1/components/c"}, "depends-on": ["/api/v1/apps/z"]},
        },
        data=("/t",),
        operations=("run",),
    )
    function = told(EntityKind.FUNCTION, "f", {"source": "manifest"}, detail={"x-medkit": {"hosts": ["x"]}})
    tree = tree_of(area, component, app, function)
    assert tree.areas == (Area("a", "a", namespace="/a", parent_area_id="p", source="runtime"),)
    (found,) = tree.components
    assert (found.area, found.variant, found.depends_on, found.parent_component_id) == ("a", "v", ("d",), "p")
    assert (found.description, found.tags, found.external, found.declared) == ("a robot", ("t",), True, True)
    assert found.identity is not None
    assert (found.identity.model, found.identity.serial_number, dict(found.identity.extra)) == ("M", None, {"k": "v"})
    assert tree.apps == (
        App("x", "x", component_id="c", depends_on=("z",), source="peer:y", data=("/t",), operations=("run",)),
    )
    assert tree.functions == (Function("f", "f", hosts=("x",), declared=True),)


def test_a_forwarded_detail_is_not_believed_about_ids() -> None:
    """It is the view of the gateway behind, which calls its entities otherwise."""
    detail = {"id": "cam", "_links": {"depends-on": ["/api/v1/apps/other"]}, "x-medkit": {"ros2": {"node": "/cam"}}}
    (app,) = tree_of(told(EntityKind.APP, "b__cam", {"source": "peer:b"}, detail=detail)).apps
    assert (app.id, app.depends_on, app.node) == ("b__cam", (), "/cam")


def test_fields_of_a_wrong_type_are_as_if_they_were_not_there() -> None:
    wrong = {"source": 1, "area": "../x", "dependsOn": "d", "identity": [], "ros2": "x", "external": "yes"}
    told_so = told(EntityKind.COMPONENT, "c", wrong, name=None, tags=[1, "t"], description={})
    assert tree_of(told_so).components == (Component("c", "", tags=("t",), source="runtime"),)


@pytest.mark.parametrize(
    "silent",
    [
        told(EntityKind.COMPONENT, "x", {"available": False}),
        told(EntityKind.COMPONENT, "x", silent=True),
        told(EntityKind.APP, "x", {"available": False}),
    ],
    ids=["listed so", "detail so", "App"],
)
def test_what_it_only_remembers_is_not_available(silent: ToldEntity) -> None:
    tree = tree_of(silent)
    assert [one.available for one in tree.components] + [one.available for one in tree.apps] == [False]


OUR_TAG, OTHER_TAG = origin_tag(OURS, "x"), origin_tag(STRANGER, "x")
FORWARDED = {"x-medkit": {"answered_by": OURS, "contributors": ["local"], "source": "manifest"}}
MERGED = {"x-medkit": {"contributors": ["local", "peer:grove"]}}
FROM_ONE, FROM_TWO = (
    {"x-medkit": {"contributors": [f"peer:{name}" for name in names]}} for names in (("a",), ("a", "b"))
)


@pytest.mark.parametrize(
    ("entity", "is_copy"),
    [
        (told(EntityKind.APP, "x", {"source": "peer:g"}, tags=[OUR_TAG]), True),
        (told(EntityKind.APP, "x", {"source": "peer:g"}, tags=[OTHER_TAG]), False),
        (told(EntityKind.APP, "x", {"source": "peer:g"}), False),
        (told(EntityKind.COMPONENT, "x", {"source": "peer:g"}, tags=[OUR_TAG], detail=FORWARDED), True),
        (told(EntityKind.COMPONENT, "x", {"source": "peer:g"}, tags=[OUR_TAG], detail=FROM_ONE), True),
        (told(EntityKind.COMPONENT, "x", {"source": "peer:g"}, tags=[OUR_TAG], detail=FROM_TWO), False),
        (told(EntityKind.COMPONENT, "x", {"source": "peer:g"}, tags=[OUR_TAG, OTHER_TAG], detail=FORWARDED), False),
        (told(EntityKind.COMPONENT, "x", {"source": "manifest"}, tags=[OUR_TAG], detail=MERGED), False),
        (told(EntityKind.COMPONENT, "x", {"source": "manifest"}, tags=[OUR_TAG], detail=FORWARDED), False),
        (told(EntityKind.COMPONENT, "x", {"source": "peer:g"}, tags=[OUR_TAG], silent=True), True),
        (told(EntityKind.FUNCTION, "x", {"source": "manifest"}, tags=[OUR_TAG], detail=MERGED), False),
        (told(EntityKind.FUNCTION, "x", {"source": "peer:g"}, tags=[OUR_TAG], detail=FORWARDED), True),
        (told(EntityKind.AREA, "x", tags=[OUR_TAG], detail=FORWARDED), True),
        (told(EntityKind.AREA, "x", detail={**FORWARDED, "tags": [OUR_TAG]}), True),
        (told(EntityKind.AREA, "x", tags=[OUR_TAG], detail=MERGED), False),
    ],
)
def test_a_copy_is_what_it_has_from_us_alone(entity: ToldEntity, is_copy: bool) -> None:
    assert copies_in(entity) == is_copy
    tree = tree_of(entity)
    assert len(tree) == (not is_copy)
    assert all("origin=" not in tag for one in tree.all() for tag in one.tags)


def test_a_shared_function_keeps_the_hosts_that_are_its_own() -> None:
    copy = told(EntityKind.APP, "g__cam", {"source": "peer:g"}, tags=[OUR_TAG])
    own = told(EntityKind.APP, "cam", {"source": "manifest"})
    medkit = {"x-medkit": {"hosts": ["cam", "g__cam"], "contributors": ["local", "peer:g"]}}
    function = told(EntityKind.FUNCTION, "f", {"source": "manifest"}, tags=[OUR_TAG], detail=medkit)
    assert tree_of(copy, own, function).functions[0].hosts == ("cam",)
