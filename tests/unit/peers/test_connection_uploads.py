"""Bodies of requests: how they are framed, that they flow no faster than the peer takes them, how they end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from peers.client import PeerError, PeerRequest, StalledBodyError
from peers.errors import PeerReason
from peers.settings import MIB
from tests.unit.peers.wire_server import BRIEF_S, OK, Wire, client_to, eventually, serving, within


async def pieces(*them: bytes) -> AsyncIterator[bytes]:
    """A body in these pieces."""
    for piece in them:
        yield piece
        await asyncio.sleep(0)


async def reads_chunks(wire: Wire) -> None:
    """Answers a chunked request with what its chunks held."""
    while True:
        await wire.head()
        body = b""
        while size := int(await wire.readline(), 16):
            body += await wire.readexactly(size)
            assert await wire.readline() == b"\r\n"
        assert await wire.readline() == b"\r\n"
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


async def echo(wire: Wire) -> None:
    """Answers a request that has a length with its body."""
    while True:
        body = (await wire.request()).partition(b"\r\n\r\n")[2]
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


@pytest.mark.parametrize("size", [0, 5, 64 * 1024, 64 * 1024 + 1, 2 * MIB])
async def test_bytes_are_sent_under_their_length(size: int) -> None:
    async with serving(echo) as server, client_to(server.url) as client:
        request = PeerRequest("POST", "/", body=b"x" * size)
        for _ in range(2):
            answer = await client.fetch(request, deadline=within(), cap=4 * MIB)
            assert not isinstance(answer, PeerError)
            assert answer.body == b"x" * size
        assert server.accepted == 1
        assert b"content-length: %d\r\n" % size in server.requests[0]


async def test_a_stream_of_unknown_length_is_sent_in_chunks() -> None:
    async with serving(reads_chunks) as server, client_to(server.url) as client:
        for _ in range(2):
            body = pieces(b"one", b"", b"two" * 10)
            answer = await client.fetch(PeerRequest("PUT", "/", body=body), deadline=within(), cap=1000)
            assert not isinstance(answer, PeerError)
            assert answer.body == b"one" + b"two" * 10
        assert server.accepted == 1
        assert b"transfer-encoding: chunked\r\n" in server.requests[0]
        assert b"content-length" not in server.requests[0]


async def test_a_stream_of_known_length_is_sent_under_it() -> None:
    async with serving(echo) as server, client_to(server.url) as client:
        for _ in range(2):
            body = pieces(b"one", b"", b"two")
            request = PeerRequest("PUT", "/", body=body, content_length=6)
            answer = await client.fetch(request, deadline=within(), cap=1000)
            assert not isinstance(answer, PeerError)
            assert answer.body == b"onetwo"
        assert server.accepted == 1
        assert b"transfer-encoding" not in server.requests[0]


@pytest.mark.parametrize(("length", "message"), [(5, "longer than its content_length"), (7, "has 6 bytes")])
async def test_a_stream_of_another_length_than_announced_is_the_callers_mistake(length: int, message: str) -> None:
    async with serving(echo) as server, client_to(server.url) as client:
        request = PeerRequest("PUT", "/", body=pieces(b"one", b"two"), content_length=length)
        with pytest.raises(ValueError, match=message):
            await client.send(request, deadline=within())
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")


async def test_what_the_body_raises_reaches_the_caller_and_ends_the_exchange() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"one"
        raise ConnectionResetError("the client has gone")

    async with serving(reads_chunks) as server, client_to(server.url) as client:
        with pytest.raises(ConnectionResetError, match="the client has gone"):
            await client.send(PeerRequest("PUT", "/", body=broken()), deadline=within())
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")


async def test_an_upload_flows_no_faster_than_the_peer_takes_it() -> None:
    produced = 0
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        nonlocal produced
        for _ in range(1024):
            produced += 65536
            yield b"x" * 65536

    async def script(wire: Wire) -> None:
        await wire.head()
        await go_on.wait()
        await wire.readexactly(64 * MIB)
        await wire.send(OK)
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        request = PeerRequest("PUT", "/", body=body(), content_length=64 * MIB)
        sending = asyncio.create_task(client.send(request, deadline=within()))
        before = -1
        while before != produced:  # until the client cannot send any more
            before = produced
            await asyncio.sleep(0.05)
        assert 0 < produced < 64 * MIB
        go_on.set()
        answer = await sending
        assert not isinstance(answer, PeerError)
        assert produced == 64 * MIB
        assert client.figures.idle == 1


async def test_a_body_that_brings_nothing_for_too_long_is_ended_and_gives_its_slot_back() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    async with serving(reads_chunks) as server, client_to(server.url) as client:
        request = PeerRequest("PUT", "/", body=stalled())
        with pytest.raises(StalledBodyError, match="nothing of the request body came for 150 ms"):
            await client.send(request, deadline=within(), idle_s=BRIEF_S)
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")


async def test_a_timeout_of_the_bodys_own_is_not_taken_for_a_stall() -> None:
    async def impatient() -> AsyncIterator[bytes]:
        yield b"one"
        raise TimeoutError("of its own")

    async with serving(reads_chunks) as server, client_to(server.url) as client:
        with pytest.raises(TimeoutError, match="of its own"):
            await client.send(PeerRequest("PUT", "/", body=impatient()), deadline=within())


async def test_a_peer_that_takes_nothing_for_too_long_is_a_write_timeout() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async def script(wire: Wire) -> None:
        await wire.head()
        await asyncio.Event().wait()

    async with serving(script) as server, client_to(server.url) as client:
        request = PeerRequest("PUT", "/", body=endless())
        answer = await client.send(request, deadline=within(), idle_s=BRIEF_S)
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.is_timeout) == (PeerReason.CONNECTION_WRITE_TIMEOUT, True)


async def test_the_time_of_an_upload_does_not_count_against_the_deadline() -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(10):
            await asyncio.sleep(0.12)
            yield b"x"

    async with serving(reads_chunks) as server, client_to(server.url) as client:
        answer = await client.send(PeerRequest("PUT", "/", body=slow()), deadline=within(1))
        assert not isinstance(answer, PeerError)
        assert answer.body_ready == b"x" * 10


async def test_the_answer_to_an_upload_is_held_to_the_deadline() -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        request = PeerRequest("PUT", "/", body=pieces(b"one"))
        answer = await client.send(request, deadline=within(BRIEF_S))
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.HTTP_RESPONSE_TIMEOUT, True)


async def test_an_early_answer_ends_the_upload_and_costs_the_connection() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(PeerRequest("POST", "/", body=endless()), deadline=within())
        assert not isinstance(answer, PeerError)
        assert answer.status == 413
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")
        await eventually(ended.is_set)


async def test_a_peer_that_breaks_off_ends_an_upload_that_waits_for_its_source() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    async def script(wire: Wire) -> None:
        await wire.head()
        wire.reset()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(PeerRequest("POST", "/", body=stalled()), deadline=within())
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.CONNECTION_TERMINATED, True)


async def test_a_cancelled_upload_gives_its_slot_back() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    async with serving(reads_chunks) as server, client_to(server.url) as client:
        sending = asyncio.create_task(client.send(PeerRequest("POST", "/", body=stalled()), deadline=within()))
        await eventually(lambda: len(server.requests) == 1)
        sending.cancel()
        await asyncio.wait([sending])
        assert sending.cancelled()
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")
