"""An upstream gateway is read by its own requests, whole or not at all."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from entities.model import EntityKind
from peers.errors import PeerError, PeerReason
from peers.foreign_walk import ToldEntity, Walked, walk
from peers.settings import ForeignSettings
from tests.federation.upstreams import recorded_tree
from tests.unit.peers.foreign_server import ForeignPeer, serving_upstream

READER = "A" * 22
NOT_RESPONDING = {"error_code": "not-responding", "message": "Member 'x' is not available"}
ERROR = {"error_code": "internal-error", "message": "broken"}


async def read(peer: ForeignPeer, **limits: int) -> Walked | PeerError:
    settings: Mapping[str, Any] = {"request_timeout_ms": 500, **limits}
    return await walk(peer.client, ForeignSettings(**settings), reader=READER)


def found(walked: Walked | PeerError, kind: EntityKind) -> dict[str, ToldEntity]:
    assert isinstance(walked, Walked), walked
    return {told.id: told for told in walked.told if told.kind is kind}


async def test_everything_is_asked_for_once_and_nothing_else() -> None:
    async with serving_upstream(recorded_tree("leaf")) as peer:
        walked = await read(peer)
        asked = peer.asked()
    assert isinstance(walked, Walked)
    areas, components = ("chassis", "brakes"), ("robot", "arm_controller", "ecu-b")
    assert Counter(asked) == Counter(
        [
            *("/areas", "/components", "/apps", "/functions", "/functions/navigation"),
            *(f"/areas/{area}{below}" for area in areas for below in ("", "/subareas")),
            *(f"/components/{component}{below}" for component in components for below in ("", "/subcomponents")),
            *(f"/apps/{app}{below}" for app in ("cam", "pressure_sensor") for below in ("", "/data", "/operations")),
        ]
    )


async def test_only_items_are_asked_for_without_others_and_all_with_the_way() -> None:
    async with serving_upstream(recorded_tree("leaf")) as peer:
        await read(peer)
        requests = [*peer.server.requests]
    assert all(request["headers"]["X-Medkit-Via"] == READER for request in requests)
    quiet = {request["path"].rpartition("/")[2] for request in requests if "X-Medkit-No-Fan-Out" in request["headers"]}
    assert quiet == {"data", "operations"}


async def test_what_is_nested_three_levels_deep_is_found_with_its_parent() -> None:
    spec = {
        "areas": [{"id": "a"}, {"id": "b", "parent_area_id": "a"}, {"id": "c", "parent_area_id": "b"}],
        "components": [
            {"id": "x"},
            {"id": "y", "parent_component_id": "x"},
            {"id": "z", "parent_component_id": "y"},
        ],
    }
    async with serving_upstream(spec) as peer:
        walked = await read(peer)
    assert {own_id: told.parent for own_id, told in found(walked, EntityKind.AREA).items()} == {
        "a": None,
        "b": "a",
        "c": "b",
    }
    assert {own_id: told.parent for own_id, told in found(walked, EntityKind.COMPONENT).items()} == {
        "x": None,
        "y": "x",
        "z": "y",
    }


SKIPPED = (
    "/areas/chassis/subareas",
    "/components/robot/subcomponents",
    "/apps/cam/operations",
    "/apps/cam/data",
    "/areas/chassis",
    "/apps/cam",
)
"""Nested routes, and the details that upstream gateways never ask for."""


@pytest.mark.parametrize("path", SKIPPED)
@pytest.mark.parametrize(("status", "body"), [(404, {}), (504, NOT_RESPONDING)])
async def test_a_nested_answer_may_be_missing_or_that_of_a_silent_member(path: str, status: int, body: Any) -> None:
    async with serving_upstream(
        recorded_tree("leaf"), {"path": f"/api/v1{path}", "status": status, "body": body}
    ) as peer:
        walked = await read(peer)
    assert found(walked, EntityKind.APP).keys() == {"cam", "pressure_sensor"}


async def test_a_silent_component_is_kept_from_its_list() -> None:
    oddity = {"path": "/api/v1/components/ecu-b", "status": 504, "body": NOT_RESPONDING}
    async with serving_upstream(recorded_tree("leaf"), oddity) as peer:
        walked = await read(peer)
    told = found(walked, EntityKind.COMPONENT)["ecu-b"]
    assert (told.silent, told.detail, told.parent) == (True, None, "robot")


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        *((path, status, {}) for path in ("/areas", "/components", "/apps", "/functions") for status in (404, 500)),
        *((path, 504, NOT_RESPONDING) for path in ("/areas", "/functions", "/functions/navigation")),
        ("/components/robot", 404, {}),
        ("/functions/navigation", 404, {}),
        *((path, 500, ERROR) for path in SKIPPED),
        *((path, 502, ERROR) for path in SKIPPED),
        ("/apps/cam/data", 504, ERROR),
        ("/apps/cam/data", 200, {"items": None}),
        ("/apps", 200, {"items": {}}),
        ("/apps", 200, "[1]"),
        ("/components", 200, "<html>"),
        ("/components", 200, '{"items": [NaN]}'),
    ],
)
async def test_any_other_answer_ends_the_reading(path: str, status: int, body: Any) -> None:
    async with serving_upstream(
        recorded_tree("leaf"), {"path": f"/api/v1{path}", "status": status, "body": body}
    ) as peer:
        error = await read(peer)
    assert isinstance(error, PeerError)
    assert error.detail.startswith(path)


async def test_a_connection_that_breaks_ends_the_reading() -> None:
    async with serving_upstream(recorded_tree("leaf"), {"path": "/api/v1/apps/cam/data", "reset": True}) as peer:
        error = await read(peer)
    assert isinstance(error, PeerError)
    assert error.reason is PeerReason.CONNECTION_TERMINATED


async def test_an_answer_that_never_comes_ends_the_reading() -> None:
    async with serving_upstream(recorded_tree("leaf"), {"path": "/api/v1/apps/cam/data", "hang": True}) as peer:
        error = await read(peer, request_timeout_ms=100)
    assert isinstance(error, PeerError)
    assert error.is_timeout


async def test_a_reading_that_takes_too_long_as_a_whole_ends() -> None:
    async with serving_upstream(recorded_tree("leaf"), {"path": "*", "delay": 0.1}) as peer:
        error = await read(peer, walk_timeout_ms=250)
    assert isinstance(error, PeerError)
    assert "250 ms" in error.detail


@pytest.mark.parametrize(("limits", "kept"), [({"max_collection": 2}, True), ({"max_collection": 1}, False)])
async def test_one_entity_more_than_upstream_reads_is_too_many(limits: dict[str, int], kept: bool) -> None:
    spec = {"apps": [{"id": "a"}, {"id": "b"}]}
    async with serving_upstream(spec) as peer:
        walked = await read(peer, **limits)
    if kept:
        assert found(walked, EntityKind.APP).keys() == {"a", "b"}
    else:
        assert isinstance(walked, PeerError)
        assert walked.reason is PeerReason.PEER_LIMIT_EXCEEDED
        assert "2 Apps" in walked.detail


async def test_too_many_entities_altogether_are_too_many() -> None:
    async with serving_upstream(recorded_tree("leaf")) as peer:
        error = await read(peer, max_entities=7)
    assert isinstance(error, PeerError)
    assert error.reason is PeerReason.PEER_LIMIT_EXCEEDED


async def test_unusable_repeated_and_hidden_ids_are_left_out_and_counted() -> None:
    items = [{"id": one, "name": "x"} for one in ("cam", "cam", "../x", "", 7, "_hidden", "a\n")]
    oddity = {"path": "/api/v1/apps", "status": 200, "body": {"items": [*items, "text"]}}
    async with serving_upstream(recorded_tree("leaf"), oddity) as peer:
        walked = await read(peer)
    assert isinstance(walked, Walked)
    assert found(walked, EntityKind.APP).keys() == {"cam"}
    assert walked.dropped == 7


async def test_an_area_that_lists_its_own_ancestor_is_read_once() -> None:
    body = {"items": [{"id": "chassis"}, {"id": "brakes"}]}
    oddity = {"path": "/api/v1/areas/brakes/subareas", "status": 200, "body": body}
    async with serving_upstream(recorded_tree("leaf"), oddity) as peer:
        walked = await read(peer)
        asked = peer.asked()
    assert {own_id: told.parent for own_id, told in found(walked, EntityKind.AREA).items()} == {
        "chassis": None,
        "brakes": "chassis",
    }
    assert asked.count("/areas/chassis") == 1


async def test_no_more_requests_are_under_way_than_allowed() -> None:
    async with serving_upstream(recorded_tree("leaf"), {"path": "*", "delay": 0.01}) as peer:
        await read(peer, parallel=2)
        assert 1 <= peer.server.peak <= 2
