"""What is asked a second time, and what never is."""

import asyncio

import pytest

from peers.client import FetchedAnswer, PeerAnswer, PeerError, PeerRequest
from peers.errors import PeerReason
from tests.unit.peers.wire_server import BRIEF_S, OK, Wire, client_to, serving, within

HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"
REPEATABLE = [PeerRequest("GET", "/"), PeerRequest("HEAD", "/")]
WRITES = [
    PeerRequest("POST", "/"),
    PeerRequest("PUT", "/", body=b"x"),
    PeerRequest("DELETE", "/"),
    PeerRequest("GET", "/", body=b"x"),
]


class Dying:
    """Answers the first request of its first connections, and drops these at the second; later ones work."""

    def __init__(self, dying: int = 1, last_words: bytes = b"") -> None:
        self.left = dying
        self.last_words = last_words
        self.executed = 0

    async def __call__(self, wire: Wire) -> None:
        dies = self.left > 0
        self.left -= 1
        await self._answer(wire)
        while not dies:
            await self._answer(wire)
        await wire.request()
        self.executed += 1
        if self.last_words:
            await wire.send(self.last_words)
        wire.reset()

    async def _answer(self, wire: Wire) -> None:
        request = await wire.request()
        self.executed += 1
        await wire.send(OK[:-2] if request.startswith(b"HEAD") else OK)


@pytest.mark.parametrize("request_", REPEATABLE, ids=lambda request: request.method)
async def test_a_read_is_repeated_when_an_idle_connection_turns_out_dead(request_: PeerRequest) -> None:
    async with serving(Dying()) as server, client_to(server.url) as client:
        for _ in range(2):
            assert isinstance(await client.send(request_, deadline=within()), PeerAnswer)
        assert (server.accepted, len(server.requests)) == (2, 3)


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
async def test_a_write_is_never_repeated_after_a_byte_was_sent(request_: PeerRequest) -> None:
    peer = Dying()
    async with serving(peer) as server, client_to(server.url) as client:
        assert isinstance(await client.send(request_, deadline=within()), PeerAnswer)
        lost = await client.send(request_, deadline=within())
        assert isinstance(lost, PeerError)
        assert (lost.reason, lost.sent) == (PeerReason.CONNECTION_TERMINATED, True)
        assert (server.accepted, peer.executed) == (1, 2)
        assert isinstance(await client.fetch(request_, deadline=within(), cap=1000), FetchedAnswer)


async def test_a_read_is_repeated_only_once_and_on_a_new_connection() -> None:
    async def script(wire: Wire) -> None:
        if server.accepted <= 2:
            await wire.request()
            await started.wait()
            await wire.send(OK)
        await wire.request()
        wire.reset()

    started = asyncio.Event()
    async with serving(script) as server, client_to(server.url) as client:
        both = [asyncio.create_task(client.send(REPEATABLE[0], deadline=within())) for _ in range(2)]
        while len(server.requests) < 2:
            await asyncio.sleep(0.005)
        started.set()
        assert all(isinstance(answer, PeerAnswer) for answer in await asyncio.gather(*both))
        lost = await client.send(REPEATABLE[0], deadline=within())
        assert isinstance(lost, PeerError)
        assert lost.reason is PeerReason.CONNECTION_TERMINATED
        assert (server.accepted, len(server.requests)) == (3, 4)
        assert client.figures.idle == 0


async def test_a_new_connection_that_dies_before_its_answer_is_not_repeated_by_send() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        wire.reset()

    async with serving(script) as server, client_to(server.url) as client:
        lost = await client.send(REPEATABLE[0], deadline=within())
        assert isinstance(lost, PeerError)
        assert (lost.reason, lost.sent, server.accepted) == (PeerReason.CONNECTION_TERMINATED, True, 1)


async def test_an_answer_that_had_begun_is_not_repeated_by_send() -> None:
    async with serving(Dying(last_words=HALF[:20])) as server, client_to(server.url) as client:
        assert isinstance(await client.send(REPEATABLE[0], deadline=within()), PeerAnswer)
        assert isinstance(await client.send(REPEATABLE[0], deadline=within()), PeerError)
        assert server.accepted == 1


async def test_fetch_repeats_a_read_that_was_reset_amid_its_body() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        if server.accepted == 1:
            await wire.send(HALF)
            await asyncio.sleep(0.02)
            wire.reset()
        else:
            await wire.send(OK)
            await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        answer = await client.fetch(REPEATABLE[0], deadline=within(), cap=1000)
        assert isinstance(answer, FetchedAnswer)
        assert (answer.status, answer.body, server.accepted) == (200, b"ok", 2)


async def test_fetch_repeats_no_write_that_was_reset_amid_its_answer() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(HALF)
        await asyncio.sleep(0.02)
        wire.reset()

    async with serving(script) as server, client_to(server.url) as client:
        lost = await client.fetch(WRITES[0], deadline=within(), cap=1000)
        assert isinstance(lost, PeerError)
        assert (lost.reason, lost.sent, server.accepted) == (PeerReason.CONNECTION_TERMINATED, True, 1)


class CutOff:
    """Resets so many answers amid their body; later ones are whole."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def __call__(self, wire: Wire) -> None:
        await wire.request()
        self.left -= 1
        if self.left < 0:
            await wire.send(OK)
            await wire.gone()
        await wire.send(HALF)
        await asyncio.sleep(0.02)
        wire.reset()


async def test_send_repeats_a_read_whose_body_it_holds_once_when_it_is_cut_off() -> None:
    async with serving(CutOff(1)) as server, client_to(server.url) as client:
        answer = await client.send(REPEATABLE[0], deadline=within(), hold=10)
        assert isinstance(answer, PeerAnswer)
        assert (answer.body_ready, server.accepted) == (b"ok", 2)
    async with serving(CutOff(2)) as server, client_to(server.url) as client:
        lost = await client.send(REPEATABLE[0], deadline=within(), hold=10)
        assert isinstance(lost, PeerError)
        assert (lost.reason, lost.sent, server.accepted) == (PeerReason.CONNECTION_TERMINATED, True, 2)


async def test_send_repeats_no_write_whose_body_it_holds() -> None:
    async with serving(CutOff(1)) as server, client_to(server.url) as client:
        lost = await client.send(WRITES[0], deadline=within(), hold=10)
        assert isinstance(lost, PeerError)
        assert (lost.reason, lost.sent, server.accepted) == (PeerReason.CONNECTION_TERMINATED, True, 1)


async def test_send_holds_no_body_that_is_larger_or_of_unknown_length() -> None:
    for head in (HALF[:-4], b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"):

        async def script(wire: Wire, head: bytes = head) -> None:
            await wire.request()
            await wire.send(head)
            await wire.gone()

        async with serving(script) as server, client_to(server.url) as client:
            answer = await client.send(REPEATABLE[0], deadline=within(), hold=9)
            assert isinstance(answer, PeerAnswer)
            assert answer.body_ready is None
            await answer.aclose()


async def test_a_body_that_send_holds_is_held_to_the_deadline() -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(HALF)
        await wire.gone()

    async with serving(script) as server, client_to(server.url) as client:
        late = await client.send(REPEATABLE[0], deadline=within(BRIEF_S), hold=10)
        assert isinstance(late, PeerError)
        assert (late.reason, server.accepted) == (PeerReason.HTTP_RESPONSE_TIMEOUT, 1)
