"""One request over one way after another, against peers that answer as they like."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from entities.hops import Hops
from peers.attempt import GiveUp
from peers.client import PeerClient
from peers.errors import PeerError
from peers.forward import HOP_COST_MS, Delivered, Forwarding, forward
from tests.unit.entities.sketch import instance, letters, record, seen_from
from tests.unit.peers.wire_server import OK, PATIENCE_S, Script, Wire, WireServer, client_to, serving, whole, within

B, D = instance("b"), instance("d")
DIAMOND = seen_from(record("a", "b c"), record("b", "d"), record("c", "d"), record("d"))
"""From a, gateway d stands behind b and behind c."""

READ = Forwarding("GET", "/api/v1/apps/cam/data?x=%2F", (("Accept", "text/plain"),))
WRITE = Forwarding("PUT", "/api/v1/apps/cam/data/x", body=b"{}")


@dataclass
class Reached:
    """The peers, and what was reported of them."""

    clients: dict[str, PeerClient] = field(default_factory=dict)
    servers: dict[str, WireServer] = field(default_factory=dict)
    reports: list[tuple[str, str | None]] = field(default_factory=list)

    def client(self, peer: str) -> PeerClient | None:
        return self.clients.get(peer)

    def report(self, peer: str, outcome: PeerError | None) -> None:
        self.reports.append((peer, None if outcome is None else outcome.reason.value))

    async def send(self, request: Forwarding, *, deadline: float | None = None, hops: Hops | None = None) -> object:
        """What forwarding to d comes to; a body that was delivered is read and checked to be whole."""
        outcome = await forward(
            self, DIAMOND, request, to=D, hops=hops or Hops(), deadline=within() if deadline is None else deadline
        )
        if isinstance(outcome, Delivered):
            assert await whole(outcome.answer) in (b"ok", b"")
        return outcome


@asynccontextmanager
async def reaching(peers: Mapping[str, Script]) -> AsyncIterator[Reached]:
    reach = Reached()
    async with AsyncExitStack() as stack:
        for name, script in peers.items():
            reach.servers[name] = await stack.enter_async_context(serving(script))
            reach.clients[name] = await stack.enter_async_context(client_to(reach.servers[name].url))
        yield reach


def saying(head: bytes) -> Script:
    """Answers once with this status line and headers and no body, then closes."""

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 " + head + b"\r\ncontent-length: 0\r\n\r\n")

    return script


async def fine(wire: Wire) -> None:
    await wire.request()
    await wire.send(OK)


async def silent_after_reading(wire: Wire) -> None:
    await wire.request()


def delivered_by(outcome: object) -> str:
    assert isinstance(outcome, Delivered), outcome
    return outcome.step.peer


async def test_the_request_goes_on_byte_for_byte_with_its_hops() -> None:
    async with reaching({"b": fine}) as reach:
        assert delivered_by(await reach.send(READ, hops=Hops(via=(instance("x"),)))) == "b"
        (sent,) = reach.servers["b"].requests
    assert sent.startswith(b"GET /api/v1/apps/cam/data?x=%2F HTTP/1.1\r\n")
    lines = dict(line.split(b": ", 1) for line in sent.split(b"\r\n")[1:] if line)
    assert lines[b"Accept"] == b"text/plain"
    assert lines[b"X-Medkit-Via"] == f"{instance('x')},{instance('a')}".encode()
    assert (lines[b"X-Medkit-Target"], lines[b"X-Medkit-To"]) == (D.encode(), B.encode())
    assert 0 < int(lines[b"X-Medkit-Deadline-Ms"]) <= PATIENCE_S * 1000 - HOP_COST_MS
    assert reach.reports == [("b", None)]


@pytest.mark.parametrize(
    "head",
    [
        b"421 X",
        b"508 X",
        b"502 X\r\nx-medkit-reason: no_route",
        b"504 X\r\nx-medkit-reason: connection_timeout",
    ],
)
@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
async def test_where_the_owner_was_not_reached_the_other_way_is_taken(head: bytes, request_: Forwarding) -> None:
    async with reaching({"b": saying(head), "c": fine}) as reach:
        assert delivered_by(await reach.send(request_)) == "c"
        assert b"X-Medkit-Tried: %s\r\n" % B.encode() in reach.servers["c"].requests[0]


async def test_a_peer_that_is_none_any_more_is_passed_by() -> None:
    async with reaching({"c": fine}) as reach:
        assert delivered_by(await reach.send(WRITE)) == "c"
    assert reach.reports == [("b", "destination_unavailable"), ("c", None)]


async def test_another_gateway_at_a_url_is_reported_for_a_probe() -> None:
    async with reaching({"b": saying(b"421 X"), "c": fine}) as reach:
        await reach.send(READ)
    assert reach.reports == [("b", "http_request_denied"), ("c", None)]


@pytest.mark.parametrize("head", [b"404 X", b"500 X", b"502 X", b"503 X", b"504 X"])
async def test_an_error_of_the_owner_itself_is_its_answer(head: bytes) -> None:
    async with reaching({"b": saying(head), "c": fine}) as reach:
        outcome = await reach.send(READ)
        assert delivered_by(outcome) == "b"
        assert reach.servers["c"].requests == []


async def test_a_read_whose_answer_was_lost_takes_the_other_way() -> None:
    async with reaching({"b": silent_after_reading, "c": fine}) as reach:
        assert delivered_by(await reach.send(READ)) == "c"


async def test_a_write_whose_answer_was_lost_is_sent_to_nobody_else() -> None:
    async with reaching({"b": silent_after_reading, "c": fine}) as reach:
        outcome = await reach.send(WRITE)
        assert isinstance(outcome, GiveUp)
        assert (outcome.may_have_executed, outcome.gap.is_timeout) == (True, True)
        assert [len(server.requests) for server in reach.servers.values()] == [1, 0]


async def test_a_streamed_body_is_sent_once_only() -> None:
    taken = []

    async def body() -> AsyncIterator[bytes]:
        for piece in (b"one", b"two"):
            taken.append(piece)
            yield piece

    async with reaching({"b": saying(b"421 X"), "c": fine}) as reach:
        outcome = await reach.send(Forwarding("PUT", "/x", body=body(), content_length=6))
        assert isinstance(outcome, GiveUp)
        assert (outcome.gap.status, outcome.may_have_executed) == (421, False)
        assert (taken, reach.servers["c"].requests) == ([b"one", b"two"], [])


async def test_when_nobody_is_left_the_last_reason_and_all_who_were_tried_are_told() -> None:
    heads = (b"502 X\r\nx-medkit-reason: no_route", b"508 X\r\nx-medkit-tried: " + instance("q").encode())
    async with reaching({"b": saying(heads[0]), "c": saying(heads[1])}) as reach:
        outcome = await reach.send(READ)
    assert isinstance(outcome, GiveUp)
    assert (outcome.gap.reason, outcome.gap.status) == ("loop_detected", 508)
    assert letters(outcome.tried) == "bqca"


async def test_nobody_is_asked_after_the_deadline() -> None:
    async with reaching({"b": fine}) as reach:
        outcome = await reach.send(READ, deadline=within(0))
        assert isinstance(outcome, GiveUp)
        assert (outcome.gap.is_timeout, reach.servers["b"].requests, reach.reports) == (True, [], [])
