"""Clients that keep us waiting, and too many of them: they end, and nobody else has a part in it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.http.answer import json_answer
from gateway.http.connections import ConnectionLimits
from gateway.http.pace import PaceRule
from gateway.http.path import Route, ServerPath
from gateway.http.request import ApiRequest
from tests.federation.eventually import eventually
from tests.unit.http.serving import Client, World, serving

BRIEF = ConnectionLimits(
    most=2000,
    head_s=0.3,
    body=PaceRule(grace_s=0.3, bytes_per_s=10_000, most_s=0.6),
    sending=PaceRule(grace_s=0.3, bytes_per_s=10_000, most_s=0.3),
)
IDLE = ConnectionLimits(keep_alive_s=0.4)
PATIENCE_S = 30.0
LARGE_BYTES = 64 * 1024 * 1024
"""More than all sockets on the way hold."""
SMALL_BYTES = 30_000
"""Of an answer that is sent at once."""

WHOLE = b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /api/v1/apps/a/data/x HTTP/1.1\r\nHost: x\r\n"


async def read_and_answer(request: ApiRequest, route: Route) -> web.StreamResponse:
    """Health without looking at the body, which is read of every other request."""
    if route == ServerPath("health"):
        return web.Response(text="well")
    return web.Response(body=b"%d" % len(await request.read()))


@asynccontextmanager
async def brief(limits: ConnectionLimits = BRIEF) -> AsyncIterator[Client]:
    async with serving(World(dispatch=read_and_answer, limits=limits)) as client:
        yield client


class Slow:
    """A client of its own kind, with a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def drip(self, piece: bytes = b"x", pause_s: float = 0.02) -> None:
        """A piece now and then, until the far side does not want more."""
        try:
            while True:
                self.writer.write(piece)
                await self.writer.drain()
                await asyncio.sleep(pause_s)
        except ConnectionError:
            return

    async def end(self) -> bytes:
        """All that comes until the connection is closed, which it must be."""
        received = b""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while piece := await self.reader.read(65_536):
                    received += piece
            except ConnectionError:
                pass
        return received


@asynccontextmanager
async def slow(client: Client, first: bytes = b"") -> AsyncIterator[Slow]:
    """A connection on which these bytes were sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    with closing(writer):
        writer.write(first)
        yield Slow(reader, writer)


def status_of(received: bytes) -> int:
    """Of the one answer; it has our form, and says that the connection ends."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert len(re.findall(rb"^HTTP/\d", received, re.MULTILINE)) == 1, received
    assert {"error_code", "message"} <= json.loads(body).keys()
    assert b"x-content-type-options: nosniff" in head.lower()
    return int(head.split(b" ")[1])


def assert_too_slow(received: bytes) -> None:
    """408, which whoever still sends when the connection ends may never see."""
    assert not received or status_of(received) == 408


async def test_fault_061_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async with brief() as client, slow(client) as silent:
        assert await silent.end() == b""


@pytest.mark.parametrize("begun", [b"G", b"GET /api/v1/apps HT", WHOLE[:-2], WHOLE[:-4] + b"\r\nX-A: "])
async def test_fault_061_a_head_that_does_not_end_gets_408_whether_it_stalls_or_drips(begun: bytes) -> None:
    async with brief() as client:
        async with slow(client, begun) as stalled:
            assert status_of(await stalled.end()) == 408
        async with slow(client, b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\nX-A: ") as dripping:
            drip = asyncio.create_task(dripping.drip())
            assert_too_slow(await dripping.end())
            await drip


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 1000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n"]
)
async def test_fault_061_a_body_that_does_not_come_or_drips_gets_408(framing: bytes) -> None:
    with capture_logs() as logs:
        async with brief() as client:
            async with slow(client, PUT + framing) as stalled:
                assert status_of(await stalled.end()) == 408
            async with slow(client, PUT + framing) as dripping:
                drip = asyncio.create_task(dripping.drip())
                assert_too_slow(await dripping.end())
                await drip
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_fault_061_the_second_request_of_a_connection_must_be_whole_in_time_too() -> None:
    async with brief() as client, slow(client, WHOLE) as second:
        assert (await second.reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
        second.writer.write(b"GET /api/v1/apps HTTP/1.1\r\nHo")
        assert status_of(await second.end()) == 408


async def test_fault_061_a_body_behind_an_upgrade_keeps_no_connection() -> None:
    upgrade = b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with brief() as client, slow(client, upgrade + PUT + b"Content-Length: 1000\r\n\r\nx") as hiding:
        received = await hiding.end()
    assert [line[9:12] for line in re.findall(rb"HTTP/1\.[01] .*", received)] == [b"200"]


async def test_fault_061_an_answer_that_nobody_takes_is_broken_off() -> None:
    async def large(_: ApiRequest, __: Route) -> web.StreamResponse:
        return web.Response(body=bytes(LARGE_BYTES))

    async with serving(World(dispatch=large, limits=BRIEF)) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1024)
        with closing(writer):
            writer.write(WHOLE)
            await reader.readuntil(b"\r\n\r\n")
            await eventually(lambda: not len(client.connections))
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(LARGE_BYTES)


