"""Peers that cannot be reached, or say nothing: faults 1 to 4 and 6."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.bad_peer import BadPeer
from tests.faults.hub import BRIEF, SETTINGS, Hub, assert_unavailable, hub_of
from tests.federation.black_hole import black_hole
from tests.federation.client import Answer
from tests.federation.eventually import eventually
from tests.federation.garbage import HEALTH, TREE, dripping, never
from tests.federation.gateways import Cluster, Link
from tests.federation.plant import assert_gaps

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Linked(BadPeer):
    """A peer behind a link of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.link = Link(self.url)
        self.url = self.link.url

    async def start(self) -> None:
        await super().start()
        await self.link.heal()

    async def stop(self) -> None:
        await self.link.aclose()
        await super().stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    async with hub_of(shared_cluster, BadPeer("f001"), BadPeer("f006")) as hub:
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def brief_hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    async with hub_of(shared_cluster, Linked("f003"), BadPeer("f004"), name="brief", settings=BRIEF) as hub:
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slow_hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    """It takes some seconds to notice anything."""
    settings = {**SETTINGS, "health_interval_ms": 3000, "aggregation.connect_timeout_ms": 3000}
    async with hub_of(shared_cluster, BadPeer("f002"), name="slow", settings=settings) as hub:
        yield hub


async def is_gone(hub: Hub, peer: BadPeer, reason: str) -> None:
    """Down, and one line of the log says so; its entities left the lists, which name it; nobody asks it any more."""
    await hub.becomes(peer, "down")

    async def has_left() -> Answer:
        listed = await hub.gateway.get("/components")
        assert f"{peer.name}_unit" not in listed.ids
        return listed

    listed = await eventually(has_left)
    assert_gaps(listed, {peer.name})
    assert listed.medkit["peer_errors"][0]["reason"] == reason
    gone = await hub.forwarded(peer)
    assert_unavailable(gone, peer, reason)
    assert gone.medkit["elapsed_ms"] == 0
    await hub.names(peer, reason)
    assert hub.states(peer).count("down") == 1
    await hub.others_are_well()


async def comes_back(hub: Hub, peer: BadPeer) -> None:
    """Well again, and one line of the log says so, as of every change."""
    await hub.recovers(peer)
    await hub.becomes(peer, "up")
    states = hub.states(peer)
    assert states[-1] == "up"
    assert all(before != after for before, after in itertools.pairwise(states)), states


async def test_fault_001_a_peer_that_refuses_is_502_named_and_goes_down_until_it_listens_again(hub: Hub) -> None:
    peer = hub["f001"]
    await peer.stop()
    await hub.forwards_not(peer, "connection_refused")
    write = await hub.forwarded(peer, "POST")
    assert_unavailable(write, peer, "connection_refused")
    await hub.names(peer, "connection_refused")
    await is_gone(hub, peer, "connection_refused")
    await peer.start()
    await comes_back(hub, peer)


async def test_fault_002_a_port_that_swallows_connections_is_504_once_and_then_502_without_connecting(
    slow_hub: Hub,
) -> None:
    """502 after detection, as design 2 has it: nobody waits then."""
    hub = slow_hub
    peer = hub["f002"]
    probed = peer.times_asked(HEALTH)
    await eventually(lambda: peer.times_asked(HEALTH) > probed)  # so that it is not probed while it is asked
    await peer.stop()
    with black_hole(peer.port):
        waiting = [asyncio.create_task(hub.forwarded(peer)) for _ in range(50)]
        fanned = await hub.fanned_out(peer)
        for answer in await asyncio.gather(*waiting):
            assert_unavailable(answer, peer, "connection_timeout", status=504)
            assert answer.medkit["elapsed_ms"] >= 1000
        assert_gaps(fanned, {peer.name})
        assert fanned.medkit["peer_errors"][0]["reason"] == "connection_timeout"
        await is_gone(hub, peer, "connection_timeout")
    await peer.start()
    await comes_back(hub, peer)


async def test_fault_003_a_link_that_freezes_is_504_and_its_connections_are_never_used_again(brief_hub: Hub) -> None:
    """`http_response_timeout`: on our side a frozen link and a mute peer look the same."""
    hub = brief_hub
    peer = hub["f003"]
    assert isinstance(peer, Linked)
    peer.link.freeze()
    await hub.forwards_not(peer, "http_response_timeout", status=504)
    await is_gone(hub, peer, "http_response_timeout")
    before = peer.link.counters.connections
    await peer.link.heal()
    await comes_back(hub, peer)
    assert peer.link.counters.connections > before


async def test_fault_004_a_peer_that_accepts_and_never_answers_is_504_named_and_goes_down(brief_hub: Hub) -> None:
    hub = brief_hub
    peer = hub["f004"]
    peer.misbehave(never)
    await hub.forwards_not(peer, "http_response_timeout", status=504)
    await hub.names(peer, "http_response_timeout")
    await hub.is_online(peer)  # how long a request may take is its own affair
    peer.answers |= {HEALTH: never, TREE: never}
    await is_gone(hub, peer, "http_response_timeout")
    await comes_back(hub, peer)


async def test_fault_006_a_health_that_drips_makes_degraded_while_requests_are_answered(hub: Hub) -> None:
    peer = hub["f006"]
    peer.answers[HEALTH] = dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n" + b" " * 100)

    async def is_degraded() -> dict[str, Any] | None:
        assert (await hub.forwarded(peer)).status == 200
        told = await hub.told(peer)
        return told if told["state"] == "degraded" else None

    told = await eventually(is_degraded)
    assert (told["status"], told["reason"]) == ("online", "http_response_timeout")
    asked = peer.times_asked(HEALTH)

    async def was_probed_again() -> bool:
        assert (await hub.forwarded(peer)).status == 200
        return peer.times_asked(HEALTH) >= asked + 4

    await eventually(was_probed_again)
    assert_gaps(await hub.fanned_out(peer))
    await hub.lists(peer)
    assert hub.states(peer)[-1] == "degraded"
    assert "down" not in hub.states(peer)
    await hub.others_are_well()
    await comes_back(hub, peer)
