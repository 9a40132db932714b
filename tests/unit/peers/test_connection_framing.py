"""What an answer must look like: everything else is refused, and its connection closed."""

import asyncio

import pytest

from peers.client import PeerError, PeerRequest
from peers.errors import PeerReason
from peers.framing import ResponseReader
from peers.settings import TransportSettings
from tests.unit.peers.wire_server import OK, Wire, answering, client_to, eventually, serving, within

GET = PeerRequest("GET", "/api/v1/health")
HEAD = PeerRequest("HEAD", "/api/v1/health")
LINE = b"HTTP/1.1 200 OK\r\n"

PROTOCOL = PeerReason.HTTP_PROTOCOL_ERROR
TRANSFER = PeerReason.HTTP_RESPONSE_TRANSFER_CODING
CONTENT = PeerReason.HTTP_RESPONSE_CONTENT_CODING
HEADERS = PeerReason.HTTP_RESPONSE_HEADER_SIZE

REFUSED = {
    "content-length beside transfer-encoding": (
        LINE + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        PROTOCOL,
    ),
    "transfer-encoding beside content-length": (
        LINE + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
        PROTOCOL,
    ),
    "two lengths": (LINE + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok", PROTOCOL),
    "a list of lengths": (LINE + b"content-length: 2, 2\r\n\r\nok", PROTOCOL),
    "a signed length": (LINE + b"content-length: +2\r\n\r\nok", PROTOCOL),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", PROTOCOL),
    "html at once": (b"<html><body>hello</body></html>", PROTOCOL),
    "http 2": (b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok", PROTOCOL),
    "http 0.9": (b"HTTP/0.9 200 OK\r\ncontent-length: 2\r\n\r\nok", PROTOCOL),
    "status 000": (b"HTTP/1.1 000 No\r\ncontent-length: 2\r\n\r\nok", PROTOCOL),
    "status 600": (b"HTTP/1.1 600 No\r\ncontent-length: 2\r\n\r\nok", PROTOCOL),
    "status 999": (b"HTTP/1.1 999 No\r\ncontent-length: 2\r\n\r\nok", PROTOCOL),
    "status 101": (b"HTTP/1.1 101 Switch\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", PROTOCOL),
    "204 with a length": (b"HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\nok", PROTOCOL),
    "204 in chunks": (b"HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", PROTOCOL),
    "204 with bytes behind it": (b"HTTP/1.1 204 No\r\n\r\nok", PROTOCOL),
    "nine interim answers": (b"HTTP/1.1 103 Early\r\nlink: a\r\n\r\n" * 9 + OK, PROTOCOL),
    "a line feed alone": (b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok", PROTOCOL),
    "a folded header": (LINE + b"a: b\r\n c\r\ncontent-length: 2\r\n\r\nok", PROTOCOL),
    "nul in a header": (LINE + b"a: b\0c\r\ncontent-length: 2\r\n\r\nok", PROTOCOL),
    "a space before the colon": (LINE + b"content-length : 2\r\n\r\nok", PROTOCOL),
    "a negative chunk": (LINE + b"transfer-encoding: chunked\r\n\r\n-1\r\nok\r\n0\r\n\r\n", PROTOCOL),
    "gzip under chunked": (LINE + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", TRANSFER),
    "an unknown transfer coding": (LINE + b"transfer-encoding: xchunked\r\n\r\n", TRANSFER),
    "chunked twice": (LINE + b"transfer-encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", TRANSFER),
    "chunked in http 1.0": (b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", TRANSFER),
    "gzip": (LINE + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\nok", CONTENT),
    "gzip behind identity": (
        LINE + b"content-encoding: gzip\r\ncontent-encoding: identity\r\ncontent-length: 2\r\n\r\nok",
        CONTENT,
    ),
    "too many headers": (LINE + b"a: b\r\n" * 128 + b"content-length: 2\r\n\r\nok", HEADERS),
    "too long headers": (LINE + (b"a: " + b"b" * 1000 + b"\r\n") * 40 + b"content-length: 2\r\n\r\nok", HEADERS),
    "a header without end": (LINE + b"a: " + b"b" * 40_000, HEADERS),
    "a header name without end": (LINE + b"a" * 40_000, HEADERS),
    "a reason without end": (b"HTTP/1.1 200 " + b"b" * 40_000, HEADERS),
    "interim headers without end": ((b"HTTP/1.1 103 E\r\n" + b"a: b\r\n" * 60 + b"\r\n") * 3 + OK, HEADERS),
    "trailers without end": (LINE + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 130, HEADERS),
}


@pytest.mark.parametrize(("raw", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_malformed_answer_is_refused_and_its_connection_closed(raw: bytes, reason: PeerReason) -> None:
    async with serving(answering(raw)) as server, client_to(server.url) as client:
        answer = await client.fetch(GET, deadline=within(), cap=1000)
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (reason, True)
        assert repr(client).endswith("<ConnectionPool peer_b: 0 active, 0 idle, 0 queued>>")


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize(("raw", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_in_whatever_pieces_it_comes(raw: bytes, reason: PeerReason, size: int) -> None:
    reader = ResponseReader(TransportSettings())
    reader.begin("GET", unframed_ok=True, now=0.0)
    for start in range(0, len(raw), size):
        reader.feed(raw[start : start + size], 0.0)
        if reader.failure is not None:
            break
    if raw.startswith(b"HTTP/1.1 204 No\r\n\r\n"):  # whole before the surplus came: only the connection is lost
        assert (reader.complete, reader.reusable) == (True, False)
    else:
        assert reader.failure is not None
        assert reader.failure.reason is reason


CHUNKED = LINE + b"transfer-encoding: chunked\r\n\r\n"
COSTLY = {
    "one byte each": b"1\r\nz\r\n" * 20_000,
    "ten bytes each": b"a\r\n0123456789\r\n" * 40_000,
    "extensions": b"20;name=%s\r\n%s\r\n" % (b"v" * 300, b"z" * 32) * 400,
}


@pytest.mark.parametrize("size", [1_000, 16_384, 1_000_000])
@pytest.mark.parametrize("chunks", COSTLY.values(), ids=COSTLY.keys())
def test_chunks_that_are_framing_above_all_are_refused(chunks: bytes, size: int) -> None:
    reader = ResponseReader(TransportSettings())
    reader.begin("GET", unframed_ok=False, now=0.0)
    raw = CHUNKED + chunks
    for start in range(0, len(raw), size):
        reader.feed(raw[start : start + size], 0.0)
        if reader.failure is not None:
            break
        reader.take()
    assert reader.failure is not None
    assert reader.failure.reason is PROTOCOL


@pytest.mark.parametrize("size", [1000, 65_536, 200_000])
def test_a_chunk_line_without_end_is_told_as_that_however_it_comes(size: int) -> None:
    reader = ResponseReader(TransportSettings())
    reader.begin("GET", unframed_ok=False, now=0.0)
    raw = CHUNKED + b"5;" + b"y" * 200_000
    for start in range(0, len(raw), size):
        if reader.failure is None:
            reader.feed(raw[start : start + size], 0.0)
    assert reader.failure is not None
    assert reader.failure.reason is PeerReason.HTTP_RESPONSE_HEADER_SIZE


@pytest.mark.parametrize(
    ("chunk", "count", "pause_s"),
    [(b"3\r\n:\n\n\r\n", 20_000, 5.0), (b"1\r\nz\r\n", 10_000, 0.0), (b"18\r\n%s\r\n" % (b"z" * 24), 20_000, 0.0)],
    ids=["pings for a day", "a few small ones", "many that are large enough"],
)
def test_honest_chunks_are_read_on(chunk: bytes, count: int, pause_s: float) -> None:
    reader = ResponseReader(TransportSettings())
    reader.begin("GET", unframed_ok=False, now=0.0)
    reader.feed(CHUNKED, 0.0)
    for index in range(count):
        reader.feed(chunk, index * pause_s)
        reader.take()
    assert reader.failure is None


ACCEPTED = {
    "length": (LINE + b"Content-Length: 2\r\n\r\nok", b"ok"),
    "chunks": (LINE + b"transfer-encoding: Chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nt: 1\r\n\r\n", b"ok"),
    "eight interim answers": (b"HTTP/1.1 103 Early\r\nlink: a\r\n\r\n" * 8 + OK, b"ok"),
    "identity": (LINE + b"content-encoding: Identity\r\ncontent-length: 2\r\n\r\nok", b"ok"),
    "no reason phrase": (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", b"ok"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "204 with length 0": (b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", b""),
    "304 with the length of what it stands for": (b"HTTP/1.1 304 Same\r\ncontent-length: 9\r\n\r\n", b""),
    "a redirect": (b"HTTP/1.1 302 No\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", b""),
    "a cookie": (LINE + b"set-cookie: a=b\r\ncontent-length: 2\r\n\r\nok", b"ok"),
}


@pytest.mark.parametrize(("raw", "body"), ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_a_framed_answer_is_accepted_and_its_connection_kept(raw: bytes, body: bytes) -> None:
    async with serving(answering(raw, OK)) as server, client_to(server.url) as client:
        answer = await client.fetch(GET, deadline=within(), cap=1000)
        assert not isinstance(answer, PeerError)
        assert (answer.body, answer.unframed) == (body, False)
        again = await client.fetch(GET, deadline=within(), cap=1000)
        assert not isinstance(again, PeerError)
        assert (again.body, server.accepted) == (b"ok", 1)
        assert b"cookie" not in server.requests[1].lower()


async def test_the_answer_to_head_has_a_length_and_no_body() -> None:
    head = LINE + b"content-length: 1000\r\n\r\n"
    async with serving(answering(head, OK)) as server, client_to(server.url) as client:
        answer = await client.send(HEAD, deadline=within())
        assert not isinstance(answer, PeerError)
        assert (answer.content_length, answer.body_ready) == (1000, b"")
        again = await client.fetch(GET, deadline=within(), cap=1000)
        assert not isinstance(again, PeerError)
        assert (again.body, server.accepted) == (b"ok", 1)


async def test_a_body_behind_the_answer_to_head_costs_the_connection() -> None:
    head = LINE + b"content-length: 2\r\n\r\nok"
    async with serving(answering(head, OK)) as server, client_to(server.url) as client:
        answer = await client.send(HEAD, deadline=within())
        assert not isinstance(answer, PeerError)
        assert client.figures.idle == 0
        await eventually(lambda: client.figures.unasked == 1)


async def test_header_names_are_lower_case_and_values_latin_1() -> None:
    raw = LINE + b'X-Name: caf\xe9\r\nETag: "a"\r\nContent-Length: 2\r\n\r\nok'
    async with serving(answering(raw)) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within())
        assert not isinstance(answer, PeerError)
        assert answer.headers == (("x-name", "café"), ("etag", '"a"'), ("content-length", "2"))
        assert (answer.header("etag"), answer.header("age")) == ('"a"', None)
        assert repr(answer) == "<PeerAnswer 200, body ready>"


@pytest.mark.parametrize("raw", [b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.0 200 OK\r\n\r\n{}"])
async def test_a_body_that_ends_with_the_connection_is_marked_by_fetch_and_refused_by_send(raw: bytes) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(raw)

    async with serving(script) as server, client_to(server.url) as client:
        fetched = await client.fetch(GET, deadline=within(), cap=1000)
        assert not isinstance(fetched, PeerError)
        assert (fetched.body, fetched.unframed) == (b"{}", True)
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert answer.reason is PROTOCOL


async def test_an_answer_to_another_request_is_refused_and_no_idle_connection_kept() -> None:
    echo = b"HTTP/1.1 200 OK\r\nx-request-id: one\r\ncontent-length: 2\r\n\r\nok"
    first, second = (PeerRequest("GET", "/", (("X-Request-Id", name),)) for name in ("one", "two"))
    async with serving(answering(echo, echo)) as server, client_to(server.url) as client:
        both = await asyncio.gather(*(client.send(first, deadline=within()) for _ in range(2)))
        assert not any(isinstance(answer, PeerError) for answer in both)
        assert client.figures.idle == 2
        refused = await client.send(second, deadline=within())
        assert isinstance(refused, PeerError)
        assert (refused.reason, client.figures.idle) == (PROTOCOL, 0)


async def test_details_show_a_peers_own_bytes_escaped_and_cut() -> None:
    raw = LINE + b"content-encoding: \xe9\t" + b"x" * 200 + b"\r\ncontent-length: 2\r\n\r\nok"
    async with serving(answering(raw)) as server, client_to(server.url) as client:
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert answer.detail.isascii()
        assert answer.detail.isprintable()
        assert len(answer.detail) < 200
