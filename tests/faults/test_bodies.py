"""Answers whose body drips, breaks, never ends, or is encoded: faults 5, 7, 8, 10, 14 and 15."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.bad_peer import GOOD, BadPeer, first, then_close, then_reset
from tests.faults.hub import BRIEF, Hub, assert_unavailable, hub_of
from tests.federation.eventually import eventually
from tests.federation.garbage import HEALTH, TREE, Script, Wire, dripping, endless, http
from tests.federation.gateways import Cluster
from tests.federation.plant import assert_gaps

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
HALF = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n" + b'{"items": ['
HALF_CHUNKED = CHUNKED + b'64\r\n{"items": ['
MIB = 1024 * 1024
GROWN_BYTES = 64 * MIB
"""More than any answer may cost: the largest one that is held, 10 MiB, several times over."""

STALLED_S = 0.5
"""For so long nothing may be taken of what has stalled."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    peers = [BadPeer(name) for name in ("f007", "f008", "f010", "f014", "f015")]
    async with hub_of(shared_cluster, *peers) as hub:
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def brief_hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    async with hub_of(shared_cluster, BadPeer("f005"), name="brief", settings=BRIEF) as hub:
        yield hub


async def test_fault_005_a_body_that_drips_is_cut_off_at_the_deadline_and_one_that_rests_breaks_the_client_off(
    brief_hub: Hub,
) -> None:
    """A body of unknown length goes on as it flows (design 9, streams): only its rest has a limit then."""
    peer = brief_hub["f005"]
    drip = dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n" + b" " * 10_000, pause_s=0.005)
    await brief_hub.refuses(peer, drip, "http_response_timeout", status=504)
    peer.misbehave(endless(HALF_CHUNKED, b" ", pause_s=60))
    await brief_hub.breaks_off(peer)
    await brief_hub.names(peer, "http_response_timeout")
    await brief_hub.recovers(peer)


@pytest.mark.parametrize("half", [HALF, HALF_CHUNKED], ids=["length", "chunked"])
async def test_fault_007_a_reset_in_the_body_is_502_and_a_read_is_tried_again(hub: Hub, half: bytes) -> None:
    """A body of unknown length has gone out when it breaks; what is lost of a write's answer is 504 (design 3)."""
    peer = hub["f007"]
    peer.misbehave(then_reset(half))
    asked = peer.times_asked(peer.line)
    await hub.names(peer, "connection_terminated")
    assert peer.times_asked(peer.line) == asked + 2
    if half is HALF_CHUNKED:
        await hub.breaks_off(peer)
    else:
        asked = peer.times_asked(peer.item)
        await hub.forwards_not(peer, "connection_terminated")
        assert peer.times_asked(peer.item) == asked + 2
        peer.answers[peer.item] = first(then_reset(half), GOOD)
        assert (await hub.forwarded(peer)).json == {"id": "x"}
        peer.misbehave(then_reset(half))
        write = await hub.forwarded(peer, "POST")
        assert_unavailable(write, peer, "connection_terminated", status=504)
        assert write.json["parameters"] == {"may_have_executed": True}
        assert peer.times_asked(peer.item, "POST") == 1
    await hub.others_are_well()
    await hub.recovers(peer)
    assert "down" not in hub.states(peer)


async def test_fault_008_a_body_that_ends_too_early_is_502_and_nothing_of_it_is_used(hub: Hub) -> None:
    peer = hub["f008"]
    whole = peer.answers[peer.line]
    assert isinstance(whole, bytes)
    await hub.refuses(peer, then_close(whole[:-1]), "http_response_incomplete")
    chunk = whole.partition(b"\r\n\r\n")[2]
    peer.misbehave(then_close(CHUNKED + b"%x\r\n%b\r\n" % (len(chunk), chunk)))  # only the last chunk is missing
    await hub.breaks_off(peer)
    await hub.names(peer, "http_response_incomplete")
    peer.answers[TREE] = then_close(http(peer.tree.body, etag='"half"')[:-1])
    peer.tree.change({"components": []})
    await eventually(lambda: warned(hub, peer, "http_response_incomplete"))
    await hub.lists(peer)
    del peer.answers[TREE]
    peer.tree.change({"components": [{"id": "f008_unit"}]})
    await hub.recovers(peer)


