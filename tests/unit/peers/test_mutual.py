"""A foreign peer that reads us is found by a question that it passes on, or by what it lists."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from peers.foreign_health import ItsPeer, UpstreamHealth, read_upstream_health
from peers.foreign_record import silent_links
from peers.health import Health, HealthSettings
from peers.mutual import ANYWHERE, ECHO_FIELD, MutualPeers
from peers.peer import Peer
from peers.settings import ForeignSettings
from tests.unit.peers.foreign_server import serving_upstream


@asynccontextmanager
async def a_peer(**oddity: object) -> AsyncIterator[tuple[Peer, MutualPeers]]:
    """A foreign peer, and who asks it; the token is always `t1`, `t2`, ..."""
    async with serving_upstream({}, *([{"path": "/api/v1/version-info", **oddity}] if oddity else [])) as served:
        health = Health(HealthSettings(), wall=lambda: 0.0, clock=lambda: 0.0, sick=lambda: False)
        health.ok(1.0)
        peer = Peer(served.client.endpoint, served.client, health, instance="F" * 22, upstream=UpstreamHealth())
        numbers = iter(range(1, 100))
        mutual = MutualPeers(
            [peer], ForeignSettings(echo_timeout_ms=300), new_token=lambda: f"t{next(numbers)}", authorities=["us:1"]
        )
        yield peer, mutual


async def hear_soon(mutual: MutualPeers, token: str, address: str) -> None:
    while token not in mutual._open:
        await asyncio.sleep(0)
    mutual.hear(token, address, "Grove.local:8080")


async def test_a_peer_that_passes_the_question_on_reads_us_from_there() -> None:
    async with a_peer(delay=0.05) as (peer, mutual):
        await asyncio.gather(mutual.ask(peer), hear_soon(mutual, "t1", "10.0.0.7"))
        assert mutual.read_from("10.0.0.7") == {"F" * 22}
        assert mutual.read_from("10.0.0.8") == frozenset()
        await mutual.ask(peer)
        assert mutual.read_from("10.0.0.7") == frozenset()


async def test_the_question_carries_the_token_and_no_word_against_asking_on() -> None:
    async with serving_upstream({}) as served:
        health = Health(HealthSettings(), wall=lambda: 0.0, clock=lambda: 0.0, sick=lambda: False)
        peer = Peer(served.client.endpoint, served.client, health, instance="F" * 22, upstream=UpstreamHealth())
        await MutualPeers([peer], ForeignSettings(), new_token=lambda: "t").ask(peer)
        (request,) = served.server.requests
    assert (request["path"], request["query"]) == ("/api/v1/version-info", f"{ECHO_FIELD}=t")
    assert "X-Medkit-No-Fan-Out" not in request["headers"]


async def test_a_token_nobody_asked_with_means_nothing() -> None:
    async with a_peer() as (peer, mutual):
        mutual.hear("made up", "10.0.0.7", "them:1")
        await mutual.ask(peer)
        mutual.hear("t1", "10.0.0.7", "them:1")
        assert peer.reads_us_from is None


async def test_what_was_known_stays_when_it_does_not_answer() -> None:
    async with a_peer(hang=True) as (peer, mutual):
        peer.reads_us_from = "10.0.0.7"
        await mutual.ask(peer)
        assert peer.reads_us_from == "10.0.0.7"


async def test_one_that_lists_ours_without_passing_the_question_on_may_read_from_anywhere() -> None:
    async with a_peer() as (peer, mutual):
        peer.returns_ours = True
        await mutual.ask(peer)
        assert peer.reads_us_from == ANYWHERE
        assert mutual.read_from("192.168.1.1") == {"F" * 22}


async def test_its_peer_is_us_if_it_calls_it_as_we_are_called() -> None:
    async with a_peer(delay=0.05) as (peer, mutual):
        assert mutual.is_us(ItsPeer("grove", "http://us:1/", is_online=False))
        assert not mutual.is_us(ItsPeer("grove", "http://grove.local:8080", is_online=False))
        await asyncio.gather(mutual.ask(peer), hear_soon(mutual, "t1", "10.0.0.7"))
        assert mutual.is_us(ItsPeer("grove", "http://grove.local:8080", is_online=False))
        mutual.hear("made up", "10.0.0.7", "them:1")
        assert not mutual.is_us(ItsPeer("grove", "http://them:1", is_online=False))


UNREADABLE = ("http://[", "http://\u2100", "", "http://us:1/" + "x" * 1024 * 1024)


@pytest.mark.parametrize("url", UNREADABLE, ids=("bracket", "delimiter", "empty", "long"))
async def test_a_peer_of_a_peer_whose_url_cannot_be_read_is_not_us_and_is_named(url: str) -> None:
    health = {"status": "healthy", "timestamp": 1, "peers": [{"name": "d", "url": url, "status": "offline"}]}
    told = read_upstream_health(health)
    assert told is not None
    async with a_peer() as (_, mutual):
        assert [mutual.is_us(one) for one in told.peers] == [False]
    assert [link.peer for link in silent_links(told.peers)] == ["d"]


async def test_many_who_want_to_know_at_a_time_are_told_by_one_question_more() -> None:
    async with a_peer(delay=0.02) as (_, mutual):
        first = asyncio.create_task(mutual.look())
        await asyncio.sleep(0)
        await asyncio.gather(first, *(mutual.look() for _ in range(20)))
        assert mutual._looks == 2
