"""Where a foreign gateway has what a path addresses: it knows no scope, so the entities in scope are told apart."""

from typing import cast

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from entities.hops import Hops
from entities.model import Component
from gateway.http.call import Call
from gateway.http.exchange import scoped_paths
from gateway.http.path import EntityPath, parse_target
from gateway.http.request import ApiRequest
from tests.unit.http.views import Peer, instance, record, view_of

HERE = record("here")
LEAF = msgspec.structs.replace(
    record("leaf", Component("robot", "Robot"), Component("arm", "Arm")), foreign=True, reader=HERE.id
)


@pytest.mark.parametrize("kind", ["components", "%63omponents", "component%73"])
@pytest.mark.parametrize("entity", ["robot", "%72obot"])
def test_a_path_is_understood_however_it_is_escaped(kind: str, entity: str) -> None:
    path = f"/api/v1/{kind}/{entity}/faults/a%2Fb"
    route = parse_target(path)
    assert isinstance(route, EntityPath)
    request = cast("ApiRequest", make_mocked_request("GET", path))
    call = Call(request, route, Hops(scope=("arm",)), view_of(HERE, Peer("leaf", LEAF)), own=False, deadline=0)
    assert scoped_paths(call, instance("leaf"), path) == (
        "/api/v1/components/robot/faults/a%2Fb",
        "/api/v1/components/arm/faults/a%2Fb",
    )