async def warned(hub: Hub, peer: BadPeer, reason: str) -> bool:
    return reason in (await hub.warnings(peer)).get("peer_tree_unreadable", "")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_fault_010_an_unframed_body_counts_only_if_it_is_json_to_its_end(hub: Hub, version: str) -> None:
    """A forwarded one is refused: its owner's connection could have broken, and nobody would know."""
    peer = hub["f010"]
    good = peer.answers[peer.line]
    assert isinstance(good, bytes)
    head, body = f"HTTP/{version} 200 OK\r\n\r\n".encode(), good.partition(b"\r\n\r\n")[2]
    peer.misbehave(then_close(head + body))
    fanned = await hub.fanned_out(peer)
    assert_gaps(fanned)
    assert sorted(fanned.ids) == ["f010_x", "whose"]
    await hub.forwards_not(peer, "http_protocol_error")
    peer.misbehave(then_close(head + body[:-1]))
    await hub.names(peer, "invalid_json")
    await hub.forwards_not(peer, "http_protocol_error")
    await hub.others_are_well()
    await hub.recovers(peer)


async def test_fault_014_a_body_over_the_cap_is_not_read_on_and_costs_no_memory(hub: Hub) -> None:
    peer = hub["f014"]
    before = hub.gateway.rss_bytes()
    flood = Flood()
    peer.misbehave(flood)
    await hub.names(peer, "http_response_body_size")
    assert flood.sent < 40 * MIB
    peer.misbehave(http(b"{", content_length=str(10**10)))
    await hub.names(peer, "http_response_body_size")
    peer.misbehave(flood)
    flood.sent = 0
    async with hub.gateway.open("GET", peer.item) as answer:
        assert answer.status == 200
        await eventually(flood.stalls)  # nobody reads, so nobody asks for more
        assert flood.sent < 40 * MIB
        assert hub.gateway.rss_bytes() < before + GROWN_BYTES
    await hub.others_are_well()
    peer.behave()
    peer.answers[TREE] = http(b"{", content_length=str(10**10))
    peer.tree.change({})
    await eventually(lambda: warned(hub, peer, "http_response_body_size"))
    await hub.lists(peer)
    peer.answers |= {HEALTH: flood, TREE: flood}
    await hub.becomes(peer, "down")
    assert (await hub.told(peer))["reason"] == "http_response_body_size"
    assert hub.gateway.rss_bytes() < before + GROWN_BYTES
    await hub.recovers(peer)


class Flood:
    """A body without end, as fast as it is taken; `sent` bytes so far."""

    def __init__(self) -> None:
        self.sent = 0
        self._seen = (0, 0.0)
        # Mutable state: both; `_seen` is what was sent at the last look that saw it grow, and when that was.

    async def __call__(self, wire: Wire) -> None:
        await wire.send(CHUNKED)
        while True:
            await wire.send(b"10000\r\n" + b" " * 65_536 + b"\r\n")
            self.sent += 65_536
            await asyncio.sleep(0)

    def stalls(self) -> bool:
        """It has begun, and nothing more was taken for a while."""
        now = time.monotonic()
        if self.sent != self._seen[0]:
            self._seen = self.sent, now
        return self.sent > 0 and now - self._seen[1] > STALLED_S


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
async def test_fault_015_an_encoded_body_is_refused_unread_for_it_was_not_asked_for(hub: Hub, coding: str) -> None:
    bomb: Script = http(b"\x1f\x8b\x08\x00", content_encoding=coding)
    await hub.refuses(hub["f015"], bomb, "http_response_content_coding")
    await hub.recovers(hub["f015"])
