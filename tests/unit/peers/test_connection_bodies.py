"""Bodies of answers: read whole under a cap, or streamed at the reader's pace."""

import asyncio
import warnings

import pytest

from peers.budget import ByteBudget
from peers.client import FetchedAnswer, PeerError, PeerRequest, PeerStreamError
from peers.errors import PeerReason
from peers.settings import MIB
from tests.unit.peers.wire_server import OK, Wire, answering, client_to, eventually, serving, whole, within

GET = PeerRequest("GET", "/api/v1/bulk")
SIZE = 8 * MIB


async def big(wire: Wire) -> None:
    """Answers every request with SIZE bytes, in chunks."""
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    while True:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(SIZE // 65536):
            await wire.send(piece)
        await wire.send(b"0\r\n\r\n")


async def head_then_body(wire: Wire) -> None:
    """Answers every request with a head, waits for the client to have seen it, and sends the body."""
    while True:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
        await asyncio.sleep(0.02)
        await wire.send(b"late")


async def test_a_body_that_comes_with_the_head_is_ready() -> None:
    async with serving(answering(OK)) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within())
        assert not isinstance(answer, PeerError)
        assert (answer.status, answer.content_length, answer.body_ready) == (200, 2, b"ok")
        assert repr(client).endswith("0 active, 1 idle, 0 queued>>")
        assert await answer.read(2) == b"ok"
        assert await whole(answer) == b"ok"


async def test_a_body_that_comes_later_can_be_read_or_streamed() -> None:
    async with serving(head_then_body) as server, client_to(server.url) as client:
        first = await client.send(GET, deadline=within())
        assert not isinstance(first, PeerError)
        assert first.body_ready is None
        assert repr(client).endswith("1 active, 0 idle, 0 queued>>")
        assert await first.read(4) == b"late"
        second = await client.send(GET, deadline=within())
        assert not isinstance(second, PeerError)
        assert await whole(second) == b"late"
        assert (server.accepted, client.figures.idle) == (1, 1)


async def test_a_large_body_is_fetched_whole() -> None:
    async with serving(big) as server, client_to(server.url) as client:
        answer = await client.fetch(GET, deadline=within(), cap=SIZE)
        assert not isinstance(answer, PeerError)
        assert answer.body == b"x" * SIZE
        assert client.figures.idle == 1


async def test_a_body_over_the_cap_is_refused_and_not_read_on() -> None:
    budget = ByteBudget(4 * MIB)
    async with serving(big) as server, client_to(server.url, budget=budget) as client:
        answer = await client.fetch(GET, deadline=within(), cap=MIB)
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.HTTP_RESPONSE_BODY_SIZE, True)
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")


async def test_a_length_over_the_cap_is_refused_before_the_body_comes() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n")
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.fetch(GET, deadline=within(), cap=1000)
        assert isinstance(answer, PeerError)
        assert answer.reason is PeerReason.HTTP_RESPONSE_BODY_SIZE


async def test_a_ready_body_over_the_cap_is_refused_too() -> None:
    async with serving(answering(OK)) as server, client_to(server.url) as client:
        answer = await client.fetch(GET, deadline=within(), cap=1)
        assert isinstance(answer, PeerError)
        assert answer.reason is PeerReason.HTTP_RESPONSE_BODY_SIZE


async def test_the_budget_of_all_peers_bounds_what_is_held() -> None:
    budget = ByteBudget(2 * MIB)
    async with serving(big) as server, client_to(server.url, budget=budget) as client:
        answer = await client.fetch(GET, deadline=within(), cap=SIZE)
        assert isinstance(answer, PeerError)
        assert answer.reason is PeerReason.HTTP_RESPONSE_BODY_SIZE
        assert "all peers together" in answer.detail
        assert budget.held == 0
        assert repr(budget) == "<ByteBudget 0 of 2097152 bytes>"


