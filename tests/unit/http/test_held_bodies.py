"""Bodies that are read whole take so much of the memory and no more; one client leaves room for the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.http.errors import ApiError
from gateway.http.held_bodies import ALL_BYTES, CLIENT_BYTES, HeldBodies
from gateway.http.path import Route
from gateway.http.request import ApiRequest
from tests.unit.http.serving import World, serving

MIB = 1024 * 1024
PIECE = bytes(MIB)


class Sender:
    """A client that has sent so much of a body, and will not send the rest before it is told to."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self.is_held = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        for _ in range(self._pieces):
            yield PIECE
        self.is_held.set()
        await self.goes_on.wait()


@asynccontextmanager
async def held(bodies: HeldBodies, client: str, pieces: int) -> AsyncIterator[None]:
    """While the block runs, so many pieces of a body of this client are held; then it is read to its end."""
    sender = Sender(pieces)
    reading = asyncio.create_task(bodies.read(sender.body(), client))
    await sender.is_held.wait()
    yield
    sender.goes_on.set()
    assert await reading == pieces * PIECE


async def one(bodies: HeldBodies, client: str, size: int = 1) -> int:
    """How a small body of this client fares: 200, or the status of the refusal."""

    async def body() -> AsyncIterator[bytes]:
        yield bytes(size)

    try:
        assert await bodies.read(body(), client) == bytes(size)
    except ApiError as error:
        return error.status
    return 200


async def test_a_client_that_has_its_share_is_refused_and_others_are_not() -> None:
    bodies = HeldBodies(CLIENT_BYTES)
    async with held(bodies, "10.0.0.1", CLIENT_BYTES // MIB):
        assert [await one(bodies, client) for client in ("10.0.0.1", "10.0.0.2")] == [503, 200]
    assert await one(bodies, "10.0.0.1") == 200
    assert repr(bodies) == "<HeldBodies of 0 clients, 0 bytes>"


async def test_all_together_have_no_more_than_all() -> None:
    bodies, shares = HeldBodies(CLIENT_BYTES), ALL_BYTES // CLIENT_BYTES
    addresses = [f"10.0.0.{number}" for number in range(shares)]
    async with held(bodies, addresses[0], 1):
        for address in addresses[1:]:
            assert await one(bodies, address, CLIENT_BYTES) == 200
        async with (
            held(bodies, addresses[1], CLIENT_BYTES // MIB),
            held(bodies, addresses[2], CLIENT_BYTES // MIB),
            held(bodies, addresses[3], CLIENT_BYTES // MIB),
        ):
            assert await one(bodies, "10.0.0.9", CLIENT_BYTES) == 503
            assert await one(bodies, "10.0.0.9", CLIENT_BYTES - MIB) == 200


async def test_one_body_that_is_allowed_always_fits() -> None:
    assert await one(HeldBodies(2 * ALL_BYTES), "10.0.0.1", 2 * ALL_BYTES) == 200


@pytest.mark.parametrize("size", [1, 10, 11])
async def test_a_body_has_as_many_bytes_as_are_allowed(size: int) -> None:
    assert await one(HeldBodies(10), "10.0.0.1", size) == (413 if size > 10 else 200)


async def test_a_client_that_leaves_or_is_refused_gives_everything_back() -> None:
    bodies = HeldBodies(MIB)
    sender = Sender(1)
    reading = asyncio.create_task(bodies.read(sender.body(), "10.0.0.1"))
    await sender.is_held.wait()
    assert repr(bodies) == f"<HeldBodies of 1 clients, {MIB} bytes>"
    reading.cancel()
    await asyncio.wait([reading])
    assert await one(bodies, "10.0.0.1", MIB + 1) == 413
    assert repr(bodies) == "<HeldBodies of 0 clients, 0 bytes>"


async def test_a_body_that_was_read_is_there_a_second_time() -> None:
    async def twice(request: ApiRequest, _: Route) -> web.StreamResponse:
        return web.Response(body=await request.read() + await request.read())

    async with serving(World(dispatch=twice)) as client:
        assert (await client.request("PUT", "/api/v1/apps/a/data/x", data=b"body")).body == b"bodybody"