async def test_fault_061_requests_sent_ahead_wait_until_the_answers_before_them_are_taken() -> None:
    """Or one connection that reads nothing would fill the memory with answers."""
    held: list[int] = []

    async def answer(request: ApiRequest, _: Route) -> web.StreamResponse:
        assert request.transport is not None
        held.append(request.transport.get_write_buffer_size())
        return json_answer(bytes(SMALL_BYTES))

    async with serving(World(dispatch=answer, limits=BRIEF)) as client:
        _, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1024)
        with closing(writer):
            writer.write(WHOLE * (LARGE_BYTES // SMALL_BYTES))
            await eventually(lambda: not len(client.connections))
    assert 0 < max(held) < 10 * SMALL_BYTES


async def test_a_large_answer_that_is_taken_slowly_but_surely_is_whole() -> None:
    async def large(_: ApiRequest, __: Route) -> web.StreamResponse:
        return web.Response(body=bytes(LARGE_BYTES // 4))

    async with serving(World(dispatch=large, limits=BRIEF)) as client, slow(client, WHOLE) as steady:
        await steady.reader.readuntil(b"\r\n\r\n")
        left = LARGE_BYTES // 4
        while left:
            left -= len(await steady.reader.read(512 * 1024))
            await asyncio.sleep(0.02)


async def test_an_idle_connection_is_closed_after_a_while_and_one_that_is_used_is_not() -> None:
    async with brief(IDLE) as client, slow(client) as used:
        for _ in range(6):
            used.writer.write(WHOLE)
            assert (await used.reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(IDLE.keep_alive_s / 4)
        assert await used.end() == b""


async def test_a_body_whose_taker_is_slow_is_not_its_senders_fault() -> None:
    taken = asyncio.Event()

    async def late(request: ApiRequest, _: Route) -> web.StreamResponse:
        await taken.wait()
        return web.Response(body=b"%d" % len([piece async for piece in request.content.iter_any()]))

    begun = PUT + b"Content-Length: %d\r\n\r\n" % LARGE_BYTES
    async with serving(World(dispatch=late, limits=BRIEF)) as client, slow(client, begun) as sender:
        sending = asyncio.create_task(_send(sender, LARGE_BYTES))
        await asyncio.sleep(3 * BRIEF.body.most_s)
        taken.set()
        assert (await sender.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await sending


async def _send(sender: Slow, size: int) -> None:
    for _ in range(size // 65_536):
        sender.writer.write(bytes(65_536))
        await sender.writer.drain()


async def test_an_early_answer_does_not_wait_for_the_body() -> None:
    async with (
        brief() as client,
        slow(client, b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n") as odd,
    ):
        received = await odd.end()
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(b"HTTP/1.1") == 1


async def test_fault_061_many_slow_clients_cost_others_no_request() -> None:
    async with brief() as client:
        attackers = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(300)]
        for _, writer in attackers:
            writer.write(WHOLE[:-2] + b"X-A: ")
        ends = [asyncio.create_task(Slow(*each).end()) for each in attackers]
        dripping = [asyncio.create_task(Slow(*each).drip(b"x", 0.1)) for each in attackers]
        asked = 0
        while not all(end.done() for end in ends):
            assert (await client.get("/api/v1/apps")).status == 200
            asked += 1
        assert asked > 0
        for end in ends:
            assert_too_slow(await end)
        for _, writer in attackers:
            writer.close()
        await asyncio.gather(*dripping)


CROWD = ConnectionLimits(most=4, spare=2, head_s=60.0)


async def answers(client: Client, path: str) -> int:
    received = await client.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return int(received.split(b" ")[1]) if received else 0


async def settled(number: int, client: Client) -> None:
    await eventually(lambda: len(client.connections) == number)


async def crowd(client: Client, number: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    before = len(client.connections)
    opened = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(number)]
    await settled(before + number, client)
    return opened


async def test_fault_084_beyond_the_limit_of_connections_only_health_is_answered() -> None:
    with capture_logs() as logs:
        async with brief(CROWD) as client:
            opened = await crowd(client, 4)
            assert await answers(client, "/api/v1/health") == 200
            await settled(4, client)
            refused = await client.raw(WHOLE)
            assert status_of(refused) == 503
            assert b"retry-after: 1" in refused.lower()
            (warned,) = client.connections.warnings()
            assert warned.code == "too_many_connections"
            for _, writer in opened[:2]:
                writer.close()
            await settled(2, client)
            assert await answers(client, "/api/v1/apps") == 200
            assert not [*client.connections.warnings()]
            for _, writer in opened[2:]:
                writer.close()
    events = [entry["event"] for entry in logs if entry["log_level"] in {"warning", "info"}]
    assert events == ["too many connections of clients", "connections of clients are within the limit again"]


async def test_far_beyond_the_limit_connections_are_closed_at_once() -> None:
    async with brief(CROWD) as client:
        opened = await crowd(client, 6)
        assert await client.raw(b"") == b""
        for _, writer in opened:
            writer.close()
        await settled(0, client)
        assert await answers(client, "/api/v1/apps") == 200


async def test_a_connection_beyond_the_limit_has_little_time() -> None:
    limits = ConnectionLimits(most=1, spare=1, head_s=0.3)
    async with brief(limits) as client, slow(client, WHOLE) as first:
        await first.reader.readuntil(b"\r\n\r\n0")
        async with slow(client) as second:
            assert await second.end() == b""
