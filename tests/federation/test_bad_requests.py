"""A client's garbage gets an error in the one form, reaches nobody else, and leaves the gateway serving."""

import asyncio
import json
import random
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.federation.gateways import Cluster, Gateway, Owner, eventually
from tests.federation.plant import manifest
from tests.federation.rawhttp import exchange, request
from tests.federation.standin_tree import new_instance_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN = "/api/v1/apps/own_app/data/whose"
REMOTE = "/api/v1/apps/drive/data/speed"
SOMEBODY = "A" * 22
MUTATIONS = 300
INCOMPLETE_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request, and the statuses it may be answered with; none: the connection is closed without a word."""

    name: str
    raw: bytes
    statuses: frozenset[int]

    def __str__(self) -> str:
        return self.name


def hostile(name: str, raw: bytes, *statuses: int) -> Hostile:
    return Hostile(name, raw, frozenset(statuses or (400,)))


def told(name: str, value: str | bytes, *statuses: int, path: str = REMOTE) -> Hostile:
    """A request for the owner's data with one header of its own."""
    header = f"{name}: ".encode() + (value if isinstance(value, bytes) else value.encode())
    return hostile(f"{name} {value[:30]!r}", request(path, header), *statuses)


def at(target: str | bytes, *statuses: int) -> Hostile:
    """A request for this target."""
    return hostile(f"target {target[:60]!r}", request(target), *statuses)


def put(name: str, body: bytes, *statuses: int, headers: tuple[str, ...] = ()) -> Hostile:
    """A write to data of our own."""
    return hostile(f"body {name}", request(OWN, *headers, method="PUT", body=body), *statuses)


HOPS = [
    *(
        told(f"X-Medkit-{name}", value)
        for name in ("Via", "Tried", "Origins")
        for value in ("nobody", f"{SOMEBODY},,", "../x")
    ),
    *(
        told(f"X-Medkit-{name}", value)
        for name in ("Target", "To")
        for value in ("", "nobody", f"{SOMEBODY},{SOMEBODY}")
    ),
    told("X-Medkit-Via", ",".join([SOMEBODY] * 33)),
    told("X-Medkit-Via", ",".join([SOMEBODY] * 17), 508),
    told("X-Medkit-Target", SOMEBODY, 502),
    told("X-Medkit-To", SOMEBODY, 421),
    told("X-Medkit-Tried", ",".join([SOMEBODY] * 1025), 400, 431),
    told("X-Medkit-Origins", ",".join([SOMEBODY] * 101)),
    told("X-Medkit-Scope", "../x"),
    told("X-Medkit-Scope", ",".join(["unit"] * 101)),
    *(told("X-Medkit-Deadline-Ms", value) for value in ("-1", "1e3", "0x10", "", "soon", "99999999", "٣")),
    told("X-Medkit-Deadline-Ms", "0", 504),
    told("Accept", b"\xff\xfe"),
    told("X-Client-Id", "Jürgen 日本".encode()),
]

TARGETS = [
    at("/api/v1/../../etc/passwd"),
    at("/api/v1/apps/../../../etc/passwd"),
    at("/api/v1/apps/drive/data/../../../secrets"),
    at("/api/v1/apps/%2e%2e/data"),
    at("/api/v1/apps/drive/data/%2e%2e%2f%2e%2e"),
    at("/api/v1/apps/drive/data/..%2fx"),
    at("/api/v1/apps/drive/data/%252e%252e"),
    at("/api/v1/apps/drive%2f..%2fother/data", 400, 404),
    at("/api/v1/apps//data"),
    at("/api/v1/apps/drive\\data"),
    at("/api/v1/apps/drive;x=1/data"),
    at("/api/v1/apps/..;/data"),
    at("/api/v1/apps/drive%00/data"),
    at("/api/v1/apps/drive%0d%0aX-Evil:%201/data", 400, 404),
    at("/api/v1/apps/drive%0a/data", 400, 404),
    at("/api/v1/apps/%c0%ae%c0%ae/data"),
    at("/api/v1/apps/%ff/data"),
    at("/api/v1/apps/%zz/data"),
    at("/api/v1/apps/%/data"),
    at("/api/v1/apps/drive#fragment"),
    at("/api/v1/apps/" + "x" * 257 + "/data"),
    at("/api/v1/apps/" + "x" * 9000, 414),
    at("/api/v1/apps/" + "x" * 70_000, 414),
    at("/api/v1/apps/%F0%9F%A4%96/data"),
    at("/api/v1/apps/\xe4/data"),
    at("http://evil.example/api/v1/apps"),
    at("//evil.example/api/v1/apps", 404),
    at("*"),
    at("/api/v2/apps", 404),
    at("/etc/passwd", 404),
    at("/api/v1/components/drive/data"),
    at("/api/v1/faults?status=EVIL"),
    at("/api/v1/apps/own_app/data?" + "&".join(f"a{n}=1" for n in range(1000))),
]

