"""A client's path in its owner's words: only ids of Apps that are called differently change, all else byte for byte."""

from typing import cast

import pytest
from aiohttp.test_utils import make_mocked_request

from entities.hops import Hops
from gateway.http.call import Call
from gateway.http.owner_path import owner_path
from gateway.http.path import EntityPath, parse_target
from gateway.http.request import ApiRequest
from tests.unit.http.test_places import BEE, FAR, HERE, world


def sent(target: str, instance: str) -> str:
    route = parse_target(target)
    assert isinstance(route, EntityPath)
    view = world()
    entity = view.merged.find(route.kind, route.entity_id)
    assert entity is not None
    request = cast("ApiRequest", make_mocked_request("GET", target))
    call = Call(request, route, Hops(), view, own=False, deadline=0)
    return owner_path(call, entity, instance)


@pytest.mark.parametrize(
    ("target", "instance", "expected"),
    [
        ("/apps/b__cam", BEE, "/apps/cam"),
        ("/apps/b__cam/", BEE, "/apps/cam"),
        ("/apps/b__cam/data", BEE, "/apps/cam/data"),
        ("/apps/b__cam/data/%2Fimage", BEE, "/apps/cam/data/%2Fimage"),
        ("/apps/b__cam/data//image", BEE, "/apps/cam/data//image"),
        ("/apps/b__cam/bulk-data/b__cam:x", BEE, "/apps/cam/bulk-data/b__cam:x"),
        ("/apps/cam/data/rate", HERE, "/apps/cam/data/rate"),
        ("/apps/lidar/data/scan", FAR, "/apps/lidar/data/scan"),
        ("/components/box/data/b__cam:rate", BEE, "/components/box/data/cam%3Arate"),
        ("/components/box/data/b__cam%3a%2Fimage", BEE, "/components/box/data/cam%3A%2Fimage"),
        ("/components/box/data/b__cam:a/b", BEE, "/components/box/data/cam%3Aa/b"),
        ("/components/box/operations/b__cam:go/executions/1", BEE, "/components/box/operations/cam%3Ago/executions/1"),
        ("/components/box/data/cam:rate", BEE, "/components/box/data/cam:rate"),
        ("/components/box/data/lidar:rate", FAR, "/components/box/data/lidar:rate"),
        ("/components/box/data/b__cam:rate", FAR, "/components/box/data/b__cam:rate"),
        ("/components/box/data/b__cam", BEE, "/components/box/data/b__cam"),
        ("/components/box/faults/b__cam:F", BEE, "/components/box/faults/b__cam:F"),
        ("/components/box/data", BEE, "/components/box/data"),
        ("/components/box/data/a%20b%C3%A9", BEE, "/components/box/data/a%20b%C3%A9"),
    ],
)
def test_a_path_says_to_its_owner_what_the_client_said_to_us(target: str, instance: str, expected: str) -> None:
    assert sent(f"/api/v1{target}", instance) == f"/api/v1{expected}"
