"""TLS: a certificate that is trusted, one that is not, and a port that does not speak it."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from peers.client import FetchedAnswer, PeerAnswer, PeerError, PeerRequest
from peers.errors import PeerReason
from peers.settings import MIB
from tests.unit.peers.wire_server import Wire, client_to, serving, serving_ok, within

GET = PeerRequest("GET", "/api/v1/health")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=peer_b"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def server_side(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate[0])


async def test_requests_to_a_trusted_peer_share_a_connection(
    server_side: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with (
        serving(serving_ok, ssl_context=server_side) as server,
        client_to(server.https_url, ssl_context=trusting, connect_timeout_ms=5000) as client,
    ):
        first = await client.send(GET, deadline=within())
        assert isinstance(first, PeerAnswer)
        answer = await client.fetch(GET, deadline=within(), cap=100)
        assert isinstance(answer, FetchedAnswer)
        assert (answer.body, client.figures.idle) == (b"ok", 1)


async def test_a_large_body_flows_through_tls(server_side: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (4 * MIB))
        await wire.send(b"x" * 4 * MIB)
        await wire.gone()

    async with (
        serving(script, ssl_context=server_side) as server,
        client_to(server.https_url, ssl_context=trusting, connect_timeout_ms=5000) as client,
    ):
        answer = await client.send(GET, deadline=within(), stream=True)
        assert isinstance(answer, PeerAnswer)
        got = 0
        async for piece in answer.chunks():
            got += len(piece)
            await asyncio.sleep(0)
        assert got == 4 * MIB


async def test_a_certificate_nobody_vouches_for_gets_no_request(server_side: ssl.SSLContext) -> None:
    async with (
        serving(serving_ok, ssl_context=server_side) as server,
        client_to(server.https_url, ssl_context=ssl.create_default_context(), connect_timeout_ms=5000) as client,
    ):
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.TLS_CERTIFICATE_ERROR, False)
        assert server.requests == []


async def test_a_certificate_for_another_host_gets_no_request(
    server_side: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with (
        serving(serving_ok, ssl_context=server_side) as server,
        client_to(f"https://localhost:{server.port}", ssl_context=trusting, connect_timeout_ms=5000) as client,
    ):
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.TLS_CERTIFICATE_ERROR, False)


async def test_https_to_a_plain_port_is_a_tls_error_and_never_goes_out_in_clear() -> None:
    async def plain(wire: Wire) -> None:
        await wire.read()
        await wire.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with (
        serving(plain) as server,
        client_to(server.https_url, ssl_context=ssl.create_default_context()) as client,
    ):
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.TLS_PROTOCOL_ERROR, False)


async def test_a_handshake_that_is_not_answered_is_a_tls_error() -> None:
    async def mute(wire: Wire) -> None:
        await wire.gone()

    async with (
        serving(mute) as server,
        client_to(server.https_url, ssl_context=ssl.create_default_context(), connect_timeout_ms=100) as client,
    ):
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.TLS_PROTOCOL_ERROR, False)
        assert client.figures.requests == 0


async def test_https_without_its_tls_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="peer_b: an https endpoint needs its TLS"):
        async with client_to("https://127.0.0.1:1"):
            pass
