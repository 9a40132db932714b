"""Entity documents of one generation: what stands in lists and details, who is named, what is marked and kept."""

import asyncio
import json
from typing import Any

import pytest

from entities.model import App, Area, Component, EntityKind, Function, Identity
from gateway.composition import CurrentDocuments
from gateway.http.documents import Documents, Rendered
from gateway.http.entity_json import CAPABILITIES
from peers.view import FederatedView
from tests.unit.http.views import Peer, instance, link_to, record, view_of

AREA, COMPONENT, APP, FUNCTION = EntityKind


def items(rendered: Rendered | None) -> dict[str, Any]:
    """The listed items by id."""
    assert rendered is not None
    document = json.loads(rendered.body)
    assert document["x-medkit"]["total_count"] == len(document["items"])
    return {item["id"]: item for item in document["items"]}


def listed(view: FederatedView, kind: EntityKind, *, own: bool = False) -> dict[str, Any]:
    return items(Documents(view).collection(kind, own=own))


def detail(view: FederatedView, kind: EntityKind, entity_id: str, *, own: bool = False) -> Any:
    rendered = Documents(view).detail(kind, entity_id, own=own)
    assert rendered is not None
    return json.loads(rendered.body)


def test_an_item_has_what_every_client_demands_and_no_key_without_a_value() -> None:
    view = view_of(record("here", App("cam")))
    assert listed(view, APP)["cam"] == {
        "id": "cam",
        "name": "cam",
        "href": "/api/v1/apps/cam",
        "type": "app",
        "source": "manifest",
        "x-medkit": {"source": "manifest", "is_online": True},
    }


def test_an_item_says_in_both_places_what_different_readers_look_for() -> None:
    area = Area("lab", "Lab", description="first floor", tags=("x",), translation_id="t", namespace="/lab")
    assert listed(view_of(record("here", area)), AREA)["lab"] == {
        "id": "lab",
        "name": "Lab",
        "href": "/api/v1/areas/lab",
        "type": "area",
        "description": "first floor",
        "tags": ["x"],
        "translationId": "t",
        "source": "manifest",
        "x-medkit": {
            "source": "manifest",
            "description": "first floor",
            "namespace": "/lab",
            "ros2": {"namespace": "/lab"},
        },
    }


def test_fields_of_one_kind_stand_in_its_items() -> None:
    component = Component("ecu", external=True, fqn="/a/ecu", namespace="/a")
    app = App("cam", component_id="ecu", is_online=False, node="/a/cam", external=True)
    view = view_of(record("here", component, app, Function("nav", hosts=("cam", "ecu"))))
    assert listed(view, COMPONENT)["ecu"]["x-medkit"] == {
        "source": "manifest",
        "external": True,
        "fqn": "/a/ecu",
        "namespace": "/a",
        "ros2": {"node": "/a/ecu", "namespace": "/a"},
    }
    assert listed(view, APP)["cam"]["x-medkit"] == {
        "source": "manifest",
        "component_id": "ecu",
        "is_online": False,
        "external": True,
        "ros2": {"node": "/a/cam"},
    }
    assert listed(view, FUNCTION)["nav"]["x-medkit"]["hosts"] == ["cam", "ecu"]


def test_only_what_has_no_listed_parent_stands_at_the_top() -> None:
    mine = record("here", Area("cell", parent_area_id="lab"), Component("arm", parent_component_id="robot"))
    peer = record("bee", Area("lab"), Component("robot"))
    up = view_of(mine, Peer("b", peer))
    assert (set(listed(up, AREA)), set(listed(up, COMPONENT))) == ({"lab"}, {"robot"})
    down = view_of(mine, Peer("b", peer, up=False))
    assert (set(listed(down, AREA)), set(listed(down, COMPONENT))) == ({"cell"}, {"arm"})


def test_what_a_peer_owns_is_listed_with_its_name_as_source() -> None:
    view = view_of(record("here", App("cam", source="plugin")), Peer("b", record("bee", App("cam"), App("gps"))))
    sources = {name: (item["source"], item["x-medkit"]["source"]) for name, item in listed(view, APP).items()}
    assert sources == {
        "cam": ("plugin", "plugin"),
        "b__cam": ("peer:b", "peer:b"),
        "gps": ("peer:b", "peer:b"),
    }


def test_entities_of_a_silent_gateway_are_not_listed() -> None:
    view = view_of(record("here", App("mine")), Peer("b", record("bee", App("theirs")), up=False))
    assert set(listed(view, APP)) == {"mine"}


def test_retained_entities_are_listed_as_not_available() -> None:
    view = view_of(record("here", App("mine")), Peer("b", record("bee", App("theirs")), up=False), retain="all")
    marks = listed(view, APP)["theirs"]["x-medkit"]
    assert (marks["available"], marks["is_online"]) == (False, False)
    assert "available" not in listed(view, APP)["mine"]["x-medkit"]


