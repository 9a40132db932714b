"""Reading one answer after the other from a byte stream, believing nothing.

httptools (llhttp in its strict mode) refuses what is ambiguous: Content-Length beside Transfer-Encoding, lengths
given twice, bare line feeds, folded headers. The rules it does not know are here: RFC 9112 section 6, and how
much of anything a peer may send.
"""

from typing import Final, NamedTuple

from httptools import HttpParserError, HttpResponseParser

from entities.framing_cost import MAX_CHUNKS, SPARE_BYTES, FramingCost
from peers.errors import PeerReason, escaped
from peers.settings import TransportSettings

_VERSIONS: Final = frozenset({"1.1", "1.0"})
_NO_BODY: Final = frozenset({204, 304})


class Failure(NamedTuple):
    """Why an answer was refused."""

    reason: PeerReason
    detail: str


class Head(NamedTuple):
    """The head of an answer. Names in lower case, values as latin-1 text; `fields` has the last of each name."""

    status: int
    headers: tuple[tuple[str, str], ...]
    fields: dict[str, str]
    content_length: int | None
    unframed: bool


class _StoppedError(Exception):
    """Stops the parser from within a callback; why is noted in the reader."""


class ResponseReader:
    """The answers of one connection, one at a time: `begin`, then `feed` until `complete` or `failure`.

    After a failure, or when not `reusable`, the connection must not be used again.
    """

    def __init__(self, settings: TransportSettings) -> None:
        self._max_lines, self._max_bytes = settings.max_headers, settings.max_header_bytes
        self._settings = settings
        self._parser = HttpResponseParser(self)
        self._method = "GET"
        # Mutable state: all of the answer being read; `begin` sets it back.
        self.begin("GET", unframed_ok=False, now=0.0)

    def begin(self, method: str, *, unframed_ok: bool, now: float) -> None:
        """Expect the answer to a request of this method. `unframed_ok`: its body may end with the connection.

        `now`: seconds of a steady clock.
        """
        if self._method == "HEAD":
            # The parser takes every answer for one to a GET and still waits for the body.
            self._parser = HttpResponseParser(self)
        self._method = method
        self._unframed_ok = unframed_ok
        self.head: Head | None = None
        self.failure: Failure | None = None
        self.pieces: list[bytes] = []
        self.begun = False
        self.complete = False
        self.extra = False
        self._unframed = False
        self._keep_alive = False
        self._lines: list[tuple[str, str]] = []
        self._line_count = 0
        self._line_bytes = 0
        self._informational = 0
        self._progress = 0
        self._quiet_bytes = 0
        self._body_bytes = 0
        self._cost = FramingCost(now)

    @property
    def reusable(self) -> bool:
        """The answer is complete, nothing came behind it, and the peer keeps the connection."""
        return self.complete and self._keep_alive and not self.extra

    def feed(self, data: bytes, now: float) -> None:
        """Read on. What came of it is in `head`, `pieces`, `complete` and `failure`."""
        self.begun = True
        before, body_before = self._progress, self._body_bytes
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._stopped(error)
        else:
            if self._progress == before:
                self._count_quiet(len(data))
            else:
                self._quiet_bytes = 0
            of_body = self._body_bytes - body_before
            if not self._cost.take(len(data), of_body, now) and self.failure is None:
                if of_body:
                    self.failure = _TINY_CHUNKS
                else:  # all of it is one line without end, begun in the same read as what came before it
                    self._refuse_header_size()

    def take(self) -> bytes:
        """The body bytes that arrived since the last call."""
        pieces, self.pieces = self.pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def end_of_stream(self) -> None:
        """The peer ended the stream: that completes an answer with an unframed body, and no other."""
        if self._unframed and self.failure is None:
            self.complete = True

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        if self.complete:
            raise _StoppedError

    def on_header(self, name: bytes, value: bytes) -> None:
        self._line_count += 1
        self._line_bytes += len(name) + len(value) + 4  # ": " and CR LF
        if self._line_count > self._max_lines or self._line_bytes > self._max_bytes:
            self._refuse_header_size()
            raise _StoppedError
        if self.head is None:  # otherwise a trailer, which nobody asked for
            self._lines.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self.failure = self._count_informational(status)
        else:
            fields = dict(self._lines)
            self.failure = self._check_head(status, fields)
            length = fields.get("content-length")
            size = None if length is None else int(length)
            self.head = Head(status, tuple(self._lines), fields, size, self._unframed)
            self._keep_alive = self._parser.should_keep_alive()
            self._progress += 1
            self.complete = self._method == "HEAD"
        if self.failure is not None:
            raise _StoppedError

    def on_body(self, piece: bytes) -> None:
        if self.complete:
            raise _StoppedError
        if len(self.pieces) >= MAX_CHUNKS:  # of one read of the socket: what is held up by them is not seen before
            self.failure = _TINY_CHUNKS
            raise _StoppedError
        self._progress += 1
        self._body_bytes += len(piece)
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.head is None:  # that was an interim answer
            self._lines.clear()
        else:
            self._progress += 1
            self.complete = True

    # The rules.

    def _check_head(self, status: int, fields: dict[str, str]) -> Failure | None:
        """RFC 9112 section 6.3, without its leniencies."""
        if not 200 <= status <= 599:
            return _protocol(f"status {status}, allowed are 200 to 599")
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            return _protocol(f"answered in HTTP/{version}, allowed are 1.1 and 1.0")
        if "content-encoding" in fields and (coding := self._refused_coding()):
            return Failure(
                PeerReason.HTTP_RESPONSE_CONTENT_CODING,
                f"content-encoding {escaped(coding)}, allowed is identity, which was asked for",
            )
        length, transfer = fields.get("content-length"), fields.get("transfer-encoding")
        if transfer is not None and (failure := self._check_transfer(transfer, version)):
            return failure
        if status == 204 and (transfer is not None or length not in {None, "0"}):
            return _protocol("status 204 with a body")
        if length is None and transfer is None and status not in _NO_BODY and self._method != "HEAD":
            self._unframed = True
            if not self._unframed_ok:
                return _protocol("an answer with neither Content-Length nor chunked framing")
        return None

    def _refused_coding(self) -> str | None:
        codings = (value for name, value in self._lines if name == "content-encoding")
        return next((coding for coding in codings if coding.strip().lower() not in {"", "identity"}), None)

    def _check_transfer(self, transfer: str, version: str) -> Failure | None:
        lines = sum(name == "transfer-encoding" for name, _ in self._lines)
        if transfer.lower() == "chunked" and lines == 1 and version == "1.1":
            return None
        return Failure(
            PeerReason.HTTP_RESPONSE_TRANSFER_CODING,
            f"transfer-encoding {escaped(transfer)} ({lines} lines, HTTP/{version}), allowed is chunked, once, in 1.1",
        )

    def _count_informational(self, status: int) -> Failure | None:
        self._informational += 1
        if status == 101:
            return _protocol("status 101: the peer changes to a protocol nobody asked for")
        if self._informational > self._settings.max_informational:
            return _protocol(f"more than {self._settings.max_informational} interim answers")
        return None

    def _count_quiet(self, count: int) -> None:
        """Bytes of which neither a head nor a body came: a header, trailer or chunk line without end."""
        self._quiet_bytes += count
        if self._quiet_bytes > self._settings.max_header_bytes:
            self._refuse_header_size()

    def _refuse_header_size(self) -> None:
        limits = self._settings
        self.failure = Failure(
            PeerReason.HTTP_RESPONSE_HEADER_SIZE,
            f"more than {limits.max_headers} header lines or {limits.max_header_bytes} bytes of them",
        )

    def _stopped(self, error: HttpParserError) -> None:
        """The parser gave up: over bytes behind the answer, by a rule of ours, or by one of its own."""
        if not self.complete:
            self.failure = self.failure or _protocol(f"not HTTP/1.1: {error}")
            return
        self.extra = True
        if self.head is not None and self.head.status == 204:
            self.failure = _protocol("status 204 with a body")


def _protocol(detail: str) -> Failure:
    return Failure(PeerReason.HTTP_PROTOCOL_ERROR, detail)


_TINY_CHUNKS: Final = _protocol(
    f"the framing of its chunks exceeds a quarter of the body by {SPARE_BYTES} bytes; larger chunks are allowed"
)
