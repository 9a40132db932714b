"""A request to a peer, and its bytes on the wire."""

import re
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import msgspec

from peers.destination import Destination
from peers.secret import Secret

Body = bytes | AsyncIterator[bytes] | None


class PeerRequest(msgspec.Struct, frozen=True):
    """What is asked of a peer.

    `target`: origin-form, percent-encoded, sent verbatim. `body`: an iterator is streamed, with
    `content_length` under that length, without it chunked; what it raises reaches the caller, and so does its
    stalling. Headers of framing and connection (host, content-length, ...) are ours.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Body = None
    content_length: int | None = None
    authorization: Secret | None = None
    """The `Authorization` of the client for whom this is asked; whether it goes on depends on the peer."""

    def __repr__(self) -> str:
        return f"<PeerRequest {self.method} {self.target}>"


class WireRequest(NamedTuple):
    """A request made ready to be written."""

    method: str
    head: bytes
    body: Body
    content_length: int | None
    request_id: str | None

    def __repr__(self) -> str:
        return f"<WireRequest {self.method}>"

    @property
    def repeatable(self) -> bool:
        """May be sent a second time when the first may have arrived."""
        return self.body is None and self.method in _REPEATABLE


class Terms(NamedTuple):
    """The times an exchange is held to: loop.time() of its start and deadline, seconds a body may rest."""

    started: float
    deadline: float
    idle_s: float
    unframed_ok: bool = False


_REPEATABLE: Final = frozenset({"GET", "HEAD"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})  # a length is due even when there is no body
_OURS: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"),
        "authorization",
    }
)
_REQUEST_LINE: Final = re.compile(r"[A-Z]+ /[!-~]*")


class RequestWriter:
    """Renders requests for one destination; holds no state."""

    def __init__(self, destination: Destination) -> None:
        self._opening = f" HTTP/1.1\r\nhost: {destination.authority}\r\n"

    def render(self, request: PeerRequest, shown: Secret | None = None) -> WireRequest:
        """The bytes of this request's head, with `shown` as its `Authorization`, if that is not empty.

        Raises ValueError, a mistake of the caller's: a method or target that is not one, a line break or
        NUL in a header, a header that is ours to set, a content_length that contradicts the body.
        """
        line = f"{request.method} {request.target}"
        if _REQUEST_LINE.fullmatch(line) is None:
            raise ValueError(f"not a request line: {line!r}; the target is origin-form and percent-encoded")
        block, request_id = _header_block(request.headers)
        framing = _framing(request)
        if shown is not None and (text := shown.reveal()):
            framing += _authorization(text)
        head = f"{line}{self._opening}{block}{framing}\r\n".encode("latin-1")
        return WireRequest(request.method, head, request.body, request.content_length, request_id)


def _header_block(headers: tuple[tuple[str, str], ...]) -> tuple[str, str | None]:
    """The caller's header lines, with `accept-encoding: identity` unless given; and the request id in them."""
    coding = "accept-encoding: identity\r\n"
    request_id = None
    lines = []
    for name, value in headers:
        lowered = name.lower()
        if lowered in _OURS:
            raise ValueError(f"header {name!r} is set by the transport; leave it out")
        if lowered == "accept-encoding":
            coding = ""
        elif lowered == "x-request-id":
            request_id = value
        lines.append(f"{name}: {value}\r\n")
    block = "".join(lines)
    # Counting line ends over the whole block is several times cheaper than a look at every name and value.
    if block.count("\r") != len(lines) or block.count("\n") != len(lines) or "\0" in block:
        raise ValueError("a header name or value contains CR, LF or NUL; check values before they get here")
    return coding + block, request_id


def _authorization(text: str) -> str:
    if not text.isprintable():
        raise ValueError("what is to be shown to the peer is no header value")  # and is not quoted
    return f"authorization: {text}\r\n"


def _framing(request: PeerRequest) -> str:
    match request.body:
        case None:
            if request.content_length:
                raise ValueError(f"content_length is {request.content_length}, but there is no body")
            return "content-length: 0\r\n" if request.method in _WITH_BODY else ""
        case bytes() as body:
            if request.content_length not in {None, len(body)}:
                raise ValueError(f"content_length is {request.content_length}, the body has {len(body)} bytes")
            return f"content-length: {len(body)}\r\n"
        case _ if request.content_length is None:
            return "transfer-encoding: chunked\r\n"
        case _:
            return f"content-length: {request.content_length}\r\n"