@pytest.mark.parametrize("kind", EntityKind)
def test_a_detail_has_a_uri_and_a_capability_for_every_collection(kind: EntityKind) -> None:
    view = view_of(record("here", Area("x"), Component("x"), App("x"), Function("x")))
    found = detail(view, kind, "x")
    base = f"/api/v1/{kind.value}/x"
    assert found["_links"] == {"self": base, "collection": f"/api/v1/{kind.value}"}
    assert [one["name"] for one in found["capabilities"]] == list(CAPABILITIES[kind])
    assert all(one["href"] == found[one["name"]] == f"{base}/{one['name']}" for one in found["capabilities"])
    also = {AREA: "components", FUNCTION: "x-medkit-graph"}.get(kind)
    assert also is None or found[also] == f"{base}/{also}"


def test_the_detail_of_a_component_has_its_place_and_its_nameplate() -> None:
    identity = Identity(serial_number="7", hardware_revision="b", extra={"rack": "3"})
    arm = Component(
        "arm",
        "Arm",
        area="lab",
        parent_component_id="robot",
        depends_on=("psu",),
        variant="long",
        type="ECU",
        identity=identity,
    )
    found = detail(view_of(record("here", Component("robot"), arm)), COMPONENT, "arm")
    assert found["_links"]["parent"] == "/api/v1/components/robot"
    assert found["_links"]["area"] == found["belongs-to"] == "/api/v1/areas/lab"
    assert found["depends-on"] == "/api/v1/components/arm/depends-on"
    marks = found["x-medkit"]
    assert marks["capabilities"] == found["capabilities"]
    assert marks["capabilities"][-1]["name"] == "depends-on"
    assert {key: marks[key] for key in ("type", "variant", "area", "parentComponentId", "dependsOn", "identity")} == {
        "type": "ECU",
        "variant": "long",
        "area": "lab",
        "parentComponentId": "robot",
        "dependsOn": ["psu"],
        "identity": {"serialNumber": "7", "hardwareRevision": "b", "extra": {"rack": "3"}},
    }


def test_the_detail_of_an_app_links_to_where_it_is_and_what_it_needs() -> None:
    found = detail(view_of(record("here", App("cam", component_id="ecu", depends_on=("gps",)))), APP, "cam")
    assert found["is-located-on"] == found["_links"]["is-located-on"] == "/api/v1/components/ecu"
    assert found["belongs-to"] == found["_links"]["belongs-to"] == "/api/v1/apps/cam/belongs-to"
    assert found["depends-on"] == "/api/v1/apps/cam/depends-on"
    assert found["_links"]["depends-on"] == ["/api/v1/apps/gps"]
    assert [one["name"] for one in found["capabilities"]][-3:] == ["is-located-on", "belongs-to", "depends-on"]


def test_a_detail_names_the_declared_parent_also_where_only_the_asker_knows_it() -> None:
    mine = record("here", Area("cell", parent_area_id="lab"), Component("arm", parent_component_id="robot"))
    view = view_of(mine)
    assert detail(view, AREA, "cell", own=True)["x-medkit"]["parent_area_id"] == "lab"
    assert detail(view, COMPONENT, "arm", own=True)["_links"]["parent"] == "/api/v1/components/robot"


def test_fault_023_a_parent_that_makes_a_cycle_is_left_out() -> None:
    mine = record("here", Area("a", parent_area_id="b"), Area("b", parent_area_id="a"), Area("c", parent_area_id="c"))
    view = view_of(mine)
    assert set(listed(view, AREA)) == {"a", "b", "c"}
    assert all("parent" not in detail(view, AREA, one)["_links"] for one in "abc")


def test_a_shared_entity_unites_what_its_contributors_say_and_names_them() -> None:
    mine = record("here", Component("robot", tags=("top",)), Function("nav", hosts=("cam",)), App("cam"))
    theirs = record(
        "bee", Component("robot", tags=("leaf",), description="d"), Function("nav", hosts=("cam",)), App("cam")
    )
    view = view_of(mine, Peer("b", theirs))
    robot = detail(view, COMPONENT, "robot")
    assert (robot["tags"], robot["description"], robot["source"]) == (["top", "leaf"], "d", "manifest")
    assert robot["x-medkit"]["contributors"] == ["local", "peer:b"]
    assert "path" not in robot["x-medkit"]
    assert detail(view, FUNCTION, "nav")["x-medkit"]["hosts"] == ["cam", "b__cam"]


def test_the_detail_of_what_one_other_gateway_owns_tells_the_way_there() -> None:
    leaf = record("leaf", Area("cellar"))
    mid = record("mid", links=[link_to("leaf_system", leaf)])
    view = view_of(record("here", Area("lab")), Peer("mid_level", mid, behind=(leaf,)))
    marks = detail(view, AREA, "cellar")["x-medkit"]
    assert marks["path"] == [instance("here"), instance("mid"), instance("leaf")]
    assert marks["contributors"] == ["peer:mid_level"]
    assert "path" not in detail(view, AREA, "lab")["x-medkit"]


