"""One connection of a client: aiohttp's, with our error form, and with an end for clients that keep us waiting."""

import asyncio
import re
from typing import Any, Final

import structlog
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from entities.framing_cost import SPARE_BYTES, FramingCost
from gateway.http import errors
from gateway.http.connections import CROWDED_HEAD_S, Admission, Connections
from gateway.http.errors import ApiError
from gateway.http.middleware.errors import has_begun, render_error
from gateway.http.pace import Pace
from gateway.http.path import MAX_TARGET_BYTES
from gateway.http.request import logged_path

MAX_LINE_BYTES: Final = 2 * MAX_TARGET_BYTES
"""Longest request line the parser takes: above our own limit, so that a little too much still is a proper request."""

MAX_FIELD_BYTES: Final = 8190
"""Longest single header name or value; all headers together have their own limit."""

GREETING_S: Final = 0.5
"""Seconds for which a new connection on which nothing came yet counts as a request when the gateway stops."""

READ_BYTES: Final = 16 * 1024
"""That the parser takes before it is looked at what they cost."""

_HEADER_BEGINS: Final = re.compile(rb"[^\s:]+:")

_log = structlog.stdlib.get_logger(__name__)


class ApiProtocol(web.RequestHandler):
    """One client connection, one of `connections`, which counted it before."""

    __slots__ = (
        "_ahead",
        "_body",
        "_body_pace",
        "_connections",
        "_framing",
        "_head_since",
        "_is_refused",
        "_payload",
        "_received",
        "_send_pace",
        "_unread",
        "_unsent",
        "_unweighed",
        "_weighed",
        "_weighed_bytes",
        "admission",
    )

    def __init__(self, manager: web.Server, connections: Connections, **options: Any) -> None:
        """`options`: aiohttp's."""
        super().__init__(manager, keepalive_timeout=connections.limits.keep_alive_s, **options)
        self._connections = connections
        self.admission = Admission.NEW
        # Mutable: bytes received; since when we wait for the rest of a head; the body we wait for and the time left
        # for it; the time left for taking our answer, with how much of it lies here and went out.
        self._received = 0
        self._head_since: float | None = None
        # Mutable: the body of the request that was begun last; bytes behind it that are no whole head yet, and whether
        # they are too many.
        self._payload: StreamReader = EMPTY_PAYLOAD
        self._ahead = 0
        self._is_refused = False
        # Mutable: bytes that the parser was not given yet; what the framing of a body costs; that body, with how much
        # of it is counted; bytes not yet counted.
        self._unread = b""
        self._framing = FramingCost(0.0)
        self._weighed: StreamReader = EMPTY_PAYLOAD
        self._weighed_bytes = 0
        self._unweighed = 0
        self._body: StreamReader | None = None
        self._body_pace: Pace | None = None
        self._send_pace: Pace | None = None
        self._unsent = 0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is accepted, and its handshake is over."""
        self.admission = self._connections.admit()
        super().connection_made(transport)
        self._head_since = self._loop.time()
        self._connections.watch(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forgets it."""
        self._connections.unwatch(self)
        self._connections.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on, until what came is refused, or is more than is wanted now: then the rest waits for `resume`."""
        unread, self._unread = self._unread + data, b""
        for start in range(0, max(len(unread), 1), READ_BYTES):
            self._receive(unread[start : start + READ_BYTES])
            if self._reading_paused or self._buffer_paused:
                self._unread = unread[start + READ_BYTES :]
                return

    def _receive(self, data: bytes) -> None:
        """A head that is not whole after these bytes is waited for, unless it is too large already."""
        if self._is_refused:
            return
        self._received += len(data)
        before, in_body = self._request_count, self._is_in_body()
        super().data_received(data)
        self._weigh(len(data))
        if self._request_count != before:
            self._head_since = None
            self._ahead = 0
            return
        is_idle = self._waiter is not None and not self._waiter.done()
        if data and self._head_since is None and is_idle:
            self._head_since = self._loop.time()
            self._connections.watch(self)
        if not in_body:
            self._ahead += len(data)
            if self._ahead > self._connections.limits.head_bytes + MAX_LINE_BYTES:
                self._refuse_head(self._connections.limits.head_bytes)

    def _is_in_body(self) -> bool:
        """Whether what comes next is of the body of the request that was read last."""
        return not self._last_body().is_eof()

    def _last_body(self) -> StreamReader:
        return self._messages[-1][1] if self._messages else self._payload

    def _weigh(self, received: int) -> None:
        """Refuses a body whose framing exceeds by far what is in it."""
        body = self._last_body()
        if body.is_eof():
            return
        now = self._loop.time()
        if body is not self._weighed:
            self._framing, self._weighed = FramingCost(now), body
            self._weighed_bytes = self._unweighed = 0
        self._unweighed += received
        if self._reading_paused or self._buffer_paused:  # the parser keeps what it did not read
            return
        of_body = body.total_bytes - self._weighed_bytes
        if not self._framing.take(self._unweighed, of_body, now):
            self._refuse_body(body)
        self._weighed_bytes += of_body
        self._unweighed = 0

    def is_busy(self, now: float) -> bool:
        """Whether a request is under way, or may be: half a head is here, or a new client has not spoken yet."""
        if self._request_in_progress or self._messages:
            return True
        return self._head_since is not None and (self._received > 0 or now - self._head_since < GREETING_S)

    def begin(self, body: StreamReader) -> None:
        """A request with this body begins."""
        self._payload = body
        if not body.is_eof():
            self._body = body
            self._body_pace = Pace(self._connections.limits.body, self._loop.time(), self._received)
            self._connections.watch(self)

    def pause_writing(self) -> None:
        """The client takes our bytes more slowly than we have them."""
        super().pause_writing()
        self._unsent = self._waiting_bytes(), 0
        self._send_pace = Pace(self._connections.limits.sending, self._loop.time(), 0)
        self._connections.watch(self)

    def resume_writing(self) -> None:
        """It took most of them."""
        super().resume_writing()
        self._send_pace = None

    def look(self, now: float) -> bool:
        """Ends the connection if the client took too long; False when nothing is waited for."""
        waits = False
        if self._head_since is not None:
            waits = True
            limits = self._connections.limits
            most_s = limits.head_s if self.admission is Admission.SERVED else min(CROWDED_HEAD_S, limits.head_s)
            if now - self._head_since > most_s:
                self._end_head(most_s)
                return False
        if self._body is not None and self._body_pace is not None:
            if self._body.is_eof() or self._body.exception() is not None:
                self._body = self._body_pace = None
            else:
                waits = True
                is_ours = self._reading_paused or self._buffer_paused  # whoever takes the body takes it slowly
                if not self._body_pace.look(now, self._received, is_waited_for=not is_ours):
                    self._end_body(self._body)
        if self._send_pace is not None:
            waits = True
            before, taken = self._unsent
            waiting = self._waiting_bytes()
            self._unsent = waiting, taken + max(0, before - waiting)
            if not self._send_pace.look(now, self._unsent[1]):
                self._end_sending()
                return False
        return waits

    def _refuse_head(self, most_bytes: int) -> None:
        _log.debug("request head too large", most_bytes=most_bytes)
        self._is_refused = True
        self._head_since = None
        large = errors.large_head(most_bytes)
        self._messages.append((_ErrInfo(431, large, large.message), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end_head(self, most_s: float) -> None:
        self._head_since = None
        waiter = self._waiter
        if waiter is None or waiter.done() or not self._received:
            self.force_close()  # nothing came at all: as with any idle connection, there is nothing to answer
            return
        _log.debug("request head too slow", most_s=most_s)
        slow = errors.slow_head(round(most_s * 1000))
        self._messages.append((_ErrInfo(408, slow, slow.message), EMPTY_PAYLOAD))
        waiter.set_result(None)

    def _end_body(self, body: StreamReader) -> None:
        self._body = self._body_pace = None
        rule = self._connections.limits.body
        request = self._current_request
        if request is None or has_begun(request):
            self.force_close()  # it was answered without its body, or is being answered
            return
        _log.debug("request body too slow", method=request.method, path=logged_path(request))
        self._lingering_time = 0.0  # nobody waits for the rest of it
        body.set_exception(errors.slow_body(round(rule.grace_s * 1000), round(rule.bytes_per_s)))

    def _refuse_body(self, body: StreamReader) -> None:
        """Whoever reads it learns why; who was answered without it, or is being answered, is not waited for."""
        _log.debug("framing of a request body too costly", most_bytes=SPARE_BYTES)
        self._is_refused = True
        request = self._current_request
        if not self._messages and (request is None or has_begun(request)):
            self.force_close()
            return
        self._lingering_time = 0.0
        body.set_exception(errors.tiny_chunks())

    def _end_sending(self) -> None:
        _log.debug("answer taken too slowly", waiting_bytes=self._waiting_bytes())
        if self.transport is not None:
            self.transport.abort()

    def _waiting_bytes(self) -> int:
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 -- quotes the client's bytes, which go neither out nor into the log
    ) -> web.StreamResponse:
        """The answer to what the parser refused, or to what a handler raised; the connection is closed after it."""
        if has_begun(request):
            raise ConnectionError("half an answer was sent; closing is all that is left")
        match exc:
            case ApiError():
                response = render_error(exc)
            case _ if status == 400:
                _log.debug("request refused by the parser", error=type(exc).__name__, status=status)
                response = render_error(_parser_refusal(exc))
            case _:
                if self.transport is not None and not self.transport.is_closing():  # else the client has left
                    _log.error("request failed", method=request.method, path=logged_path(request), exc_info=exc)
                response = render_error(_internal_error())
        response.force_close()
        return response


def _internal_error() -> ApiError:
    return ApiError(500, "internal-error", "Internal error; the gateway's log has the cause")


def _parser_refusal(exc: BaseException | None) -> ApiError:
    if isinstance(exc, LineTooLong):
        beginning, limit = exc.args[:2]  # of half a line one parser knows the limit of the first line alone
        is_header = limit != MAX_LINE_BYTES or _HEADER_BEGINS.match(beginning) is not None
        status, what, most = (431, "A header", MAX_FIELD_BYTES) if is_header else (414, "The request line", limit)
        return ApiError(status, "invalid-request", f"{what} is longer than the {most} bytes allowed")
    return ApiError(400, "invalid-request", "This is not a well-formed HTTP/1.1 request")
