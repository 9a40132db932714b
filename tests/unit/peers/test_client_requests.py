"""The bytes of a request, and what callers may not put into it."""

import pytest

from peers.client import FetchedAnswer, PeerRequest
from peers.destination import parse_destination
from peers.request import RequestWriter
from tests.unit.peers.wire_server import client_to, serving, serving_ok, within

WRITER = RequestWriter(parse_destination("http://robot.local:8080"))


async def test_a_request_goes_out_as_it_was_given() -> None:
    request = PeerRequest(
        "GET", "/api/v1/apps/a%2Fb/data?z=1&a=%C3%A9", (("Accept", "application/json"), ("x-name", "café"))
    )
    async with serving(serving_ok) as server, client_to(server.url) as client:
        answer = await client.fetch(request, deadline=within(), cap=100)
        assert isinstance(answer, FetchedAnswer)
        assert (answer.status, answer.header("content-length"), answer.header("etag")) == (200, "2", None)
    assert server.requests == [
        b"GET /api/v1/apps/a%%2Fb/data?z=1&a=%%C3%%A9 HTTP/1.1\r\n"
        b"host: 127.0.0.1:%d\r\n"
        b"accept-encoding: identity\r\n"
        b"Accept: application/json\r\n"
        b"x-name: caf\xe9\r\n"
        b"\r\n" % server.port
    ]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://robot.local:8080", "robot.local:8080"),
        ("http://robot.local", "robot.local"),
        ("https://robot.local", "robot.local"),
        ("http://[fd00::1]:8080", "[fd00::1]:8080"),
        ("http://[fe80::1%25eth0]:8080", "[fe80::1]:8080"),
    ],
)
def test_the_host_header_is_the_authority_of_the_url(url: str, host: str) -> None:
    head = RequestWriter(parse_destination(url)).render(PeerRequest("GET", "/")).head
    assert f"\r\nhost: {host}\r\n".encode() in head


def test_an_accept_encoding_of_the_callers_is_not_doubled() -> None:
    head = WRITER.render(PeerRequest("GET", "/", (("Accept-Encoding", "br"),))).head
    assert head.lower().count(b"accept-encoding") == 1


def test_a_write_without_body_says_so() -> None:
    assert b"content-length: 0\r\n" in WRITER.render(PeerRequest("POST", "/")).head
    assert b"content-length" not in WRITER.render(PeerRequest("DELETE", "/")).head


@pytest.mark.parametrize("target", ["", "api", "http://evil/", "/a b", "/a\r\nx: y", "/caf\xe9", "*", "/a\n"])
def test_a_target_that_is_not_origin_form_is_a_mistake(target: str) -> None:
    with pytest.raises(ValueError, match="not a request line"):
        WRITER.render(PeerRequest("GET", target))


@pytest.mark.parametrize("method", ["", "get", "GET ", "GET /x HTTP/1.1\r\nx: y\r\n\r\nGET"])
def test_a_method_that_is_none_is_a_mistake(method: str) -> None:
    with pytest.raises(ValueError, match="not a request line"):
        WRITER.render(PeerRequest(method, "/"))


@pytest.mark.parametrize("evil", ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\n", "\r\n"])
def test_a_line_break_or_nul_in_a_header_is_a_mistake(evil: str) -> None:
    for header in ((evil, "value"), ("name", evil)):
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            WRITER.render(PeerRequest("GET", "/", (header,)))


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "Connection", "TE", "Upgrade"])
def test_headers_of_framing_and_connection_are_not_the_callers(name: str) -> None:
    with pytest.raises(ValueError, match="set by the transport"):
        WRITER.render(PeerRequest("GET", "/", ((name, "x"),)))


def test_a_length_that_contradicts_the_body_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="content_length is 3, the body has 2 bytes"):
        WRITER.render(PeerRequest("PUT", "/", body=b"ok", content_length=3))
    with pytest.raises(ValueError, match="there is no body"):
        WRITER.render(PeerRequest("PUT", "/", content_length=3))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host:1",
        "http://",
        "http://:8080",
        "http://user:secret@host:1",
        "http://host:1/path",
        "http://host:1?q",
        "http://host:99999",
        "http://host:0",
        "http://a b:80",
        "http://b\xfccher:80",
    ],
)
def test_a_url_that_leads_to_no_peer_is_refused_without_showing_secrets(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_destination(url)
    assert "secret" not in str(refused.value)
