"""An asker that is cancelled in the very moment its answer comes: nothing is left behind, nothing is raised."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from peers.answer import PeerAnswer
from peers.budget import ByteBudget
from peers.connection import PeerConnection
from peers.errors import PeerError
from peers.request import Terms, WireRequest
from peers.settings import MIB, TransportSettings
from tests.unit.peers.wire_server import within

GET = WireRequest("GET", b"GET / HTTP/1.1\r\nhost: b\r\n\r\n", None, None, None)
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhalf"
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"


class Owner:
    """Notes how often the connection came back."""

    def __init__(self) -> None:
        self.releases = 0

    def opened(self, connection: PeerConnection) -> None:
        pass

    def released(self, connection: PeerConnection, *, reusable: bool) -> None:
        self.releases += 1

    def lost(self, connection: PeerConnection) -> None:
        pass

    def unasked(self, connection: PeerConnection) -> None:
        pytest.fail("bytes nobody asked for")

    def drop_idle(self) -> None:
        pytest.fail("answers mixed up")


@asynccontextmanager
async def asking(
    owner: Owner, budget: ByteBudget
) -> AsyncIterator[tuple[PeerConnection, asyncio.Task[PeerAnswer | PeerError]]]:
    """A connection whose request is sent, and the one who waits for the answer."""
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    here.setblocking(False)
    connection = PeerConnection(TransportSettings(), budget, owner)
    await loop.create_connection(lambda: connection, sock=here)
    asker: asyncio.Task[PeerAnswer | PeerError] = asyncio.create_task(
        connection.ask(GET, Terms(loop.time(), within(), 1.0))
    )
    try:
        await asyncio.sleep(0)  # the asker has begun and waits
        yield connection, asker
    finally:
        there.close()
        await asyncio.wait([asker])
        connection.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("brought", [WHOLE, HALF], ids=["whole", "half"])
async def test_an_answer_that_comes_just_after_the_cancellation_is_left_where_it_is(brought: bytes) -> None:
    owner, budget = Owner(), ByteBudget(MIB)
    async with asking(owner, budget) as (connection, asker):
        asker.cancel()
        connection.data_received(brought)
        await asyncio.wait([asker])
        assert asker.cancelled()
        assert repr(connection).startswith("<PeerConnection closed")
    assert (owner.releases, budget.held) == (1, 0)


async def test_a_half_answer_that_came_just_before_the_cancellation_is_given_back() -> None:
    owner, budget = Owner(), ByteBudget(MIB)
    async with asking(owner, budget) as (connection, asker):
        connection.data_received(HALF)
        asker.cancel()
        await asyncio.wait([asker])
        assert asker.cancelled()
        assert repr(connection).startswith("<PeerConnection closed")
    assert (owner.releases, budget.held) == (1, 0)


async def test_a_body_that_is_complete_before_its_cancelled_asker_runs_is_given_back() -> None:
    owner, budget = Owner(), ByteBudget(MIB)
    async with asking(owner, budget) as (connection, asker):
        connection.data_received(HALF)
        connection.data_received(b"rest..")
        asker.cancel()
        await asyncio.wait([asker])
        assert asker.cancelled()
        assert repr(connection) == "<PeerConnection idle, 1 served>"
    assert (owner.releases, budget.held) == (1, 0)
