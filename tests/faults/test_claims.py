"""Faults 42 and 44: two peers of one name, two peers with one leaf."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.ports import free_port
from tests.federation.process import EndedError

OBJECTS = "aggregation.peers"


@pytest.mark.parametrize("form", ["aggregation.peer_names", OBJECTS])
async def test_fault_042_two_static_peers_of_one_name_refuse_the_start(cluster: Cluster, form: str) -> None:
    """Design: with static peers that is a mistake. Discovered ones, which get another name, come with discovery."""
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    gateway = cluster.add("a")
    if form == OBJECTS:
        peers = [{"name": "arm", "url": url} for url in urls]
        gateway.configure({"aggregation.enabled": True, "aggregation.peers": peers})
        second = r"aggregation\.peers\[1\]\.name"
    else:
        for url in urls:
            gateway.add_peer("arm", url)
        second = r"aggregation\.peer_names\[1\]"
    with pytest.raises(EndedError, match=rf"exit code 2[\s\S]*{second}[\s\S]*arm"):
        await gateway.start()


def claimant(value: int) -> Mapping[str, Any]:
    """A manifest that claims the leaf Component `ecu`."""
    return {"components": [{"id": "ecu", "name": "ECU", "data": [{"id": "temperature", "value": value}]}]}


@pytest.mark.parametrize("order", [("left", "right"), ("right", "left")], ids="-".join)
async def test_fault_044_of_a_leaf_two_peers_claim_the_one_listed_first_owns_whoever_arrives_first(
    cluster: Cluster, order: tuple[str, str]
) -> None:
    """Design: it is shown as one, with the items of both, and the first known contributor's keep their ids."""
    peers = {name: cluster.add(name, manifest=claimant(value)) for name, value in (("left", 20), ("right", 90))}
    top = cluster.add("top", manifest={}, peers=peers.items())
    await top.start()
    for name in order:
        await peers[name].start()
        await top.sees(name)

    async def is_settled() -> bool:
        found = [each for each in (await top.get("/health")).json["warnings"] if each["code"] == "leaf_id_collision"]
        assert [(each["entity_ids"], each["peer_names"]) for each in found] == [(["ecu"], ["left", "right"])]
        return True

    await eventually(is_settled)
    expected = {"temperature": 20, "right:temperature": 90}
    assert await temperatures(top) == expected
    assert (await top.get("/components")).ids == ["ecu"]
    assert (await top.get("/components/ecu")).medkit["contributors"] == ["peer:left", "peer:right"]
    await top.restart()
    await top.sees("left", "right")
    assert await temperatures(top) == expected


async def temperatures(gateway: Gateway) -> dict[str, Any]:
    """The values of the data that the leaf lists, by the id under which it lists them."""
    listed = (await gateway.get("/components/ecu/data")).ids
    answers = {item: await gateway.get(f"/components/ecu/data/{item.replace(':', '%3A')}") for item in listed}
    return {item: answer.json.get("data", answer.status) for item, answer in answers.items()}
