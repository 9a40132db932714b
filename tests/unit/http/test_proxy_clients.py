"""Clients of a forwarded request that stall, and those of HTTP/1.0: what becomes of their exchange with the owner."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from entities.hops import Hops
from gateway.http.call import Call
from gateway.http.path import Route
from gateway.http.proxy import ProxyLimits, relay
from gateway.http.request import ApiRequest
from gateway.http.translate import VERBATIM, Translation
from peers.client import PeerClient
from peers.errors import PeerError
from peers.settings import MIB
from tests.unit.http import serving as http
from tests.unit.http.views import Peer, instance, record, view_of
from tests.unit.peers import wire_server as wire

VIEW = view_of(record("here"), Peer("b", record("bee")))
BRIEF = ProxyLimits(stream_idle_ms=150)
LARGE_BYTES = 64 * MIB
"""More than all sockets on the way can hold."""

PATH = "/api/v1/apps/cam/data/picture"


@dataclass
class OnePeer:
    """The way to the owner, and what forwarding said of it."""

    peer: PeerClient
    told: list[PeerError | None] = field(default_factory=list)

    def client(self, peer: str) -> PeerClient | None:
        return self.peer

    def report(self, peer: str, outcome: PeerError | None) -> None:
        self.told.append(outcome)


@asynccontextmanager
async def proxying(
    owner: wire.Script,
    *,
    stream_idle_ms: int = 60_000,
    limits: ProxyLimits = BRIEF,
    translation: Translation = VERBATIM,
) -> AsyncIterator[tuple[http.Client, OnePeer]]:
    """A gateway that relays everything to `owner`; `stream_idle_ms` is the transport's."""
    async with wire.serving(owner) as server, wire.client_to(server.url, stream_idle_ms=stream_idle_ms) as client:
        reach = OnePeer(client)

        async def dispatch(request: ApiRequest, route: Route) -> web.StreamResponse:
            call = Call(request, route, Hops(), VIEW, own=False, deadline=wire.within())
            return await relay(call, reach, limits, to=instance("bee"), path=request.path, translation=translation)

        async with http.serving(http.World(dispatch=dispatch)) as user:
            yield user, reach


async def takes_nothing_back(owner: wire.Wire) -> None:
    """Reads a request's head and then its body until the gateway breaks off."""
    await owner.head()
    await owner.gone()


@pytest.mark.parametrize("framing", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"])
async def test_an_upload_whose_client_stalls_ends_with_408_and_frees_the_owners_slot(framing: bytes) -> None:
    async with proxying(takes_nothing_back, stream_idle_ms=150) as (user, reach):
        reader, writer = await asyncio.open_connection("127.0.0.1", user.port)
        with closing(writer):
            writer.write(b"PUT %b HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n1\r\nx\r\n" % (PATH.encode(), framing))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), wire.PATIENCE_S)
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in head.lower()
        assert (reach.peer.figures.requests, reach.peer.figures.idle) == (0, 0)
        assert reach.told == []  # it was no fault of the owner's


async def test_a_small_body_whose_client_stalls_is_never_sent_on() -> None:
    async with proxying(wire.serving_ok) as (user, reach):
        reader, writer = await asyncio.open_connection("127.0.0.1", user.port)
        with closing(writer):
            writer.write(b"PUT %b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx" % PATH.encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), wire.PATIENCE_S)
        assert head.startswith(b"HTTP/1.1 408 ")
        assert reach.peer.figures.opened == 0


@pytest.mark.parametrize(
    "framing", [b"content-length: %d\r\n\r\n" % LARGE_BYTES, b"transfer-encoding: chunked\r\n\r\n%x\r\n" % LARGE_BYTES]
)
async def test_a_download_whose_client_reads_nothing_is_broken_off_on_both_sides(framing: bytes) -> None:
    broken = asyncio.Event()

    async def endless(owner: wire.Wire) -> None:
        await owner.request()
        try:
            await owner.send(b"HTTP/1.1 200 OK\r\n" + framing)
            for _ in range(LARGE_BYTES // MIB):
                await owner.send(bytes(MIB))
        except ConnectionError:
            broken.set()

    async with proxying(endless) as (user, reach):
        reader, writer = await asyncio.open_connection("127.0.0.1", user.port, limit=1024)
        with closing(writer):
            writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % PATH.encode())
            await reader.readuntil(b"\r\n\r\n")
            await wire.eventually(broken.is_set)
            assert reach.peer.figures.requests == 0
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(LARGE_BYTES)


async def test_a_download_that_is_slow_but_moves_is_whole() -> None:
    body = bytes(range(256)) * 8

    async def slow(owner: wire.Wire) -> None:
        await owner.request()
        await owner.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 256):
            await asyncio.sleep(BRIEF.idle_s / 3)
            await owner.send(body[at : at + 256])
        await owner.gone()

    async with proxying(slow) as (user, _):
        assert (await user.get(PATH)).body == body


async def test_a_client_of_http_1_0_gets_a_body_without_length_until_the_connection_ends() -> None:
    head_seen = asyncio.Event()

    async def chunked(owner: wire.Wire) -> None:
        await owner.request()
        await owner.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await head_seen.wait()
        await owner.send(b"6\r\n world\r\n0\r\n\r\n")
        await owner.gone()

    async with proxying(chunked) as (user, reach):
        asking = asyncio.create_task(user.raw(b"GET %b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" % PATH.encode()))
        await wire.eventually(lambda: reach.told == [None])
        head_seen.set()
        answer = await asking
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    assert b"transfer-encoding" not in head.lower()
    assert body == b"hello world"


RENAMED = Translation({"cam": "b__cam"}, PATH, PATH)
"""The App `cam` of the owner is called otherwise here."""


async def test_of_a_translated_document_no_piece_is_asked_for() -> None:
    seen: list[bytes] = []

    async def owner(line: wire.Wire) -> None:
        seen.append(await line.request())
        await line.send(wire.OK)
        await line.gone()

    ranged = {"Range": "bytes=0-1", "If-Range": '"a"'}
    for translation, pieces in ((RENAMED, False), (VERBATIM, True)):
        async with proxying(owner, translation=translation) as (user, _):
            assert (await user.get(PATH, ranged)).status == 200
        assert (b"bytes=0-1" in seen[-1], b"if-range" in seen[-1].lower()) == (pieces, pieces)


async def test_of_a_translated_document_head_tells_no_length() -> None:
    json = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n"
    async with proxying(wire.answering(json), translation=RENAMED) as (user, _):
        answer = await user.request("HEAD", PATH)
        assert (answer.status, answer.headers.get("Content-Length")) == (200, None)
    async with proxying(wire.answering(json)) as (user, _):
        assert (await user.request("HEAD", PATH)).headers["Content-Length"] == "20"


async def test_an_answer_to_head_says_no_length_that_its_owner_does_not_know() -> None:
    async def chunked(owner: wire.Wire) -> None:
        await owner.request()
        await owner.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        await owner.gone()

    async with proxying(chunked) as (user, _):
        answer = await user.request("HEAD", PATH)
        assert (answer.status, answer.headers.get("Content-Length"), answer.body) == (200, None, b"")
