"""Answers of upstream gateways, recorded ones first, become single items with whose they are."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from entities.jsontext import InvalidJsonError
from entities.model import App, Area, Component, EntityKind, Function, GatewayTree
from entities.records import Record, is_peer_name
from peers.answer import FetchedAnswer
from peers.division import Item
from peers.errors import PeerError, PeerReason
from peers.foreign_ask import asked_entities, read_answer
from peers.foreign_parts import MAX_BEHIND, About, ForeignAnswer, read_foreign_answer
from tests.federation.upstreams import WIRE

ORIGIN = "F" * 22

LEAF = GatewayTree(
    areas=(Area("chassis"), Area("brakes", parent_area_id="chassis")),
    components=(
        Component("robot", area="chassis"),
        Component("ecu-b", area="chassis", parent_component_id="robot"),
        Component("arm_controller", area="chassis"),
    ),
    apps=(
        App("cam", component_id="ecu-b", node="/chassis/cam"),
        App("pressure_sensor", component_id="arm_controller", node="/chassis/brakes/pressure_sensor"),
    ),
    functions=(Function("navigation", hosts=("pressure_sensor", "cam")),),
)
ANSWERS = {one["request"]: one["answer"] for one in json.loads((WIRE / "leaf.json").read_text())}


def read(document: Any, collection: str, asked: About | None, tree: GatewayTree = LEAF) -> ForeignAnswer:
    return read_foreign_answer(document, collection, tree=tree, origin=ORIGIN, asked=asked)


def recorded(kind: EntityKind, own_id: str, collection: str) -> list[tuple[str, str]]:
    """(member, item id) of a recorded answer."""
    document = ANSWERS[f"GET /api/v1/{kind.value}/{own_id}/{collection}"]
    return [whose(item) for item in read(document, collection, (kind, own_id)).items]


def whose(item: Item) -> tuple[str, str]:
    assert item["x-medkit"]["origin"] == ORIGIN
    return str(item["x-medkit"].get("member", "")), str(item.get("id", item.get("fault_code")))


IMAGE, PRESSURE = ("apps/cam", "/chassis/cam/image"), ("apps/pressure_sensor", "/chassis/brakes/pressure")
RATE = ("apps/cam", "rate")
SENSOR = [("apps/pressure_sensor", "mode"), ("apps/pressure_sensor", "offset")]


@pytest.mark.parametrize(
    ("kind", "own_id", "collection", "expected"),
    [
        (EntityKind.AREA, "chassis", "data", [IMAGE, PRESSURE]),
        (EntityKind.FUNCTION, "navigation", "data", [PRESSURE, IMAGE]),
        (EntityKind.APP, "cam", "data", [IMAGE]),
        (EntityKind.COMPONENT, "robot", "data", []),
        (EntityKind.AREA, "chassis", "configurations", [RATE, *SENSOR]),
        (EntityKind.COMPONENT, "arm_controller", "configurations", SENSOR),
        (EntityKind.APP, "cam", "configurations", [RATE]),
        (EntityKind.AREA, "chassis", "faults", [("apps/pressure_sensor", "P_LOW")]),
        (
            EntityKind.AREA,
            "chassis",
            "operations",
            [("apps/pressure_sensor", "calibrate"), ("apps/pressure_sensor", "long_calibration")],
        ),
    ],
)
def test_each_item_is_given_to_the_member_that_has_it(
    kind: EntityKind, own_id: str, collection: str, expected: list[tuple[str, str]]
) -> None:
    assert recorded(kind, own_id, collection) == expected


def test_a_parameter_goes_with_its_item() -> None:
    document = ANSWERS["GET /api/v1/areas/chassis/configurations"]
    rate = read(document, "configurations", (EntityKind.AREA, "chassis")).items[0]
    assert rate["x-medkit"]["node"] == "/chassis/cam"
    assert rate["x-medkit"]["parameter"] == {
        "name": "rate",
        "type": "int",
        "value": 10,
        "read_only": False,
        "description": "",
    }


def test_an_item_of_two_members_is_one_of_each() -> None:
    item = {"id": "/t", "name": "/t", "category": "currentData", "x-medkit": {"member_ids": ["cam", "pressure_sensor"]}}
    found = read({"items": [item]}, "data", (EntityKind.AREA, "chassis")).items
    assert [whose(one) for one in found] == [("apps/cam", "/t"), ("apps/pressure_sensor", "/t")]


def test_a_qualified_id_loses_its_member() -> None:
    item = {"id": "cam:/t", "name": "/t", "category": "currentData", "x-medkit": {"member_ids": ["cam"]}}
    found = read({"items": [item]}, "data", (EntityKind.AREA, "chassis")).items
    assert [whose(one) for one in found] == [("apps/cam", "/t")]


def test_an_app_that_was_asked_itself_has_all_of_its_answer() -> None:
    """An answer that was forwarded names members as the gateway behind does."""
    item = {"id": "rate", "name": "rate", "type": "parameter"}
    medkit = {"parameters": [{"name": "rate", "value": 1, "x-medkit": {"source": "cam", "node": "/cam"}}]}
    asked = (EntityKind.APP, "b__cam")
    found = read({"items": [item], "x-medkit": medkit}, "configurations", asked).items
    assert [whose(one) for one in found] == [("apps/b__cam", "rate")]
    fault = {"fault_code": "X", "reporting_sources": ["/chassis/cam"]}
    assert [whose(one) for one in read({"items": [fault]}, "faults", asked).items] == [("apps/b__cam", "X")]


def test_a_component_of_a_peer_behind_answers_for_itself_alone() -> None:
    tree = GatewayTree(components=(Component("ecu", source="peer:d"),), apps=(App("cam", component_id="x"),))
    own = {"id": "/own", "name": "/own", "category": "currentData"}
    members = {"id": "/t", "name": "/t", "category": "currentData", "x-medkit": {"member_ids": ["cam"]}}
    found = read({"items": [own, members]}, "data", (EntityKind.COMPONENT, "ecu"), tree).items
    assert [whose(one) for one in found] == [("components/ecu", "/own")]


def test_a_fault_of_nobody_listed_belongs_to_the_gateway() -> None:
    fault = {"fault_code": "X", "reporting_sources": ["/chassis/cam", "/somewhere"]}
    assert [whose(one) for one in read({"items": [fault]}, "faults", None).items] == [("", "X")]


def test_a_log_belongs_to_the_app_with_the_nearest_node() -> None:
    nodes = {"plant": "/chassis", "cam": "/chassis/cam", "far": "/chassis/cam/far/away", "bare": ""}
    tree = GatewayTree(apps=tuple(App(own_id, node=node) for own_id, node in nodes.items()))
    told = ["/chassis/cam/lens", "/chassis/camera", "/chassis", "/elsewhere", "bare/x", "", "/chassis/cam" + "/x" * 500]
    logs = [{"id": str(number), "context": {"node": node}} for number, node in enumerate(told)]
    found = read({"items": logs}, "logs", (EntityKind.AREA, "a"), tree).items
    cam, plant, nobody = "apps/cam", "apps/plant", "areas/a"
    expected = [cam, plant, plant, nobody, "apps/bare", nobody, cam]
    assert [item["x-medkit"]["member"] for item in found] == expected


def test_the_apps_are_not_gone_through_for_every_log() -> None:
    class Counted(tuple[App, ...]):
        __slots__ = ()
        times = 0

        def __iter__(self) -> Any:
            Counted.times += 1
            return super().__iter__()

    tree = GatewayTree(apps=Counted(App(f"a{number}", node=f"/n/a{number}") for number in range(100)))
    logs = [{"id": str(number), "context": {"node": "/n/a99/x"}} for number in range(100)]
    found = read({"items": logs}, "logs", (EntityKind.AREA, "a"), tree).items
    assert {item["x-medkit"]["member"] for item in found} == {"apps/a99"}
    assert Counted.times <= 1


def test_as_many_parameters_as_items_take_no_longer_than_reading_both() -> None:
    """A fraction of a second; most of a minute if each were looked for among all."""
    names = [f"p{number}" for number in range(40_000)]
    items = [{"id": f"cam:{name}", "name": name, "type": "parameter"} for name in names]
    parameters = [{"name": name, "value": 1, "x-medkit": {"source": "cam"}} for name in names]
    started = time.process_time()
    found = read({"items": items, "x-medkit": {"parameters": parameters}}, "configurations", AREA).items
    assert time.process_time() - started < 10
    assert whose(found[-1]) == ("apps/cam", "p39999")
    assert found[-1]["x-medkit"]["parameter"] == {"name": "p39999", "value": 1}


def test_what_it_has_from_grove_gateways_is_left_out() -> None:
    echoes = [{"fault_code": "X", "reporting_sources": ["/a"], "x-medkit": {"origin": "G" * 22}}]
    own = {"fault_code": "Y", "reporting_sources": ["/chassis/cam"]}
    assert [whose(one) for one in read({"items": [*echoes, own]}, "faults", None).items] == [("apps/cam", "Y")]


def test_of_versions_only_its_own_counts() -> None:
    found = read({"items": [{"version": "1"}, {"version": "2"}]}, "version-info", None).items
    assert [item["version"] for item in found] == ["1"]


def test_its_own_gaps_are_told() -> None:
    medkit = {"partial": True, "failed_peers": ["d", 1]}
    answer = read({"items": [], "x-medkit": medkit}, "faults", None)
    assert [(gap.instance, gap.behind) for gap in answer.behind] == [(ORIGIN, "d")]


def test_only_so_many_of_its_gaps_are_told_and_each_by_a_name() -> None:
    medkit = {"failed_peers": ["arm.1", "\x1b[31m", *(f"d{number}" for number in range(10_000))]}
    named = [gap.behind or "" for gap in read({"items": [], "x-medkit": medkit}, "faults", None).behind]
    assert len(named) == MAX_BEHIND
    assert all(map(is_peer_name, named))


def test_an_item_that_marks_itself_with_no_instance_is_its_own() -> None:
    odd = {"fault_code": "X", "reporting_sources": ["/chassis/cam"], "x-medkit": {"origin": "vendor"}}
    assert [whose(one) for one in read({"items": [odd]}, "faults", None).items] == [("apps/cam", "X")]


def test_our_own_answer_that_comes_back_is_recognised() -> None:
    answer = read({"items": [], "x-medkit": {"answered_by": "G" * 22}}, "data", (EntityKind.AREA, "chassis"))
    assert answer.echo_of == "G" * 22


@pytest.mark.parametrize("document", [[], {}, {"items": None}, {"items": {}}, "x"])
def test_an_answer_without_a_list_is_none(document: Any) -> None:
    with pytest.raises(InvalidJsonError):
        read(document, "data", (EntityKind.AREA, "chassis"))


def test_ids_of_a_wrong_type_stay_for_the_one_who_checks_items() -> None:
    items: list[Mapping[str, Any]] = [{"id": 7}, {"name": "x"}]
    found = read({"items": items}, "data", (EntityKind.APP, "cam")).items
    assert [item.get("id") for item in found] == [7, None]


AREA, ROBOT = (EntityKind.AREA, "chassis"), (EntityKind.COMPONENT, "robot")
ECU, ARM = (EntityKind.COMPONENT, "ecu-b"), (EntityKind.COMPONENT, "arm_controller")
CAM, SENSOR_APP = (EntityKind.APP, "cam"), (EntityKind.APP, "pressure_sensor")


@pytest.mark.parametrize(
    ("about", "scope", "expected"),
    [
        (AREA, ("robot", "ecu-b", "arm_controller"), [AREA]),
        ((EntityKind.FUNCTION, "navigation"), (), [(EntityKind.FUNCTION, "navigation")]),
        (ROBOT, ("ecu-b",), [ROBOT, ECU]),
        ((EntityKind.AREA, "ours"), ("arm_controller", "nowhere"), [ARM]),
        ((EntityKind.COMPONENT, "ours"), (), []),
        ((EntityKind.FUNCTION, "ours"), (), []),
    ],
)
def test_what_belongs_to_an_entity_is_asked_for_with_few_questions(
    about: About, scope: tuple[str, ...], expected: list[About]
) -> None:
    assert asked_entities(LEAF, about, scope) == expected


def test_apps_on_a_component_that_only_others_have_are_asked_themselves() -> None:
    tree = GatewayTree(apps=(App("cam", component_id="base"), App("arm", component_id="other")))
    assert asked_entities(tree, (EntityKind.COMPONENT, "base"), ()) == [CAM]


def test_what_it_has_from_peers_of_its_own_is_asked_for_one_by_one() -> None:
    """It is told not to ask these, so its own answer leaves them out."""
    tree = GatewayTree(
        areas=(Area("chassis"),),
        components=(Component("robot", area="chassis"), Component("ecu-b", area="chassis", source="peer:d")),
        apps=(
            App("lidar", component_id="robot"),
            App("cam", component_id="ecu-b", source="peer:d"),
            App("pressure_sensor", component_id="robot", source="peer:d"),
        ),
    )
    assert asked_entities(tree, AREA, ("robot", "ecu-b")) == [AREA, ECU, CAM, SENSOR_APP]


RECORD = Record(ORIGIN, (1, 1), "b", foreign=True, apps=LEAF.apps)
SILENT = {"error_code": "not-responding", "parameters": {"peer": "d"}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b"", ForeignAnswer()),
        (200, b'{"items":[]}', ForeignAnswer()),
        (504, json.dumps(SILENT).encode(), "d"),
        (504, b'{"error_code":"not-responding"}', PeerReason.HTTP_REQUEST_ERROR),
        (504, b"<html>", PeerReason.HTTP_REQUEST_ERROR),
        (500, b"<html>", PeerReason.HTTP_REQUEST_ERROR),
        (403, b"{}", PeerReason.AUTH),
        (200, b"<html>", PeerReason.INVALID_JSON),
        (200, b'{"items":[],"x-medkit":{"answered_by":"g"}}', PeerReason.LOOP_DETECTED),
    ],
)
def test_an_answer_is_a_part_or_says_why_it_is_none(status: int, body: bytes, expected: object) -> None:
    found = read_answer(FetchedAnswer(status, (), body, 3), "data", record=RECORD, asked=CAM, cap=1000)
    match found:
        case PeerError():
            assert (found.reason, found.elapsed_ms) == (expected, 3)
        case ForeignAnswer(behind=(gap,)):
            assert (gap.behind, gap.instance) == (expected, ORIGIN)
        case _:
            assert found == expected
