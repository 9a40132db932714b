"""A device is asked once, within bounds, and whatever it does the outcome is a value."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from gateway.local.web_call import (
    RECEIVED_AT_ONCE_BYTES,
    WEB_CALLS_PER_DEVICE,
    WebAnswer,
    WebCaller,
    WebFailure,
    WebOutcome,
    WebRequest,
    small_socket,
)
from tests.federation.eventually import eventually
from tests.federation.ports import free_port
from tests.unit.peers.wire_server import OK, Script, Wire, answering, serving, serving_ok

LONG_S = 60.0
BRIEF_S = 0.3
CUT_OFF = "the connection to its device ended before its answer was complete"


@pytest.fixture
async def caller() -> AsyncIterator[WebCaller]:
    caller = WebCaller()
    yield caller
    await caller.close()


async def ask(caller: WebCaller, script: Script, *, method: str = "GET", timeout_s: float = LONG_S) -> WebOutcome:
    async with serving(script) as server:
        return await caller.ask(WebRequest(method, f"{server.url}/x"), timeout_s=timeout_s, limit_bytes=1000)


def saying(*parts: bytes) -> Script:
    """Answers one request with these bytes, and closes."""

    async def script(wire: Wire) -> None:
        await wire.request()
        for part in parts:
            await wire.send(part)

    return script


async def test_an_answer_is_told_with_its_status(caller: WebCaller) -> None:
    script = answering(b"HTTP/1.1 418 Teapot\r\nContent-Type: text/plain; charset=x\r\nContent-Length: 3\r\n\r\n\x00ok")
    assert await ask(caller, script) == WebAnswer(418, "text/plain", b"\x00ok")


async def test_the_device_gets_what_it_shall_and_nothing_that_others_said(caller: WebCaller) -> None:
    with_cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\n\r\nok"
    async with serving(answering(with_cookie, OK)) as server:
        request = WebRequest("PUT", f"{server.url}/a%2Fb?c=d", (("X-Key", "s3cret"),), b'{"on":true}')
        for _ in range(2):
            assert isinstance(await caller.ask(request, timeout_s=LONG_S), WebAnswer)
    for sent in server.requests:
        assert sent.startswith(b"PUT /a%2Fb?c=d HTTP/1.1\r\n")
        assert sent.endswith(b'\r\n\r\n{"on":true}')
        assert b"X-Key: s3cret\r\n" in sent
        assert b"Cookie" not in sent
        assert b"Accept-Encoding: identity\r\n" in sent


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_request_has_its_own_connection_and_what_a_device_sends_later_is_never_read(
    caller: WebCaller, method: str
) -> None:
    ended: list[bool] = []

    def told(number: int) -> bool:
        return len(ended) == number

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.gone()
        ended.append(True)

    async with serving(script) as server:
        for number in range(1, 4):
            assert isinstance(await caller.ask(WebRequest(method, server.url), timeout_s=LONG_S), WebAnswer)
            await eventually(partial(told, number))
        assert server.accepted == 3


def test_little_of_an_answer_without_an_end_is_held_for_the_loop_to_read_at_once() -> None:
    with small_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * RECEIVED_AT_ONCE_BYTES


async def test_a_redirect_is_an_answer_and_not_followed(caller: WebCaller) -> None:
    async with serving(serving_ok) as elsewhere:
        script = answering(b"HTTP/1.1 302 Found\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n" % elsewhere.url.encode())
        outcome = await ask(caller, script)
        assert isinstance(outcome, WebAnswer)
        assert (outcome.status, elsewhere.accepted) == (302, 0)


async def test_a_device_that_refuses_was_not_asked(caller: WebCaller) -> None:
    outcome = await caller.ask(WebRequest("PUT", f"http://127.0.0.1:{free_port()}/"), timeout_s=LONG_S)
    assert outcome == WebFailure("its device cannot be reached: Connection refused", was_sent=False)


async def test_a_name_that_is_none_is_told(caller: WebCaller) -> None:
    outcome = await caller.ask(WebRequest("GET", "http://no-such-device.invalid/"), timeout_s=LONG_S)
    assert outcome == WebFailure("the name of its device is not known", was_sent=False)


async def test_a_url_that_is_none_is_told(caller: WebCaller) -> None:
    outcome = await caller.ask(WebRequest("GET", "http://[::1/"), timeout_s=LONG_S)
    assert outcome == WebFailure("the URL of its device is not one", was_sent=False)


async def test_silence_is_not_waited_for_beyond_the_time(caller: WebCaller) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.gone()

    assert await ask(caller, script, timeout_s=BRIEF_S) == WebFailure(
        "its device did not answer within 0.3 s", was_sent=True
    )


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"])
async def test_dripping_is_not_waited_for_beyond_the_time(caller: WebCaller, said: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(said)
        await wire.drip(b"X: " + b"x" * 100_000)

    outcome = await ask(caller, script, timeout_s=BRIEF_S)
    assert outcome == WebFailure("its device did not answer within 0.3 s", was_sent=True)


@pytest.mark.parametrize(
    "said",
    [
        b"\x00\x01\x02 nothing of the kind\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_garbage_is_a_failure(caller: WebCaller, said: bytes) -> None:
    outcome = await ask(caller, saying(said))
    assert isinstance(outcome, WebFailure)
    assert outcome.was_sent
    assert "127.0.0.1" not in outcome.reason


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
async def test_half_an_answer_is_a_failure(caller: WebCaller, said: bytes) -> None:
    assert await ask(caller, saying(said), method="POST") == WebFailure(CUT_OFF, was_sent=True)


async def test_headers_without_end_are_no_answer(caller: WebCaller) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await wire.send(b"X: x\r\n" * 1000)

    assert isinstance(await ask(caller, script, timeout_s=2.0), WebFailure)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 1001", b"Transfer-Encoding: chunked", b"X-Until: the connection ends"]
)
async def test_too_large_an_answer_is_not_read_to_its_end(caller: WebCaller, head: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        if b"1001" in head:
            await wire.send(b"x" * 1001)
            return await wire.gone()
        while True:
            await wire.send(b"5\r\nxxxxx\r\n" * 1000 if b"chunked" in head else b"x" * 5000)

    outcome = await ask(caller, script)
    assert outcome == WebFailure("its device answered more than 1000 bytes", was_sent=True)


async def test_an_answer_of_the_limit_is_one(caller: WebCaller) -> None:
    outcome = await ask(caller, answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000))
    assert isinstance(outcome, WebAnswer)
    assert len(outcome.body) == 1000


async def test_a_compressed_answer_is_not_unpacked(caller: WebCaller) -> None:
    script = answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx")
    assert await ask(caller, script) == WebFailure(
        "its device answered compressed, which it was not asked for", was_sent=True
    )


async def test_a_device_that_hangs_leaves_room_for_the_others(caller: WebCaller) -> None:
    async def hang(wire: Wire) -> None:
        await wire.request()
        await wire.gone()

    async with serving(hang) as hanging, serving(serving_ok) as quick, asyncio.TaskGroup() as group:
        asked = [
            group.create_task(caller.ask(WebRequest("GET", hanging.url), timeout_s=LONG_S))
            for _ in range(WEB_CALLS_PER_DEVICE * 3)
        ]
        await eventually(lambda: len(hanging.requests) == WEB_CALLS_PER_DEVICE)
        assert await caller.ask(WebRequest("GET", quick.url), timeout_s=LONG_S) == WebAnswer(
            200, "application/octet-stream", b"ok"
        )
        assert hanging.accepted == WEB_CALLS_PER_DEVICE
        for task in asked:
            task.cancel()


async def test_closed_it_ends_what_is_under_way(caller: WebCaller) -> None:
    async def hang(wire: Wire) -> None:
        await wire.request()
        await wire.gone()

    async with serving(hang) as server:
        asked = asyncio.create_task(caller.ask(WebRequest("GET", server.url), timeout_s=LONG_S))
        await eventually(lambda: server.requests)
        await caller.close()
        assert await asked == WebFailure(CUT_OFF, was_sent=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=device"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def server_side(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


async def test_a_trusted_certificate_is_checked_off_the_loop_once(
    certificate: tuple[Path, Path], server_side: ssl.SSLContext
) -> None:
    loaded: list[str] = []

    def authorities() -> ssl.SSLContext:
        loaded.append(threading.current_thread().name)
        return ssl.create_default_context(cafile=certificate[0])

    caller = WebCaller(authorities)
    async with serving(serving_ok, ssl_context=server_side) as server:
        for _ in range(2):
            outcome = await caller.ask(WebRequest("GET", server.https_url), timeout_s=LONG_S)
            assert outcome == WebAnswer(200, "application/octet-stream", b"ok")
        await caller.close()
    assert loaded == ["grove-tls"]


async def test_a_certificate_that_nobody_trusts_is_told(caller: WebCaller, server_side: ssl.SSLContext) -> None:
    async with serving(serving_ok, ssl_context=server_side) as server:
        outcome = await caller.ask(WebRequest("POST", server.https_url), timeout_s=LONG_S)
    assert outcome == WebFailure("the certificate of its device is not trusted", was_sent=False)


async def test_a_port_without_tls_is_told(caller: WebCaller) -> None:
    async def plain(wire: Wire) -> None:
        await wire.read()
        await wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(plain) as server:
        outcome = await caller.ask(WebRequest("PUT", server.https_url), timeout_s=LONG_S)
    assert outcome == WebFailure("its device does not speak TLS as it should", was_sent=False)


async def test_what_ran_out_of_time_before_it_was_connected_was_not_sent(
    caller: WebCaller, server_side: ssl.SSLContext
) -> None:
    async def mute(wire: Wire) -> None:
        await wire.gone()

    async with serving(mute) as server:
        outcome = await caller.ask(WebRequest("PUT", server.https_url), timeout_s=BRIEF_S)
    assert outcome == WebFailure("its device did not answer within 0.3 s", was_sent=False)
