"""Bytes that are no proper request: refused in our form, nothing echoed, the connection closed, no handler run."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.http.api import Api
from gateway.http.path import MAX_TARGET_BYTES, Route
from gateway.http.protocol import MAX_FIELD_BYTES, MAX_LINE_BYTES
from gateway.http.request import ApiRequest
from tests.federation.rawhttp import exchange, request
from tests.unit.http.serving import Client, World, listening, serving

HOST = b"Host: x\r\n"


@pytest.fixture
def reached() -> list[str]:
    """The methods and targets that came to a handler."""
    return []


@pytest.fixture
async def client(reached: list[str]) -> AsyncIterator[Client]:
    async def dispatch(request: ApiRequest, _: Route) -> web.StreamResponse:
        reached.append(f"{request.method} {request.raw_path}")
        return web.Response(body=await request.read())

    async with serving(World(dispatch=dispatch)) as running:
        yield running


def refused(received: bytes) -> tuple[int, str]:
    """(status, error code) of the one answer; it is JSON, typed, and says that the connection ends."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert len(re.findall(rb"^HTTP/\d", received, re.MULTILINE)) == 1, received
    lines = head.decode().lower().split("\r\n")
    assert "content-type: application/json" in lines
    assert {"x-content-type-options: nosniff", "server: grove"} <= set(lines)
    assert "connection: close" in lines or not lines[0].startswith("http/1.1")
    return int(lines[0].split(" ")[1]), json.loads(body)["error_code"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/x HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /api/v1/x HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nabcde",
        b"POST /api/v1/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + b"A: b\r\n folded\r\n\r\n",
        b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + b"A: b\0c\r\n\r\n",
        b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + b"Host: y\r\n\r\n",
        b"GET /api/v1/apps HTTP/1.1\r\n\r\n",
        b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 200 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n",
        b"nonsense <script>\r\n\r\n",
    ],
)
async def test_fault_064_what_two_parsers_could_read_differently_gets_one_answer_and_no_handler(
    client: Client, reached: list[str], request_bytes: bytes
) -> None:
    received = await client.raw(request_bytes)
    assert refused(received) == (400, "invalid-request")
    assert not any(sent in received for sent in (b"script", b"TLS greeting", b"folded", b"xchunked"))
    assert reached == []


@pytest.mark.parametrize(
    ("line", "statuses"),
    [
        (b"GET /api/v1/apps HTTP/2.0", {505}),
        (b"GET /api/v1/apps HTTP/0.9", {505, 400}),
        (b"TRACE /api/v1/apps HTTP/1.1", {405}),
        (b"CONNECT evil:443 HTTP/1.1", {405}),
        (b"CONNECT /api/v1/apps HTTP/1.1", {405, 400}),
        (b"GET http://evil/api/v1/apps HTTP/1.1", {400}),
        (b"OPTIONS * HTTP/1.1", {400}),
    ],
)
async def test_fault_065_other_versions_forms_and_methods_of_proxies_are_refused(
    client: Client, reached: list[str], line: bytes, statuses: set[int]
) -> None:
    status, code = refused(await client.raw(line + b"\r\n" + HOST + b"\r\n"))
    assert (status in statuses, code) == (True, "invalid-request")
    assert reached == []