def test_what_is_ours_alone_has_our_ids_and_nobody_elses_contribution() -> None:
    mine = record("here", App("cam"), Component("robot", tags=("top",)))
    view = view_of(mine, Peer("b", record("bee", App("gps"), Component("robot", tags=("leaf",))), up=False))
    assert set(listed(view, APP, own=True)) == {"cam"}
    robot = Documents(view).detail(COMPONENT, "robot", own=True)
    assert robot is not None
    assert robot.gaps == ()
    assert json.loads(robot.body)["tags"] == ["top"]
    assert json.loads(robot.body)["x-medkit"]["contributors"] == ["local"]
    assert Documents(view).detail(APP, "gps", own=True) is None


def test_collections_name_every_gap_and_then_have_no_etag() -> None:
    view = view_of(record("here", App("mine")), Peer("b", record("bee"), up=False), Peer("never", None, up=False))
    rendered = Documents(view).collection(APP)
    marks = json.loads(rendered.body)["x-medkit"]
    assert (marks["partial"], marks["failed_peers"]) == (True, ["b", "never"])
    assert marks["peer_errors"][0] == {"peer": "b", "reason": "connection_refused", "elapsed_ms": 3}
    assert rendered.etag is None
    assert Documents(view).collection(APP, own=True).gaps == ()


def test_a_detail_is_partial_only_without_one_of_its_own_contributors() -> None:
    mine = record("here", Area("lab"), Area("shared"))
    view = view_of(mine, Peer("b", record("bee", Area("shared", tags=("x",))), up=False))
    whole, partial = (Documents(view).detail(AREA, one) for one in ("lab", "shared"))
    assert whole is not None
    assert partial is not None
    assert (whole.gaps, [gap.label for gap in partial.gaps]) == ((), ["b"])
    assert (whole.etag is None, partial.etag is None) == (False, True)
    assert json.loads(partial.body)["x-medkit"]["failed_peers"] == ["b"]


def test_equal_documents_have_equal_etags_across_generations_and_others_do_not() -> None:
    view = view_of(record("here", App("cam")))
    later = view_of(record("here", App("cam")), generation=2)
    other = view_of(record("here", App("gps")), generation=2)
    etags = [Documents(one).collection(APP).etag for one in (view, later, other)]
    assert etags[0] == etags[1] != etags[2]


def test_a_document_is_rendered_once() -> None:
    documents = Documents(view_of(record("here", App("cam"))))
    assert documents.collection(APP) is documents.collection(APP)
    assert documents.detail(APP, "cam") is documents.detail(APP, "cam")
    assert documents.relation(APP, "cam", "depends-on") is documents.relation(APP, "cam", "depends-on")
    assert documents.detail(APP, "cam", own=True) is not documents.detail(APP, "cam")


def test_beyond_the_cap_documents_are_rendered_anew_and_alike() -> None:
    documents = Documents(view_of(record("here", App("cam"))), max_kept_bytes=1)
    assert documents.detail(APP, "cam") is not documents.detail(APP, "cam")
    assert documents.detail(APP, "cam") == documents.detail(APP, "cam")


def test_what_is_not_known_has_no_document() -> None:
    documents = Documents(view_of(record("here", App("cam"))))
    assert documents.detail(APP, "gps") is None
    assert documents.relation(APP, "gps", "depends-on") is None
    assert documents.relation(APP, "cam", "hosts") is None


def test_links_begin_with_the_prefix_that_was_given() -> None:
    rendered = Documents(view_of(record("here", App("cam"))), "/x").detail(APP, "cam")
    assert rendered is not None
    assert json.loads(rendered.body)["_links"]["self"] == "/x/apps/cam"


async def test_a_long_list_is_rendered_in_a_thread_once_for_all_who_ask_and_counts_once() -> None:
    view = view_of(record("here", *(App(f"cam_{number}") for number in range(50))))
    size = len(Documents(view).collection(APP).body)
    documents = Documents(view, max_kept_bytes=2 * size - 1, long_list=50)
    first, *others = await asyncio.gather(*(documents.list_of(APP) for _ in range(8)))
    assert all(one is first for one in others)
    assert await documents.list_of(APP) is documents.collection(APP) is first
    assert documents.detail(APP, "cam_1") is documents.detail(APP, "cam_1")  # there is room left for it


def test_entities_are_counted_once_per_view() -> None:
    documents = Documents(view_of(record("here", App("cam"), App("gps"), Area("lab"))))
    assert documents.listed == {AREA: 1, COMPONENT: 0, APP: 2, FUNCTION: 0}
    assert documents.listed is documents.listed


def test_a_request_is_answered_from_its_own_view_and_one_that_is_late_takes_nothing_from_the_newest() -> None:
    newest = old = view_of(record("here", App("cam")))
    documents = CurrentDocuments(lambda: newest)
    assert documents(old) is documents(old)
    newest = view_of(record("here", App("gps")), generation=2)
    kept = documents(newest)
    assert documents(old).view is old
    assert documents(newest) is kept
