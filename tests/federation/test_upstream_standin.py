"""The stand-in for an upstream gateway answers as upstream's own handlers did, request by request."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.federation.gateways import Cluster
from tests.federation.upstreams import WIRE, Upstream, recorded_tree

VOLATILE = frozenset({"timestamp", "url", "x-medkit-entity-cache"})
"""What depends on the moment or the machine."""


def recorded(name: str) -> list[dict[str, Any]]:
    exchanges: list[dict[str, Any]] = json.loads((Path(WIRE) / f"{name}.json").read_text())
    return [exchange for exchange in exchanges if exchange["request"] != "GET /api/v1/"]


def differences(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """Where two answers differ; lists count in order only where their items have no id."""
    match theirs, ours:
        case dict(), dict():
            for key in sorted(theirs.keys() | ours.keys()):
                if key not in VOLATILE:
                    yield from differences(theirs.get(key), ours.get(key), f"{place}.{key}")
        case list(), list():
            yield from _list_differences(theirs, ours, place)
        case _ if theirs != ours or type(theirs) is not type(ours):
            yield f"{place}: {theirs!r} != {ours!r}"
        case _:
            pass


def _list_differences(theirs: list[Any], ours: list[Any], place: str) -> Iterator[str]:
    def named(items: list[Any]) -> Mapping[str, Any]:
        return {json.dumps(one.get("id", one.get("name", one)) if isinstance(one, dict) else one): one for one in items}

    left, right = named(theirs), named(ours)
    for key in sorted(left.keys() | right.keys()):
        if key not in left or key not in right:
            yield f"{place}[{key}] only {'recorded' if key in left else 'here'}"
        else:
            yield from differences(left[key], right[key], f"{place}[{key}]")


async def disagreements(upstream: Upstream, exchange: Mapping[str, Any]) -> list[str]:
    method, target = exchange["request"].split(" ")
    body = {"json": WRITES.get(exchange["request"], {})} if method != "GET" else {}
    if exchange["status"] == 400:
        body = {"json": {}}
    answer = await upstream.request(method, target, **body)
    found = [f"status {answer.status}"] if answer.status != exchange["status"] else []
    found += differences(exchange["answer"], answer.json)
    return [f"{exchange['request']} {each}" for each in found]


WRITES: Mapping[str, Any] = {
    "PUT /api/v1/apps/pressure_sensor/configurations/offset": {"data": 0.7},
    "PUT /api/v1/apps/pressure_sensor/data/%2Fchassis%2Fbrakes%2Fpressure": {
        "type": "std_msgs/msg/Float32",
        "data": {"data": 1.0},
    },
}


async def test_a_leaf_answers_as_the_recorded_one(cluster: Cluster) -> None:
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    await leaf.start()
    found = [each for exchange in recorded("leaf") for each in await disagreements(leaf, exchange)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("recording", ["aggregator", "aggregator-peer-dead"])
async def test_an_aggregator_answers_as_the_recorded_one(cluster: Cluster, recording: str) -> None:
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    aggregator = cluster.upstream("aggregator", recorded_tree("aggregator"))
    aggregator.add_peer("subsystem_b", leaf.url)
    await leaf.start()
    for request, body in WRITES.items():  # the leaf was recorded before, and kept what was written to it
        await leaf.request(*request.split(" "), json=body)
    await aggregator.start()
    await aggregator.reads("subsystem_b")
    if recording == "aggregator-peer-dead":
        await leaf.kill()
        await aggregator.refresh()
    found = [each for exchange in recorded(recording) for each in await disagreements(aggregator, exchange)]
    assert not found, "\n".join(found)