@pytest.mark.parametrize(
    "target", ["/api/v1/apps/../../etc", "/api/v1/apps/%2e%2e/data", "/api/v1/apps/..%2f", "/%2e/x"]
)
async def test_fault_066_a_path_that_climbs_never_comes_to_a_handler(
    client: Client, reached: list[str], target: str
) -> None:
    received = await client.raw(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert refused(received)[0] in {400, 404}
    assert reached == []


@pytest.mark.parametrize(
    ("target_length", "status"), [(MAX_TARGET_BYTES + 1, 414), (MAX_LINE_BYTES + 1, 414), (5 * MAX_LINE_BYTES, 414)]
)
async def test_fault_067_a_target_that_is_too_long_is_414(client: Client, target_length: int, status: int) -> None:
    target = b"/api/v1/apps/".ljust(target_length, b"x")
    received = await client.raw(b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
    assert refused(received)[0] == status
    assert b"xxx" not in received


@pytest.mark.parametrize(
    "headers",
    [
        b"A: " + b"v" * (MAX_FIELD_BYTES + 1) + b"\r\n",
        b"".join(b"A%d: %s\r\n" % (number, b"v" * 4000) for number in range(9)),
    ],
)
async def test_fault_067_headers_that_are_too_large_are_431(client: Client, headers: bytes) -> None:
    received = await client.raw(b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + headers + b"\r\n")
    assert refused(received) == (431, "invalid-request")
    assert b"vvv" not in received


HEADS = b"".join(b"A%d: %s\r\n" % (number, b"v" * 4000) for number in range(14))


@pytest.mark.parametrize("before", [b"", b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + b"\r\n"], ids=["first", "second"])
async def test_fault_067_headers_without_an_end_are_431_before_they_are_many(client: Client, before: bytes) -> None:
    """What is not whole yet is held, so that it is not waited for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    try:
        writer.write(before)
        if before:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + HEADS)
        assert refused(await asyncio.wait_for(reader.read(), 5)) == (431, "invalid-request")
    finally:
        writer.close()


CHUNKED_PUT = b"PUT /api/v1/apps/a/data/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
TINY = b"1\r\nz\r\n" * 14_000
EXTENDED = b"1;name=%s\r\nz\r\n" % (b"v" * 500) * 130


@pytest.mark.parametrize("chunks", [TINY, EXTENDED], ids=["tiny", "extended"])
async def test_a_body_that_is_framing_above_all_is_refused(client: Client, chunks: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    try:
        writer.write(CHUNKED_PUT + chunks)
        assert refused(await asyncio.wait_for(reader.read(), 10)) == (400, "invalid-request")
    finally:
        writer.close()


async def test_it_is_not_read_on_behind_an_answer_that_did_not_need_it() -> None:
    async def dispatch(_: ApiRequest, __: Route) -> web.StreamResponse:
        return web.Response(text="well")

    async with serving(World(dispatch=dispatch)) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(CHUNKED_PUT)
        assert (await reader.readuntil(b"well")).startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionError):  # before what is drained on for others is over
            for _ in range(1_000):
                writer.write(TINY)
                await writer.drain()


@pytest.mark.parametrize(("chunk", "count"), [(b"a" * 10, 5_000), (b"a" * 24, 40_000)], ids=["few small", "many"])
async def test_honest_chunks_of_a_body_are_read(client: Client, chunk: bytes, count: int) -> None:
    body = (b"%x\r\n%s\r\n" % (len(chunk), chunk)) * count + b"0\r\n\r\n"
    received = await client.raw(CHUNKED_PUT.replace(HOST, HOST + b"Connection: close\r\n") + body)
    assert received.startswith(b"HTTP/1.1 200")
    assert received.endswith(b"\r\n\r\n" + chunk * count)


async def test_bytes_of_a_body_are_none_of_a_head(client: Client, reached: list[str]) -> None:
    """Neither of one that is read, nor of one that nobody reads, whatever stands behind them."""
    whole = b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + b"\r\n"
    last = whole.replace(HOST, HOST + b"Connection: close\r\n")
    put = b"PUT /api/v1/apps/a/data/x HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    try:
        writer.write(put + b"\r\n")
        for _ in range(100):
            writer.write(b"x" * 3000)
            await asyncio.sleep(0)
        writer.write(whole + b"OPTIONS /api/v1/apps HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x" * 3000)
            await asyncio.sleep(0)
        writer.write(last)
        received = await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
    assert re.findall(rb"HTTP/1\.1 (\d+) ", received) == [b"200", b"200", b"404", b"200"]
    assert len(reached) == 3


async def test_fault_067_an_encoded_body_is_415_and_not_unpacked(client: Client, reached: list[str]) -> None:
    received = await client.raw(
        b"PUT /api/v1/apps/a/data/x HTTP/1.1\r\n"
        + HOST
        + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"
    )
    assert refused(received) == (415, "invalid-request")
    assert reached == []


async def test_a_body_in_another_transfer_coding_is_501_and_reaches_nobody(client: Client, reached: list[str]) -> None:
    received = await client.raw(
        b"PUT /api/v1/apps/a/data/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    )
    assert refused(received) == (501, "invalid-request")
    assert reached == []


async def test_every_expectation_counts(client: Client, reached: list[str]) -> None:
    received = await client.raw(
        b"PUT /api/v1/apps/a/data/x HTTP/1.1\r\n"
        + HOST
        + b"Expect: 100-continue\r\nExpect: x\r\nContent-Length: 4\r\n\r\nbody"
    )
    assert b"100 Continue" not in received
    assert refused(received) == (417, "invalid-request")
    assert reached == []


@pytest.mark.parametrize("host", [b"", b"a b", b"evil/path", b"user@evil", b"x:port", b"[::1", b"a,b"])
async def test_fault_070_a_host_that_is_none_is_refused(client: Client, reached: list[str], host: bytes) -> None:
    received = await client.raw(b"GET /api/v1/apps HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert refused(received)[0] == 400
    assert reached == []


@pytest.mark.parametrize("host", [b"localhost:8080", b"10.0.0.7", b"robot-1.local", b"[::1]:8080", b"my_host"])
async def test_hosts_as_people_call_their_machines_are_fine(client: Client, reached: list[str], host: bytes) -> None:
    received = await client.raw(b"GET /api/v1/apps HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200")
    assert reached == ["GET /api/v1/apps"]


async def test_a_http_1_0_client_without_a_host_is_served(client: Client, reached: list[str]) -> None:
    assert b" 200 " in (await client.raw(b"GET /api/v1/apps HTTP/1.0\r\n\r\n"))[:20]
    assert reached == ["GET /api/v1/apps"]


async def test_a_client_that_expects_to_be_asked_on_is_asked_on(client: Client) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    try:
        writer.write(
            b"PUT /api/v1/apps/a/data/x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        assert (await asyncio.wait_for(reader.readuntil(b"body"), 10)).startswith(b"HTTP/1.1 200")
    finally:
        writer.close()


async def test_another_expectation_is_417_in_our_form(client: Client, reached: list[str]) -> None:
    received = await client.raw(b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + b"Expect: <script>\r\n\r\n")
    assert refused(received) == (417, "invalid-request")
    assert b"script" not in received
    assert reached == []


async def test_noise_from_the_network_leaves_no_line_above_debug(client: Client) -> None:
    with capture_logs() as logs:
        await client.raw(b"\0\0\0\0\r\n\r\n")
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("request refused by the parser", "debug")]


class BrokenApi(Api):
    """It fails where nothing of its own turns errors into answers."""

    async def __call__(self, _: web.BaseRequest) -> web.StreamResponse:
        raise LookupError("gone astray")


async def test_what_fails_outside_of_the_api_is_500_without_the_cause_which_the_log_has() -> None:
    listener = await listening(BrokenApi(World().services()))
    try:
        with capture_logs() as logs:
            answer = await exchange(listener.port, request("/api/v1/apps"))
    finally:
        await listener.aclose()
    assert answer is not None
    assert (answer.status, answer.json["error_code"]) == (500, "internal-error")
    assert b"astray" not in answer.body
    (entry,) = logs
    assert (entry["event"], entry["log_level"], entry["path"]) == ("request failed", "error", "/api/v1/apps")
    assert str(entry["exc_info"]) == "gone astray"


async def test_a_port_that_is_taken_is_an_error_of_the_system(client: Client) -> None:
    with pytest.raises(OSError, match="in use"):
        await listening(Api(World().services()), client.port)


async def test_a_listener_that_no_longer_accepts_still_answers_who_is_connected() -> None:
    listener = await listening(Api(World().services()))
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    try:
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            received = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
            assert received.startswith(b"HTTP/1.1 404")
            listener.stop_accepting()
        with pytest.raises(OSError, match=r"refused|failed"):
            await asyncio.open_connection("127.0.0.1", listener.port)
    finally:
        writer.close()
        await listener.aclose()


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("number", [1, 60])
async def test_behind_an_upgrade_that_is_not_taken_nothing_is_read_and_the_connection_ends(
    client: Client, protocol: bytes, number: int
) -> None:
    """Else aiohttp takes the body of a later request for one."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
    body = b"b" * 3000
    later = b"PUT /api/v1/apps/x HTTP/1.1\r\n" + HOST + b"Content-Length: 3000\r\n\r\n" + body
    answers = await client.raw(b"GET /api/v1/apps HTTP/1.1\r\n" + HOST + upgrade + b"\r\n" + later * number)
    assert answers.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close\r\n" in answers
