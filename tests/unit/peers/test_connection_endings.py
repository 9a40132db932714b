"""How exchanges end that do not end well: the peer closes, stalls, or drips."""

import asyncio
import socket

import pytest

from peers.client import PeerAnswer, PeerError, PeerRequest, PeerStreamError
from peers.errors import PeerReason
from tests.unit.peers.wire_server import (
    BRIEF_S,
    OK,
    PATIENCE_S,
    Wire,
    client_to,
    eventually,
    serving,
    serving_ok,
    whole,
    within,
)

GET = PeerRequest("GET", "/api/v1/health")
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"
HALF_CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha"


@pytest.mark.parametrize("sent", [b"HTTP/1.1 20", HALF, HALF_CHUNKED], ids=["head", "length", "chunked"])
async def test_an_answer_cut_off_is_incomplete(sent: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(sent)

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.fetch(GET, deadline=within(), cap=1000)
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.HTTP_RESPONSE_INCOMPLETE, True)
        assert server.accepted == 1


async def test_a_close_instead_of_an_answer_is_a_terminated_connection() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.CONNECTION_TERMINATED, True)
        assert server.accepted == 1


async def test_a_mute_peer_times_out_and_loses_the_connection() -> None:
    gone = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.gone()
        gone.set()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(BRIEF_S))
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.is_timeout) == (PeerReason.HTTP_RESPONSE_TIMEOUT, True)
        assert answer.elapsed_ms > 0
        await eventually(gone.is_set)


async def test_each_request_on_a_connection_is_held_to_its_own_deadline() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.request()
        await asyncio.sleep(1.2)  # beyond the first deadline, within the second
        await wire.send(OK)
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        first = await client.send(GET, deadline=within(1))
        second = await client.send(GET, deadline=within())
        assert (isinstance(first, PeerAnswer), isinstance(second, PeerAnswer)) == (True, True)
        async with asyncio.timeout(PATIENCE_S):
            third = await client.send(GET, deadline=within(BRIEF_S))
        assert isinstance(third, PeerError)
        assert (third.reason, server.accepted) == (PeerReason.HTTP_RESPONSE_TIMEOUT, 1)


async def test_a_later_deadline_is_kept_after_an_earlier_one_has_passed() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        assert isinstance(await client.send(GET, deadline=within(1)), PeerAnswer)
        async with asyncio.timeout(PATIENCE_S):
            late = await client.send(GET, deadline=within(1.2))
        assert isinstance(late, PeerError)
        assert (late.reason, server.accepted) == (PeerReason.HTTP_RESPONSE_TIMEOUT, 1)


@pytest.mark.parametrize("dripped", [OK * 20, b"HTTP/1.1 103 Early\r\n\r\n" * 8], ids=["answer", "interim"])
async def test_a_dripping_head_is_held_to_the_deadline(dripped: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.drip(dripped)

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(BRIEF_S))
        assert isinstance(answer, PeerError)
        assert answer.reason is PeerReason.HTTP_RESPONSE_TIMEOUT


async def test_a_dripping_body_read_whole_is_held_to_the_deadline() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        await wire.drip(b"x" * 1000)

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.fetch(GET, deadline=within(BRIEF_S), cap=2000)
        assert isinstance(answer, PeerError)
        assert answer.reason is PeerReason.HTTP_RESPONSE_TIMEOUT


async def test_a_streamed_body_may_outlast_the_deadline_as_long_as_it_flows() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")
        await wire.drip(b"x" * 20, pause_s=0.06)

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(1), stream=True)
        assert not isinstance(answer, PeerError)
        assert await whole(answer) == b"x" * 20


async def test_a_streamed_body_that_rests_too_long_breaks() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(HALF)
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(), stream=True, idle_s=BRIEF_S)
        assert not isinstance(answer, PeerError)
        got = []
        with pytest.raises(PeerStreamError, match="no byte of the body for 150 ms") as broken:
            async for piece in answer.chunks():
                got.append(piece)
        assert got == [b"half"]
        assert broken.value.error.reason is PeerReason.CONNECTION_READ_TIMEOUT


async def test_chunk_lines_without_data_do_not_keep_a_stream_alive() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n5;")
        await wire.drip(b"x" * 1000)

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(), stream=True, idle_s=BRIEF_S)
        assert not isinstance(answer, PeerError)
        with pytest.raises(PeerStreamError, match="connection_read_timeout"):
            await whole(answer)


async def test_a_reset_amid_a_streamed_body_breaks_it() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(HALF)
        await asyncio.sleep(0.02)
        wire.reset()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(), stream=True)
        assert not isinstance(answer, PeerError)
        with pytest.raises(PeerStreamError) as broken:
            await whole(answer)
        assert broken.value.error.reason is PeerReason.CONNECTION_TERMINATED


async def test_a_deadline_in_the_past_asks_nobody() -> None:
    async with serving(serving_ok) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(-1))
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.HTTP_RESPONSE_TIMEOUT, False)
        assert server.accepted == 0


async def test_a_peer_that_speaks_first_gets_no_request() -> None:
    async def script(wire: Wire) -> None:
        await wire.send(b"220 smtp ready\r\n")
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert answer.reason in {PeerReason.HTTP_PROTOCOL_ERROR, PeerReason.CONNECTION_TERMINATED}


async def test_a_request_that_does_not_fit_the_socket_times_out_as_a_write() -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await asyncio.Event().wait()

    body = b"x" * 64 * 1024 * 1024
    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(PeerRequest("POST", "/", body=body), deadline=within(4 * BRIEF_S))
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.CONNECTION_WRITE_TIMEOUT, True)


async def test_connections_do_not_wait_to_send() -> None:
    seen = []

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        await client.send(GET, deadline=within())
        for connection in client._pool._idle:
            assert connection._transport is not None
            sock = connection._transport.get_extra_info("socket")
            seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    assert seen == [1]
