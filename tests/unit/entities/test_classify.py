"""Parents, children and owners of members; edges that lead nowhere or in a circle are left out."""

import pytest

from entities.classify import MAX_DEPTH, classify, descendants, leaf_collisions, members_of, own_members
from entities.model import App, Area, Component, EntityKind, Function
from tests.unit.entities.sketch import instance, letters, merged, record


def part(component_id: str, parent: str | None = None, *, area: str | None = None) -> Component:
    return Component(component_id, parent_component_id=parent, area=area)


@pytest.mark.parametrize(
    ("edges", "parents", "dropped"),
    [
        ({"a": None}, {}, []),
        ({"a": "b", "b": None}, {"a": "b"}, []),
        ({"a": "nobody"}, {}, []),
        ({"a": "a"}, {}, ["a"]),
        ({"a": "b", "b": "a"}, {}, ["a", "b"]),
        ({"a": "b", "b": "c", "c": "a"}, {}, ["a", "b", "c"]),
        ({"x": "a", "a": "b", "b": "a"}, {"x": "a"}, ["a", "b"]),
        ({"a": "b", "b": "a", "x": "y", "y": "a"}, {"x": "y", "y": "a"}, ["a", "b"]),
    ],
)
def test_members_of_a_cycle_are_roots_and_told(
    edges: dict[str, str | None], parents: dict[str, str], dropped: list[str]
) -> None:
    tree = merged(record("a", "", *(part(child, parent) for child, parent in edges.items())))
    structure = classify(tree)
    assert structure.component_parent == parents
    assert list(structure.dropped_edges.items()) == [((EntityKind.COMPONENT, one), "cycle") for one in dropped]
    areas = merged(record("a", "", *(Area(child, parent_area_id=parent) for child, parent in edges.items())))
    assert classify(areas).area_parent == parents


def test_a_cycle_over_two_gateways_is_found() -> None:
    tree = merged(record("a", "b", part("x", "y")), record("b", "", part("y", "x")))
    assert classify(tree).component_parent == {}


HOUSE = (
    record("a", "b c d e", Area("site"), Area("lab", parent_area_id="site"), part("rack", area="lab")),
    record("b", "", part("robot", "rack")),
    record("c", "", App("cam", component_id="robot"), Function("see", hosts=("cam",))),
    record("d", "", part("arm", "robot"), Function("see")),
    record("e", "", Area("elsewhere"), App("loose", component_id="nobody"), Function("lift", hosts=("arm", "ghost"))),
)


@pytest.mark.parametrize(
    ("kind", "entity_id", "owners"),
    [
        (EntityKind.AREA, "site", "abdc"),
        (EntityKind.AREA, "lab", "abdc"),
        (EntityKind.AREA, "elsewhere", "e"),
        (EntityKind.COMPONENT, "rack", "abdc"),
        (EntityKind.COMPONENT, "robot", "bcd"),
        (EntityKind.COMPONENT, "arm", "d"),
        (EntityKind.APP, "cam", "c"),
        (EntityKind.FUNCTION, "see", "cd"),
        (EntityKind.FUNCTION, "lift", "ed"),
    ],
)
def test_owners_are_the_contributors_and_then_whoever_owns_a_member(
    kind: EntityKind, entity_id: str, owners: str
) -> None:
    found = letters(classify(merged(*HOUSE)).owners[kind][entity_id])
    assert (found[0], set(found)) == (owners[0], set(owners))
    assert len(found) == len(owners)


def test_children_stand_in_tree_order() -> None:
    structure = classify(merged(*HOUSE))
    assert structure.subareas == {"site": ("lab",)}
    assert structure.area_components == {"lab": ("rack",)}
    assert structure.subcomponents == {"rack": ("robot",), "robot": ("arm",)}
    assert structure.component_apps == {"robot": ("cam",), "nobody": ("loose",)}


@pytest.mark.parametrize(
    ("kind", "entity_id", "components", "apps"),
    [
        (EntityKind.AREA, "site", ("rack", "robot", "arm"), ("cam",)),
        (EntityKind.COMPONENT, "robot", ("robot", "arm"), ("cam",)),
        (EntityKind.APP, "cam", (), ("cam",)),
        (EntityKind.FUNCTION, "see", (), ("cam",)),
        (EntityKind.FUNCTION, "lift", ("arm",), ()),
    ],
)
def test_members_are_the_subtree(
    kind: EntityKind, entity_id: str, components: tuple[str, ...], apps: tuple[str, ...]
) -> None:
    tree = merged(*HOUSE)
    assert members_of(tree, classify(tree), tree.of(kind)[entity_id]) == (components, apps)


@pytest.mark.parametrize(
    ("letter", "kind", "entity_id", "scope", "expected"),
    [
        ("a", EntityKind.AREA, "lab", ("rack", "robot", "arm"), ["lab", "rack"]),
        ("b", EntityKind.AREA, "lab", ("rack", "robot", "arm"), ["robot"]),
        ("c", EntityKind.AREA, "lab", ("rack", "robot", "arm"), ["cam"]),
        ("c", EntityKind.COMPONENT, "robot", (), ["cam"]),
        ("c", EntityKind.FUNCTION, "see", (), ["see", "cam"]),
        ("e", EntityKind.AREA, "lab", ("rack",), []),
    ],
)
def test_a_gateway_answers_with_its_own_part_of_what_the_asker_has_in_scope(
    letter: str, kind: EntityKind, entity_id: str, scope: tuple[str, ...], expected: list[str]
) -> None:
    (own,) = (one for one in HOUSE if one.name == letter)
    tree = merged(own)
    assert [one for _, one in own_members(tree, classify(tree), kind, entity_id, scope)] == expected


def test_a_leaf_that_two_other_gateways_claim_is_a_collision_but_a_parent_is_not() -> None:
    tree = merged(
        record("a", "b c", part("rack"), part("x")),
        record("b", "", part("x"), part("robot"), part("rack"), part("arm")),
        record("c", "", part("x"), part("robot"), part("rack"), part("wheel", "robot")),
    )
    claimants = (instance("b"), instance("c"))
    assert leaf_collisions(tree, classify(tree), instance("a")) == {"x": claimants, "rack": claimants}


def test_descendants_end_though_the_children_go_in_a_circle() -> None:
    assert descendants({"a": ("b",), "b": ("c", "a"), "c": ()}, ("a",)) == ("a", "b", "c")


def test_a_hierarchy_that_is_too_deep_is_cut_into_several() -> None:
    deep = [part(f"c{number}", f"c{number + 1}") for number in range(5000)]
    structure = classify(merged(record("a", "b", *deep[::-1]), record("b", "", *deep)))
    cut = set(structure.dropped_edges)
    assert set(structure.dropped_edges.values()) == {"too_deep"}
    assert cut == {(EntityKind.COMPONENT, f"c{number}") for number in range(4999 - MAX_DEPTH - 1, -1, -MAX_DEPTH - 1)}
    assert len(structure.component_parent) == 4999 - len(cut)
