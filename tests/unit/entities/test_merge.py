"""Records become one tree: contributions of one id are united, gaps filled, own first; every App stands alone."""

import pytest

from entities.merge import MergedTree, Retain, merge
from entities.model import App, Area, Component, EntityKind, Function, Identity
from tests.unit.entities.sketch import instance, letters, merged, named, record, seen_from


def test_apps_of_one_id_are_two_entities_and_references_follow_their_names() -> None:
    theirs = (App("cam", depends_on=("lidar", "arm")), App("lidar"), Function("see", hosts=("cam", "robot")))
    tree = merged(record("a", "b", App("cam"), App("lidar")), record("b", "", *theirs))
    assert list(tree.apps) == ["cam", "lidar", "b__cam", "b__lidar"]
    assert tree.apps["b__cam"].entity == App("b__cam", name="b__cam", depends_on=("b__lidar", "arm"))
    assert tree.functions["see"].entity == Function("see", name="see", hosts=("b__cam", "robot"))


def test_the_name_of_a_renamed_app_is_renamed_likewise() -> None:
    tree = merged(record("a", "b", App("cam", "Camera")), record("b", "", App("cam", "Camera")))
    assert [one.entity.name for one in tree.apps.values()] == ["Camera", "b__Camera"]


def test_hosts_that_are_components_keep_their_ids() -> None:
    theirs = (App("cam"), Component("arm"), Function("move", hosts=("arm",)))
    tree = merged(record("a", "b", App("arm"), App("cam")), record("b", "", *theirs))
    assert tree.functions["move"].entity == Function("move", name="move", hosts=("arm",))


def test_a_component_of_one_id_is_one_entity_with_tags_united_and_gaps_filled_own_first() -> None:
    ours = Component("robot", tags=("x", "y"), type="mobile", identity=Identity(model="M1", extra={"k": "ours"}))
    theirs = Component(
        "robot",
        "Robot",
        "the robot",
        tags=("y", "z"),
        type="fixed",
        variant="v2",
        area="lab",
        parent_component_id="rack",
        depends_on=("net",),
        identity=Identity(model="M2", serial_number="7", extra={"k": "theirs", "l": "theirs"}),
        declared=True,
        data=("temp",),
    )
    tree = merged(record("a", "b", ours), record("b", "", theirs))
    assert tree.components["robot"].entity == Component(
        "robot",
        "Robot",
        "the robot",
        tags=("x", "y", "z"),
        type="mobile",
        variant="v2",
        area="lab",
        parent_component_id="rack",
        depends_on=("net",),
        identity=Identity(model="M1", serial_number="7", extra={"k": "ours", "l": "theirs"}),
        declared=True,
        data=("temp",),
    )
    assert letters(tree.components["robot"].instances) == "ab"


def test_areas_fill_their_gaps_and_functions_unite_their_hosts() -> None:
    tree = merged(
        record("a", "b", Area("lab", namespace="/lab"), Function("go", hosts=("arm",)), App("arm")),
        record(
            "b", "", Area("lab", description="d", parent_area_id="site"), Function("go", hosts=("cam",)), App("cam")
        ),
    )
    assert tree.areas["lab"].entity == Area("lab", "lab", "d", namespace="/lab", parent_area_id="site")
    assert tree.functions["go"].entity == Function("go", "go", hosts=("arm", "cam"))


def test_contributions_stand_in_the_order_of_gateways() -> None:
    robot = Component("robot")
    tree = merged(record("a", "c b"), record("b", "", robot), record("c", "d", robot), record("d", "", robot))
    assert letters(tree.components["robot"].instances) == "cdb"


SILENT = (
    record("a", "-b c"),
    record("b", "", Component("robot", description="b's"), App("cam", declared=True), App("lidar")),
    record("c", "", Component("robot", tags=("c",))),
)


def listed(tree: MergedTree, kind: EntityKind) -> list[str]:
    return [one.id for one in tree.of(kind).values() if one.listed]


@pytest.mark.parametrize(("retain", "apps"), [("none", []), ("declared", ["cam"]), ("all", ["cam", "lidar"])])
def test_what_only_silent_gateways_have_is_known_but_not_listed_unless_retained(
    retain: Retain, apps: list[str]
) -> None:
    topology = seen_from(*SILENT)
    tree = merge(topology, named(topology).table, retain=retain)
    assert listed(tree, EntityKind.APP) == apps
    assert list(tree.apps) == ["cam", "lidar"]
    assert not tree.apps["cam"].available


def test_a_silent_contributor_stays_a_contributor_but_says_nothing() -> None:
    robot = merged(*SILENT).components["robot"]
    assert letters(robot.instances) == "bc"
    assert (robot.available, robot.listed) == (True, True)
    assert robot.entity == Component("robot", "robot", tags=("c",))


def test_everything_a_gateway_owns_is_listed_once_by_kind_in_its_order() -> None:
    own = record("a", "", Area("z"), Area("y"), Component("x"), App("w"), App("v"), Function("u"))
    tree = merged(own)
    assert [list(tree.of(kind)) for kind in EntityKind] == [["z", "y"], ["x"], ["w", "v"], ["u"]]
    assert tree.apps["w"].contributions[0].instance == instance("a")


def test_merging_takes_the_records_in_any_order() -> None:
    robot, cam = Component("robot"), App("cam")
    others = [record("b", "d", robot, cam), record("c", "", robot, cam), record("d", "", cam)]
    trees = [merged(record("a", "c b", cam), *order) for order in (others, others[::-1])]
    assert [list(tree.of(kind).items()) for tree in trees[:1] for kind in EntityKind] == [
        list(trees[1].of(kind).items()) for kind in EntityKind
    ]