async def test_one_peer_leaves_room_in_the_budget_for_the_others() -> None:
    budget = ByteBudget(4 * SIZE)

    async def half(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE + b"x" * (SIZE // 2))
        await wire.gone()

    async with (
        serving(half) as greedy,
        serving(big) as modest,
        client_to(greedy.url, budget=budget, peer_budget_bytes=SIZE) as greedy_client,
        client_to(modest.url, budget=budget) as modest_client,
    ):
        asked = [asyncio.create_task(greedy_client.fetch(GET, deadline=within(), cap=SIZE)) for _ in range(8)]
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        refused = done.pop().result()
        assert isinstance(refused, PeerError)
        assert refused.reason is PeerReason.HTTP_RESPONSE_BODY_SIZE
        assert f"{SIZE} bytes of one peer" in refused.detail
        assert isinstance(await modest_client.fetch(GET, deadline=within(), cap=SIZE), FetchedAnswer)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert budget.held == 0


async def test_a_slow_reader_stops_the_peer_and_bounds_memory() -> None:
    budget = ByteBudget(SIZE)
    sent = 0

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (8 * SIZE))
        for _ in range(8 * SIZE // 65536):
            await wire.send(b"x" * 65536)
            sent += 65536

    async with serving(script) as server, client_to(server.url, budget=budget) as client:
        answer = await client.send(GET, deadline=within(), stream=True)
        assert not isinstance(answer, PeerError)
        await eventually(lambda: budget.held >= 65536)
        before = -1
        while before != sent:  # until the peer cannot send any more
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 8 * SIZE
        assert budget.held <= 512 * 1024
        got = 0
        async for piece in answer.chunks():
            got += len(piece)
            assert budget.held <= 512 * 1024
        assert got == 8 * SIZE
        assert client.figures.streams == 0


async def test_a_slow_reader_is_not_the_peers_fault() -> None:
    async with serving(big) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(), stream=True, idle_s=1)
        assert not isinstance(answer, PeerError)
        await asyncio.sleep(1.2)
        assert len(await whole(answer)) == SIZE


async def test_a_body_that_is_closed_early_costs_the_connection() -> None:
    async with serving(big) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(), stream=True)
        assert not isinstance(answer, PeerError)
        assert repr(answer) == "<PeerAnswer 200, body flowing>"
        await answer.aclose()
        await answer.aclose()
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")
        assert repr(answer) == "<PeerAnswer 200, body over>"
        with pytest.raises(PeerStreamError, match="gave the answer up"):
            await whole(answer)


async def test_closing_a_body_that_has_come_whole_keeps_the_connection() -> None:
    async with serving(head_then_body) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within())
        assert not isinstance(answer, PeerError)
        await eventually(lambda: client.figures.idle == 1)
        await answer.aclose()
        assert repr(client).endswith("0 active, 1 idle, 0 queued>>")


async def test_a_cancelled_read_gives_the_slot_back() -> None:
    never_ends = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
    async with serving(answering(never_ends)) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within())
        assert not isinstance(answer, PeerError)
        reading = asyncio.create_task(answer.read(100))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        assert client.figures.requests == 0


async def test_an_answer_that_is_dropped_says_so_and_gives_its_slot_back() -> None:
    async with serving(big) as server, client_to(server.url) as client:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer = await client.send(GET, deadline=within(), stream=True)
            assert not isinstance(answer, PeerError)
            del answer
            await eventually(lambda: client.figures.streams == 0)
        assert ["was dropped without aclose()" in str(warning.message) for warning in caught] == [True]


async def test_what_came_before_a_body_broke_is_still_given_out() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
        await asyncio.sleep(0.02)
        await wire.send(b"half")

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within(), stream=True)
        assert not isinstance(answer, PeerError)
        await eventually(lambda: client.figures.streams == 0)
        pieces = answer.chunks()
        assert await anext(pieces) == b"half"
        with pytest.raises(PeerStreamError, match="http_response_incomplete"):
            await anext(pieces)
