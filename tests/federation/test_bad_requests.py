"""A client's garbage gets an error in the one form, reaches nobody else, and leaves the gateway serving."""

import asyncio
import json
import random
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.federation.gateways import Cluster, Gateway, Owner, eventually
from tests.federation.hostile import OWN, REMOTE, REQUESTS, SOMEBODY, Hostile, hostile, told
from tests.federation.plant import manifest
from tests.federation.rawhttp import exchange, request
from tests.federation.standin_tree import new_instance_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

MUTATIONS = 300
INCOMPLETE_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway with data of its own and an owner behind it."""

    gateway: Gateway
    owner: Owner

    async def still_serves(self) -> bool:
        """Its own and the owner's, as before."""
        assert (await self.gateway.get("/apps/own_app/data/whose")).json["data"] == "own"
        return (await self.gateway.get("/apps/drive/data/speed")).status == 200


PARSERS = {"c": {}, "python": {"AIOHTTP_NO_EXTENSIONS": "1"}}
"""aiohttp has two parsers of requests, which differ; the environment says which."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PARSERS)
async def served(shared_cluster: Cluster, request: pytest.FixtureRequest) -> Served:
    owner = await shared_cluster.owner({"name": "arm", "apps": [{"id": "drive", "data": ["speed"]}]})
    gateway = shared_cluster.add(f"hub-{request.param}", manifest=manifest("own"), peers=[("arm", owner)])
    gateway.process.env |= PARSERS[request.param]
    await gateway.start()
    served = Served(gateway, owner)
    await eventually(served.still_serves)
    return served


@pytest.mark.parametrize("bad", REQUESTS, ids=str)
async def test_a_bad_request_is_refused_in_the_error_form_and_goes_no_further(served: Served, bad: Hostile) -> None:
    await served.owner.forget()
    answer = await exchange(served.gateway.port, bad.raw)
    assert answer is not None
    assert answer.status in bad.statuses, (answer.status, answer.body)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.extra == b""
    assert {"error_code", "message"} <= answer.json.keys()
    assert all(isinstance(answer.json[key], str) for key in ("error_code", "message"))
    assert await served.owner.requests() == []
    assert await served.still_serves()


async def test_the_corpus_is_large() -> None:
    assert len({bad.raw for bad in REQUESTS}) >= 150


UNUSUAL = [
    hostile("lower case", request(method="get"), 200, 400, 404),
    hostile("two blanks", b"GET  /api/v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, 400),
    hostile("another protocol", b"GET /api/v1/health RTSP/1.0\r\nHost: x\r\n\r\n", 200, 400, 505),
    told("X-Request-Id", "x" * 500, 200),
    told("X-Request-Id", "<script>", 200),
    told("Prefer", ";;;handling=;=", 200),
    told("If-None-Match", '"', 200),
    told("Range", "bytes=9-1,,", 200),
    told("Connection", "X-Client-Id, Authorization", 200),
    told("X-Medkit-Via", "", 200),
    told("X-Medkit-Origins", SOMEBODY, 200),
    told("X-Forwarded-For", "169.254.169.254", 200),
    told("Cookie", "a=" + "b" * 3000, 200),
]


@pytest.mark.parametrize("odd", UNUSUAL, ids=str)
async def test_an_unusual_request_is_answered_as_any_other(served: Served, odd: Hostile) -> None:
    answer = await exchange(served.gateway.port, odd.raw)
    assert answer is not None
    assert answer.status in odd.statuses, (answer.status, answer.body)
    assert await served.still_serves()


async def test_what_the_owner_gets_is_clean_whatever_a_client_sends(served: Served) -> None:
    headers = (
        "Authorization: Bearer secret",
        "Cookie: secret=1",
        "Proxy-Authorization: Basic secret",
        "X-Forwarded-For: secret",
        "Upgrade: secret",
        "X-Medkit-Unknown: secret",
        "X-Client-Id: me",
    )
    await served.owner.forget()
    answer = await exchange(served.gateway.port, request(REMOTE, *headers))
    assert answer is not None
    assert answer.status == 200
    (seen,) = await served.owner.requests()
    assert "secret" not in json.dumps(seen)
    assert seen["headers"]["X-Client-Id"] == "me"


async def test_a_write_whose_body_never_ends_changes_nothing(served: Served) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", served.gateway.port)
    writer.write(request(OWN, "Content-Length: 100", method="PUT") + b'{"type": "string", "data": "changed"}')
    await writer.drain()
    assert await served.still_serves()
    writer.close()
    await writer.wait_closed()
    assert await served.still_serves()


def damaged(raw: bytes) -> bytes:
    """The request with a few bytes changed, lost, or put in between."""
    result = bytearray(raw)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(result))
        match random.choice(("change", "lose", "insert")):
            case "change":
                result[place] = random.randrange(256)
            case "lose":
                del result[place : place + random.randint(1, 8)]
            case _:
                result[place:place] = random.choice((b"\r\n", b"\0", b"%", b"..", b"\xff", b" " * 9, b":", b"/"))
    return bytes(result)


async def test_randomly_damaged_requests_never_make_an_internal_error(served: Served) -> None:
    good = [
        request(REMOTE, "Accept: application/json", "Range: bytes=0-1"),
        request(OWN, "Content-Type: application/json", method="PUT", body=b'{"type": "string", "data": "own"}'),
        request("/api/v1/faults?status=all", f"X-Medkit-Origins: {SOMEBODY}", f"X-Medkit-Via: {new_instance_id()}"),
    ]

    async def send_damaged() -> tuple[bytes, int]:
        raw = damaged(random.choice(good))
        try:
            answer = await exchange(served.gateway.port, raw, INCOMPLETE_AFTER_S)
        except TimeoutError:
            return raw, 0  # it lost its end, so the gateway waits for more
        return raw, answer.status if answer else 0

    for _ in range(MUTATIONS // 50):
        for raw, status in await asyncio.gather(*(send_damaged() for _ in range(50))):
            assert status not in {500, 503}, raw
    restored = await exchange(served.gateway.port, good[1])  # what was damaged may still have been a write
    assert restored is not None
    assert restored.status == 200
    assert await served.still_serves()
