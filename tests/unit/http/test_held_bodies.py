"""Bodies that are read whole take so much of the memory and no more; one client leaves room for the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from gateway.http.errors import ApiError
from gateway.http.finishing import FinishingWrites
from gateway.http.held_bodies import ALL_BYTES, BEGINNING_BYTES, CLIENT_BYTES, HeldBodies, HeldBody
from gateway.http.path import Route
from gateway.http.request import ApiRequest
from tests.federation.eventually import eventually
from tests.unit.http.serving import World, serving

MIB = 1024 * 1024
NOTHING_HELD = "<HeldBodies of 0 clients, 0 bytes>"


async def sent(size: int) -> AsyncIterator[bytes]:
    """A body of so many bytes, in pieces."""
    for begin in range(0, size, MIB):
        yield bytes(min(MIB, size - begin))


async def held(bodies: HeldBodies, client: str, size: int) -> HeldBody:
    """A body of this client that was read, and which somebody still needs."""
    body = bodies.body_of(client)
    assert await body.read(sent(size)) == bytes(size)
    return body


async def one(bodies: HeldBodies, client: str, size: int = 1) -> int:
    """How a body of this client fares that is needed for a moment: 200, or the status of the refusal."""
    body = bodies.body_of(client)
    try:
        assert await body.read(sent(size)) == bytes(size)
    except ApiError as error:
        return error.status
    finally:
        body.give_back()
    return 200


async def test_a_client_that_has_its_share_is_refused_and_others_are_not() -> None:
    bodies = HeldBodies(CLIENT_BYTES)
    whole = await held(bodies, "10.0.0.1", CLIENT_BYTES)
    assert [await one(bodies, client) for client in ("10.0.0.1", "10.0.0.2")] == [503, 200]
    whole.give_back()
    assert await one(bodies, "10.0.0.1") == 200
    assert repr(bodies) == NOTHING_HELD


async def test_many_bodies_of_one_client_count_as_long_as_they_are_needed() -> None:
    bodies = HeldBodies(MIB)
    needed = [await held(bodies, "10.0.0.1", MIB) for _ in range(CLIENT_BYTES // MIB)]
    assert await one(bodies, "10.0.0.1") == 503
    needed.pop().give_back()
    assert await one(bodies, "10.0.0.1", MIB) == 200
    for body in needed:
        body.give_back()
        body.give_back()  # a second time changes nothing
    assert repr(bodies) == NOTHING_HELD


async def test_all_together_have_no_more_than_all_but_for_small_bodies_and_beginnings() -> None:
    bodies, clients = HeldBodies(CLIENT_BYTES), ALL_BYTES // CLIENT_BYTES
    for number in range(clients):
        await held(bodies, f"10.0.0.{number}", CLIENT_BYTES)
    left = clients * BEGINNING_BYTES
    assert await one(bodies, "10.0.0.9", left + BEGINNING_BYTES) == 200
    assert await one(bodies, "10.0.0.9", left + BEGINNING_BYTES + 1) == 503
    await held(bodies, "10.0.0.8", left + BEGINNING_BYTES)
    assert await one(bodies, "10.0.0.9", BEGINNING_BYTES + 1) == 503
    for _ in range(CLIENT_BYTES // BEGINNING_BYTES):
        await held(bodies, "10.0.0.9", BEGINNING_BYTES)
    assert [await one(bodies, client, BEGINNING_BYTES) for client in ("10.0.0.9", "10.0.0.10")] == [503, 200]


async def test_one_body_that_is_allowed_fits_where_nothing_else_is_held() -> None:
    assert await one(HeldBodies(2 * ALL_BYTES), "10.0.0.1", 2 * ALL_BYTES) == 200


@pytest.mark.parametrize("size", [1, 10, 11])
async def test_a_body_has_as_many_bytes_as_are_allowed(size: int) -> None:
    assert await one(HeldBodies(10), "10.0.0.1", size) == (413 if size > 10 else 200)


async def test_what_came_of_a_body_that_is_refused_or_breaks_off_is_given_back() -> None:
    bodies = HeldBodies(MIB)

    async def broken() -> AsyncIterator[bytes]:
        yield bytes(MIB)
        raise ConnectionResetError

    body = bodies.body_of("10.0.0.1")
    with pytest.raises(ConnectionResetError):
        await body.read(broken())
    assert repr(bodies) == f"<HeldBodies of 1 clients, {MIB} bytes>"
    body.give_back()
    assert await one(bodies, "10.0.0.1", MIB + 1) == 413
    assert repr(bodies) == NOTHING_HELD


async def test_a_body_that_was_read_is_there_a_second_time() -> None:
    async def twice(request: ApiRequest, _: Route) -> web.StreamResponse:
        return web.Response(body=await request.read() + await request.read())

    async with serving(World(dispatch=twice)) as client:
        assert (await client.request("PUT", "/api/v1/apps/a/data/x", data=b"body")).body == b"bodybody"


async def test_the_body_of_a_write_is_held_until_it_is_done_though_its_client_leaves() -> None:
    counted: list[HeldBodies] = []
    goes_on = asyncio.Event()

    async def slow(request: ApiRequest, _: Route) -> web.StreamResponse:
        size = len(await request.read())
        counted.append(request.bodies)
        await goes_on.wait()
        assert len(await request.read()) == size
        return web.Response()

    writes = FinishingWrites(slow)
    async with serving(World(dispatch=writes)) as client:
        _, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(b"PUT /api/v1/apps/a/data/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
        await eventually(lambda: counted)
        writer.close()
        await eventually(lambda: len(client.connections) == 0)
        assert repr(counted[0]) == "<HeldBodies of 1 clients, 4 bytes>"
        goes_on.set()
        await eventually(lambda: repr(counted[0]) == NOTHING_HELD)
        for method in ("PUT", "GET"):
            assert (await client.request(method, "/api/v1/apps/a/data/x", data=b"body")).status == 200
            assert repr(counted[0]) == NOTHING_HELD
    await writes.aclose()


@pytest.mark.parametrize("method", ["PUT", "GET"])
async def test_a_body_is_forgotten_when_its_request_fails(method: str) -> None:
    counted: list[HeldBodies] = []

    async def failing(request: ApiRequest, _: Route) -> web.StreamResponse:
        await request.read()
        counted.append(request.bodies)
        raise ApiError(503, "x", "y")

    async with serving(World(dispatch=FinishingWrites(failing))) as client:
        assert (await client.request(method, "/api/v1/apps/a/data/x", data=b"body")).status == 503
        assert repr(counted[0]) == NOTHING_HELD
