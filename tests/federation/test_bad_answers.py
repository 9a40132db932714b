"""Owners that answer requests with garbage: a named gap or an error in our form, never garbage of theirs."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.federation.garbage import ANYTHING, GarbagePeer, Script, as_json, listening
from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.plant import manifest
from tests.federation.standin_tree import new_instance_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"refresh_interval_ms": 1000, "health_interval_ms": 1000, "aggregation.timeout_ms": 3000}
FAN_OUT = "/functions/production/data"
EVIL = "evil"
"""The id of every item that must not be shown."""


def part(instance: str, items: Any, answered: Any = None, missing: Any = ()) -> Script:
    """The form of an answer to a routed fan-out."""
    origins = {"answered": [instance] if answered is None else answered, "missing": missing}
    return as_json({"items": items, "x-medkit": {"origins": origins}})


def item(instance: str, **changes: Any) -> dict[str, Any]:
    medkit = {"origin": instance, "member": "functions/production"}
    return {"id": EVIL, "name": EVIL, "category": "currentData", "x-medkit": medkit, **changes}


def parts(instance: str) -> dict[str, Script]:
    """Answers to a fan-out that are no answers of gateway `instance`."""
    stranger = new_instance_id()
    good = item(instance)
    return {
        **ANYTHING,
        "no items": as_json({"x-medkit": {"origins": {"answered": [instance]}}}),
        "items are null": part(instance, None),
        "items are an object": part(instance, {"a": good}),
        "items are numbers": part(instance, [1, 2]),
        "no origins": as_json({"items": [good]}),
        "origins are a list": as_json({"items": [good], "x-medkit": {"origins": [instance]}}),
        "answered is a number": part(instance, [good], answered=1),
        "nobody answered": part(instance, [good], answered=[]),
        "answered and missing": part(instance, [good], missing=[{"id": instance, "reason": "x"}]),
        "missing is a number": part(instance, [good], missing=1),
        "of a stranger": part(instance, [item(stranger)]),
        "of nobody": part(instance, [item(instance, **{"x-medkit": {}})]),
        "without a name": part(instance, [item(instance, name=None)]),
        "member is a path": part(instance, [item(instance, **{"x-medkit": {"origin": instance, "member": "../x"}})]),
    }


FORWARDED = (
    "not whole",
    "redirect",
    "gzip",
    "two framings",
    "status 999",
    "status 000",
    "other protocol",
    "upgrade",
    "noise",
    "nothing",
    "never",
    "drip",
    "interim answers",
    "endless header",
    "10 gigabytes announced",
)
"""What is no answer to a forwarded request either; other garbage is the owner's own business."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A gateway with a good peer, and a bad one for every kind of part; the App of each answers just so."""

    gateway: Gateway
    bad: Mapping[str, GarbagePeer]

    async def is_whole(self) -> bool:
        """Everybody's entities are there."""
        return len((await self.gateway.get("/functions/production/hosts")).ids) == len(self.bad) + 2


def name_of(kind: str) -> str:
    return re.sub("[^a-z0-9]+", "_", f"bad {kind}")


def bad_peer(name: str) -> GarbagePeer:
    spec = {
        "name": name,
        "apps": [{"id": f"{name}_app"}],
        "functions": [{"id": "production", "hosts": [f"{name}_app"]}],
    }
    return GarbagePeer(spec, {})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    good = shared_cluster.add("good", manifest=manifest("good"))
    gateway = shared_cluster.add("hub", manifest=manifest("own"), peers=[("good", good)], settings=SETTINGS)
    bad: dict[str, GarbagePeer] = {}
    async with AsyncExitStack() as stack:
        for kind in parts(""):
            name = name_of(kind)
            peer = bad[name] = bad_peer(name)
            answer = parts(peer.tree.instance_id)[kind]
            peer.answers |= {f"/api/v1{FAN_OUT}": answer, f"/api/v1/apps/{name}_app/data/x": answer}
            gateway.add_peer(name, await stack.enter_async_context(listening(peer)))
        await shared_cluster.start_all()
        hub = Hub(gateway, bad)
        await eventually(hub.is_whole, 60)
        yield hub


async def test_every_bad_part_of_a_fan_out_is_a_gap_with_a_reason_beside_the_good_ones(hub: Hub) -> None:
    for _ in range(3):
        answer = await hub.gateway.get(FAN_OUT)
        assert answer.status == 200
        assert EVIL not in answer.ids
        assert sorted(each["x-medkit"]["member_ids"][0] for each in answer.items) == ["good_app", "own_app"]
        assert sorted(answer.medkit["failed_peers"]) == sorted(hub.bad)
        assert {each["peer"] for each in answer.medkit["peer_errors"] if each["reason"]} == {*hub.bad}
        assert (await hub.gateway.get("/apps/good_app/data/whose")).json["data"] == "good"


@pytest.mark.parametrize("kind", FORWARDED)
async def test_a_forwarded_answer_that_is_none_is_an_error_in_our_form(hub: Hub, kind: str) -> None:
    path = f"/apps/{name_of(kind)}_app/data/x"
    try:
        answer = await hub.gateway.get(path)
    except aiohttp.ClientPayloadError:
        assert kind in {"not whole", "10 gigabytes announced"}  # begun, and broken where the owner broke it
    else:
        assert answer.status in {502, 504}, (answer.status, answer.body)
        assert answer.json["vendor_code"] == "x-medkit-peer-unavailable"
        assert name_of(kind) in answer.json["message"]
    assert (await hub.gateway.get("/apps/good_app/data/whose")).json["data"] == "good"
