"""Writes over failing links: never executed twice, and the answer never lies about what happened."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO

import aiohttp
import pytest
import pytest_asyncio

from tests.federation.client import Client
from tests.federation.diamond import Diamond
from tests.federation.gateways import Cluster, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRITES = 400
WRITERS = 8
METHODS = ("POST", "PUT", "PATCH", "DELETE")
SIZES = (0, 20, 60_000, 300_000)
"""Bytes of a body: none, held by the gateway to be sent again, held still, streamed."""

BODY = b"{}"


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 10_000):
        yield b"x" * 10_000


@dataclass(frozen=True, slots=True)
class Claim:
    """What an answer says of its write: how often the owner can have seen it."""

    said: str
    possible: frozenset[int]


DONE = Claim("done", frozenset({1}))
UNKNOWN = Claim("unknown", frozenset({0, 1}))
NOT_DONE = Claim("not done", frozenset({0}))


async def write(top: Client, path: str) -> Claim:
    size = random.choice(SIZES)
    data = random.choice((BytesIO(b"x" * size), in_pieces(size))) if size else None
    try:
        answer = await top.request(random.choice(METHODS), path, data=data)
    except aiohttp.ClientPayloadError:
        return DONE  # the owner's answer broke on its way back
    if answer.status == 200:
        return DONE
    assert answer.status in {502, 503, 504}, (answer.status, answer.body)
    return UNKNOWN if answer.json.get("parameters", {}).get("may_have_executed") else NOT_DONE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(shared_cluster: Cluster) -> Diamond:
    return await Diamond.start(shared_cluster)


@pytest_asyncio.fixture(loop_scope="module")
async def diamond(running: Diamond) -> Diamond:
    """Whole, whatever the test before has broken."""
    await eventually(running.is_whole, 60)
    return running


async def test_no_write_is_executed_twice_and_none_that_is_said_not_to_be_is_executed(diamond: Diamond) -> None:
    await diamond.owner.forget()
    claims: dict[str, Claim] = {}
    numbers = itertools.count()

    async def keep_writing() -> None:
        while len(claims) < WRITES or {*claims.values()} == {DONE}:
            path = f"/apps/drive/data/write-{next(numbers)}"
            claims[path] = await write(diamond.top, path)
            await asyncio.sleep(random.uniform(0.0, 0.05))

    async with diamond.failing():
        await asyncio.gather(*(keep_writing() for _ in range(WRITERS)))
    await eventually(diamond.is_whole)
    counters = await diamond.owner.counters()
    seen = {path: counters.get(f"/api/v1{path}", 0) for path in claims}
    assert {path: (claim.said, seen[path]) for path, claim in claims.items() if seen[path] not in claim.possible} == {}
    assert DONE in claims.values()


@pytest.mark.parametrize("data", [None, BODY, "streamed"], ids=["no body", "held body", "streamed body"])
async def test_a_write_whose_answer_does_not_come_may_have_been_executed_and_is_not_repeated(
    diamond: Diamond, data: bytes | str | None
) -> None:
    await diamond.owner.set_faults({"path": "/api/v1/apps/drive/data/mute", "hang": True})
    await diamond.owner.forget()
    body = in_pieces(300_000) if data == "streamed" else data
    answer = await diamond.top.request("POST", "/apps/drive/data/mute", data=body)
    assert (answer.status, answer.json["parameters"]) == (504, {"may_have_executed": True})
    assert (await diamond.owner.counters())["/api/v1/apps/drive/data/mute"] == 1
    await diamond.owner.set_faults()


async def test_a_write_to_an_owner_nobody_reaches_is_said_not_to_be_executed(diamond: Diamond) -> None:
    await diamond.owner.forget()
    lower = (diamond.links[0], diamond.links[2])
    for link in lower:
        await link.cut()
    answer = await diamond.top.request("POST", "/apps/drive/data/unreached", data=BODY)
    for link in lower:
        await link.heal()
    assert answer.status == 502
    assert not answer.json.get("parameters", {}).get("may_have_executed")
    assert "/api/v1/apps/drive/data/unreached" not in await diamond.owner.counters()


async def leave_during_a_write(diamond: Diamond) -> Callable[[], Awaitable[bool]]:
    """Returns when the owner is at a write whose client has left; what it returns tells whether it was executed."""
    run = "/api/v1/apps/drive/operations/run/executions"
    executed = len((await diamond.top.get(run)).items)
    await diamond.owner.set_faults({"path": run, "method": "POST", "delay": 0.7})
    await diamond.owner.forget()
    _, writer = await asyncio.open_connection("127.0.0.1", diamond.top.port)
    writer.write(f"POST {run} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode())

    async def has_arrived() -> bool:
        return run in await diamond.owner.counters()

    await eventually(has_arrived)
    writer.close()
    await diamond.owner.set_faults()

    async def has_been_executed() -> bool:
        return len((await diamond.top.get(run)).items) == executed + 1

    return has_been_executed


async def test_a_write_is_finished_though_its_client_has_left(diamond: Diamond) -> None:
    has_been_executed = await leave_during_a_write(diamond)
    await eventually(has_been_executed)


async def test_a_write_is_finished_though_its_client_has_left_and_the_gateway_stops(diamond: Diamond) -> None:
    has_been_executed = await leave_during_a_write(diamond)
    assert await diamond.top.stop() == 0
    await diamond.top.start()
    await eventually(has_been_executed)
