"""Answers that are no HTTP, or more of it than was asked for: faults 9 and 11 to 13."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from peers.settings import UPSTREAM_CONTROL, UPSTREAM_TRANSPORT
from tests.faults.bad_peer import GOOD, BadPeer
from tests.faults.hub import Hub, hub_of
from tests.federation.garbage import Script, Wire, endless, http, never
from tests.federation.gateways import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
EARLY = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

NO_HTTP = {
    "length and chunked": http(b"{}", transfer_encoding="chunked"),
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "the same length twice": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "a list of lengths": http(b"{}", content_length="2, 2"),
    "a signed length": http(b"{}", content_length="+2"),
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "noise": bytes(range(256)) * 64,
    "bare line feeds": GOOD.replace(b"\r\n", b"\n"),
    "a folded header": b"HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 2\r\n\r\n{}",
}

NO_ANSWER = {
    "nine interim answers": EARLY * 9 + GOOD,
    "interim answers for ever": endless(b"", EARLY),
    "101": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "status 0": http(b"{}", "000 Nothing"),
    "status 600": http(b"{}", "600 Odd"),
    "status 999": http(b"{}", "999 Odd"),
    "204 with a body": http(b"{}", "204 No Content"),
    "204 in chunks": b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(shared_cluster: Cluster) -> AsyncIterator[Hub]:
    async with hub_of(shared_cluster, *map(BadPeer, ("f009", "f011", "f012", "f013"))) as hub:
        yield hub


@pytest.mark.parametrize("script", NO_HTTP.values(), ids=NO_HTTP)
async def test_fault_009_an_answer_in_ambiguous_framing_is_502_and_costs_the_connection(
    hub: Hub, script: Script
) -> None:
    peer = hub["f009"]
    await hub.refuses(peer, script, "http_protocol_error")
    peer.answers[peer.item] = GOOD
    before = peer.accepted
    assert (await hub.forwarded(peer)).json == {"id": "x"}  # on a connection of its own: what followed is not read on
    assert peer.accepted > before
    await hub.recovers(peer)


async def test_fault_011_bytes_nobody_asked_for_reach_nobody_and_cost_the_connection(hub: Hub) -> None:
    """Upstream gateways do not echo request ids: their connections are also kept for less than 5 s."""
    peer = hub["f011"]
    good = peer.answers[peer.item]
    assert isinstance(good, bytes)
    poison = http(b'{"poison": true}')

    async def answer_twice(wire: Wire) -> None:
        await wire.send(good)
        await wire.send(poison)
        await never(wire)

    for script in (good + poison, answer_twice):
        peer.answers[peer.item] = script
        for _ in range(20):
            assert (await hub.forwarded(peer)).json == {"id": "x", "data": "f011"}
    lines = [line for line in hub.gateway.log() if line["event"] == "peer sent bytes nobody asked for"]
    assert [line["peer"] for line in lines].count("f011") == 1
    await hub.others_are_well()
    assert max(UPSTREAM_TRANSPORT.idle_keep_ms, UPSTREAM_CONTROL.idle_keep_ms) < 5000
    await hub.recovers(peer)


async def test_fault_011_an_answer_to_another_request_is_502_and_no_idle_connection_is_used_again(hub: Hub) -> None:
    peer = hub["f011"]
    await hub.refuses(peer, http(b'{"items": []}', x_request_id="another"), "http_protocol_error")
    before = peer.accepted
    await hub.recovers(peer)
    assert peer.accepted > before


@pytest.mark.parametrize("script", NO_ANSWER.values(), ids=NO_ANSWER)
async def test_fault_012_an_answer_with_a_status_that_is_none_is_502_and_never_relayed(
    hub: Hub, script: Script
) -> None:
    await hub.refuses(hub["f012"], script, "http_protocol_error")
    await hub.recovers(hub["f012"])


async def test_fault_012_eight_interim_answers_are_read_and_not_relayed(hub: Hub) -> None:
    peer = hub["f012"]
    peer.answers[peer.item] = EARLY * 8 + GOOD
    answer = await hub.forwarded(peer)
    assert (answer.status, answer.json, answer.headers.get("Link")) == (200, {"id": "x"}, None)
    await hub.recovers(peer)


@pytest.mark.parametrize(
    "script",
    [
        endless(b"HTTP/1.1 200 OK\r\n", b"x-header: " + b"y" * 1000 + b"\r\n"),
        endless(b"HTTP/1.1 200 OK\r\nx-header: ", b"y" * 65_536),
        endless(b"HTTP/1.1 200 ", b"y" * 65_536),
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"content-length: 2\r\n\r\n{}",
    ],
    ids=["lines", "one line", "status line", "short lines"],
)
async def test_fault_013_a_header_without_end_is_502_and_costs_no_memory(hub: Hub, script: Script) -> None:
    peer = hub["f013"]
    before = hub.gateway.rss_bytes()
    peer.misbehave(script)
    for _ in range(10):
        answer = await hub.forwarded(peer)
        assert answer.status == 502
        assert answer.medkit["reason"] in {"http_response_header_size", "http_protocol_error"}
    await hub.others_are_well()
    await hub.is_online(peer)
    assert hub.gateway.rss_bytes() < before + 32 * MIB
    await hub.recovers(peer)


@pytest.mark.parametrize(
    "script",
    [endless(CHUNKED + b"0\r\n", b"a: b\r\n" * 1000), endless(CHUNKED + b"5;", b"y" * 65_536)],
    ids=["trailers", "chunk line"],
)
async def test_fault_013_behind_the_head_it_breaks_the_answer_off(hub: Hub, script: Script) -> None:
    peer = hub["f013"]
    peer.misbehave(script)
    await hub.breaks_off(peer)
    await hub.names(peer, "http_response_header_size")
    await hub.recovers(peer)