METHODS = [
    hostile("trace", request(method="TRACE"), 405),
    hostile("connect", b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400, 405),
    hostile("lower case", request(method="get"), 400, 404),
    hostile("unknown", request(OWN, method="BREW"), 400, 404),
    hostile("http 0.9", b"GET /api/v1/health\r\n\r\n", 400, 505),
    hostile("http 2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505),
    hostile("http 3.0", b"GET /api/v1/health HTTP/3.0\r\nHost: x\r\n\r\n", 400, 505),
    hostile("post to a list", request("/api/v1/apps", method="POST", body=b"{}"), 404),
    hostile("delete of an entity", request("/api/v1/apps/own_app", method="DELETE"), 404),
]

BODIES = [
    put("truncated", b'{"data": '),
    put("not json", b"data=1"),
    put("nan", b'{"data": NaN}'),
    put("infinite", b'{"data": 1e999}'),
    put("nested", b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    put("bad utf-8", b'{"data": "\xff"}'),
    put("lone surrogate", b'{"data": "\\ud800"}'),
    put("byte order mark", b'\xef\xbb\xbf{"data": 1}'),
    put("utf-16", '{"data": 1}'.encode("utf-16")),
    put("a list", b"[1]"),
    put("a number", b"1"),
    put("too large", b'{"data": "' + b"x" * 1_100_000 + b'"}', 413),
    put("encoded", b"\x1f\x8b", 415, headers=("Content-Encoding: gzip",)),
    hostile("chunk of no number", request(OWN, "Transfer-Encoding: chunked", method="PUT") + b"zz\r\n{}\r\n0\r\n\r\n"),
]

FRAMES = [
    hostile(
        "length and chunks",
        request(REMOTE, "Content-Length: 4", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\nEVIL",
    ),
    hostile("two lengths", request(REMOTE, "Content-Length: 0", "Content-Length: 40", method="POST") + b"EVIL"),
    hostile("length with sign", request(REMOTE, "Content-Length: +4", method="POST") + b"EVIL"),
    hostile("length list", request(REMOTE, "Content-Length: 4, 4", method="POST") + b"EVIL"),
    hostile("unknown coding", request(REMOTE, "Transfer-Encoding: xchunked", method="POST") + b"0\r\n\r\n"),
    hostile("space before colon", request(REMOTE, "Transfer-Encoding : chunked", method="POST") + b"0\r\n\r\n"),
    hostile("folded header", request(REMOTE, "X: a\r\n b")),
    hostile("nul in header", request(REMOTE, "X: a\0b")),
    hostile("bare cr", request(REMOTE, "X: a\rY: b")),
    hostile("second host", request(REMOTE, "Host: evil.example")),
    hostile("no host", b"GET /api/v1/health HTTP/1.1\r\n\r\n"),
    hostile("host with path", b"GET /api/v1/health HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    hostile("huge header", request(REMOTE, "X: " + "y" * 20_000), 431),
    hostile("many large headers", request(REMOTE, *(f"X{n}: " + "y" * 4000 for n in range(20))), 431),
    hostile("a thousand headers", request(REMOTE, *(f"X{n}: y" for n in range(1000))), 400, 431),
    hostile("expectation", request(REMOTE, "Expect: 200-ok"), 417),
    hostile("tls greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    hostile("noise", bytes(range(256)) * 8),
]

REQUESTS = [*HOPS, *TARGETS, *METHODS, *BODIES, *FRAMES]


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway with data of its own and an owner behind it."""

    gateway: Gateway
    owner: Owner

    async def still_serves(self) -> bool:
        """Its own and the owner's, as before."""
        assert (await self.gateway.get("/apps/own_app/data/whose")).json["data"] == "own"
        return (await self.gateway.get("/apps/drive/data/speed")).status == 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(shared_cluster: Cluster) -> Served:
    owner = await shared_cluster.owner({"name": "arm", "apps": [{"id": "drive", "data": ["speed"]}]})
    gateway = shared_cluster.add("hub", manifest=manifest("own"), peers=[("arm", owner)])
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


UNUSUAL = [
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
