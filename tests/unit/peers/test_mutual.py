"""A foreign peer that reads us is found by a question that it passes on, or by what it lists."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from entities.model import EntityKind
from peers.foreign_health import ItsPeer, UpstreamHealth, read_upstream_health
from peers.foreign_record import silent_links
from peers.health import Health, HealthSettings
from peers.horizon import Hidden
from peers.mutual import ECHO_FIELD, MAX_HEARD, MAX_READERS, MutualPeers
from peers.peer import Peer
from peers.settings import ForeignSettings
from tests.unit.peers.foreign_server import serving_upstream
from tests.unit.peers.peering import Clock

CLOCK = Clock()


class Tokens:
    """Gives `t1`, `t2`, ..."""

    given = 0

    def __call__(self) -> str:
        self.given += 1
        return f"t{self.given}"


@asynccontextmanager
async def a_peer(**oddity: object) -> AsyncIterator[tuple[Peer, MutualPeers]]:
    """A foreign peer, and who asks it; the token is always `t1`, `t2`, ..."""
    async with serving_upstream({}, *([{"path": "/api/v1/version-info", **oddity}] if oddity else [])) as served:
        health = Health(HealthSettings(), wall=lambda: 0.0, clock=lambda: 0.0, sick=lambda: False)
        health.ok(1.0)
        peer = Peer(served.client.endpoint, served.client, health, instance="F" * 22, upstream=UpstreamHealth())
        mutual = MutualPeers(
            [peer],
            ForeignSettings(echo_timeout_ms=300, echo_pause_ms=5_000),
            new_token=Tokens(),
            clock=CLOCK,
            authorities=["us:1"],
        )
        yield peer, mutual


def questions(mutual: MutualPeers) -> int:
    """How many there were."""
    return cast("Tokens", mutual._new_token).given


async def hear_soon(mutual: MutualPeers, token: str, address: str) -> None:
    while token not in mutual._open:
        await asyncio.sleep(0)
    mutual.hear(token, address, "Grove.local:8080")


async def test_a_peer_that_passes_the_question_on_reads_us_from_there() -> None:
    async with a_peer(delay=0.05) as (peer, mutual):
        await asyncio.gather(mutual.ask(peer), hear_soon(mutual, "t1", "10.0.0.7"))
        assert mutual.hidden_from("10.0.0.7") == Hidden(proved=frozenset({"F" * 22}))
        assert mutual.hidden_from("10.0.0.8") == Hidden()
        await mutual.ask(peer)
        assert mutual.hidden_from("10.0.0.7") == Hidden()


async def test_the_question_carries_the_token_and_no_word_against_asking_on() -> None:
    async with serving_upstream({}) as served:
        health = Health(HealthSettings(), wall=lambda: 0.0, clock=lambda: 0.0, sick=lambda: False)
        peer = Peer(served.client.endpoint, served.client, health, instance="F" * 22, upstream=UpstreamHealth())
        await MutualPeers([peer], ForeignSettings(), new_token=lambda: "t", clock=CLOCK).ask(peer)
        (request,) = served.server.requests
    assert (request["path"], request["query"]) == ("/api/v1/version-info", f"{ECHO_FIELD}=t")
    assert "X-Medkit-No-Fan-Out" not in request["headers"]


async def test_a_token_nobody_asked_with_means_nothing() -> None:
    async with a_peer() as (peer, mutual):
        mutual.hear("made up", "10.0.0.7", "them:1")
        await mutual.ask(peer)
        mutual.hear("t1", "10.0.0.7", "them:1")
        assert not peer.reads_us_from


async def test_what_was_known_stays_when_it_does_not_answer() -> None:
    async with a_peer(hang=True) as (peer, mutual):
        peer.reads_us_from, peer.calls_us = frozenset({"10.0.0.7"}), frozenset({"grove:1"})
        await mutual.ask(peer)
        assert peer.reads_us_from == {"10.0.0.7"}
        assert peer.calls_us == {"grove:1"}


async def test_one_that_lists_ours_without_passing_the_question_on_may_read_from_anywhere() -> None:
    async with a_peer() as (peer, mutual):
        peer.copies_of = frozenset({(EntityKind.APP, "G" * 22, "cam")})
        await mutual.ask(peer)
        assert mutual.hidden_from("192.168.1.1") == Hidden(suspected=frozenset({"F" * 22}))
        peer.upstream = None
        assert mutual.hidden_from("192.168.1.1") == Hidden()


async def test_whoever_sends_the_question_as_well_adds_an_address_and_takes_none_away() -> None:
    async with a_peer(delay=0.05) as (peer, mutual):
        replays = [hear_soon(mutual, "t1", f"10.1.0.{number}") for number in range(2 * MAX_HEARD)]
        await asyncio.gather(mutual.ask(peer), hear_soon(mutual, "t1", "10.0.0.7"), *replays)
        assert "10.0.0.7" in peer.reads_us_from
        assert len(peer.reads_us_from) == MAX_HEARD
        await asyncio.gather(mutual.ask(peer), hear_soon(mutual, "t2", "10.0.0.8"))
        assert peer.reads_us_from == {"10.0.0.8"}


async def test_a_name_of_ours_is_believed_of_the_one_that_used_it_and_as_long_as_it_reads_us() -> None:
    called = ItsPeer("grove", "http://grove.local:8080", is_online=False)
    async with a_peer(delay=0.05) as (peer, mutual), a_peer() as (other, _):
        await asyncio.gather(mutual.ask(peer), hear_soon(mutual, "t1", "10.0.0.7"))
        assert (mutual.is_us(peer, called), mutual.is_us(other, called)) == (True, False)
        await mutual.ask(peer)
        assert not mutual.is_us(peer, called)


async def test_its_peer_is_us_if_it_calls_it_as_we_are_called() -> None:
    async with a_peer(delay=0.05) as (peer, mutual):
        assert mutual.is_us(peer, ItsPeer("grove", "http://us:1/", is_online=False))
        assert not mutual.is_us(peer, ItsPeer("grove", "http://grove.local:8080", is_online=False))
        await asyncio.gather(mutual.ask(peer), hear_soon(mutual, "t1", "10.0.0.7"))
        assert mutual.is_us(peer, ItsPeer("grove", "http://grove.local:8080", is_online=False))
        mutual.hear("made up", "10.0.0.7", "them:1")
        assert not mutual.is_us(peer, ItsPeer("grove", "http://them:1", is_online=False))


UNREADABLE = ("http://[", "http://\u2100", "", "http://us:1/" + "x" * 1024 * 1024)


@pytest.mark.parametrize("url", UNREADABLE, ids=("bracket", "delimiter", "empty", "long"))
async def test_a_peer_of_a_peer_whose_url_cannot_be_read_is_not_us_and_is_named(url: str) -> None:
    health = {"status": "healthy", "timestamp": 1, "peers": [{"name": "d", "url": url, "status": "offline"}]}
    told = read_upstream_health(health)
    assert told is not None
    async with a_peer() as (peer, mutual):
        assert [mutual.is_us(peer, one) for one in told.peers] == [False]
    assert [link.peer for link in silent_links(told.peers)] == ["d"]


async def test_many_who_want_to_know_at_a_time_are_told_by_one_question_more() -> None:
    async with a_peer(delay=0.02) as (_, mutual):
        first = asyncio.create_task(mutual.look("10.0.0.0"))
        await asyncio.sleep(0)
        await asyncio.gather(first, *(mutual.look(f"10.0.0.{number}") for number in range(1, 21)))
        assert questions(mutual) == 2


async def test_who_waits_for_a_look_that_is_cancelled_has_one_of_his_own() -> None:
    async with a_peer(delay=0.02) as (peer, mutual):
        first = asyncio.create_task(mutual.look("10.0.0.1"))
        others = [asyncio.create_task(mutual.look(f"10.0.0.{number}")) for number in (7, 8)]
        while "t1" not in mutual._open:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(hear_soon(mutual, "t2", "10.0.0.7"), *others)
        assert first.cancelled()
        assert peer.reads_us_from == {"10.0.0.7"}


async def test_a_reader_that_asks_often_makes_us_ask_once_in_a_while() -> None:
    async with a_peer() as (_, mutual):
        for _ in range(5):
            await mutual.look("10.0.0.7")
        assert questions(mutual) == 1
        CLOCK.now += 5
        await mutual.look("10.0.0.7")
        assert questions(mutual) == 2


async def test_another_reader_or_a_peer_that_changed_is_reason_to_ask_again() -> None:
    async with a_peer() as (peer, mutual):
        await mutual.look("10.0.0.7")
        await mutual.look("10.0.0.8")
        assert questions(mutual) == 2
        peer.upstream = UpstreamHealth((ItsPeer("grove", "http://us:1", is_online=True),))
        await mutual.look("10.0.0.8")
        assert questions(mutual) == 3


async def test_no_more_readers_are_remembered_than_allowed() -> None:
    async with a_peer() as (_, mutual):
        for number in range(MAX_READERS + 3):
            await mutual.look(f"10.0.0.{number}")
        assert len(mutual._asked) == MAX_READERS
