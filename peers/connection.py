"""One HTTP/1.1 connection to a peer: one exchange at a time, and no byte that was not asked for."""

import asyncio
import select
from typing import Final, Protocol, cast

from peers.answer import PeerAnswer
from peers.body import AnswerBody
from peers.budget import ByteBudget
from peers.errors import PeerError, PeerReason, reason_of
from peers.framing import Failure, Head, ResponseReader
from peers.overdue import OverdueWatch
from peers.request import Terms, WireRequest
from peers.settings import TransportSettings
from peers.sockets import acknowledge_now
from peers.upload import upload

_JOINED_BYTES: Final = 64 * 1024  # up to here one write of head and body is cheaper than two buffers

_CLOSED_BY_US: Final = Failure(PeerReason.CONNECTION_TERMINATED, "the connection was closed on our side")
_LATE_ANSWER: Final = Failure(PeerReason.HTTP_RESPONSE_TIMEOUT, "no answer before the deadline")
_LATE_WRITE: Final = Failure(PeerReason.CONNECTION_WRITE_TIMEOUT, "the peer did not take the request in time")
_WRONG_ANSWER: Final = Failure(PeerReason.HTTP_PROTOCOL_ERROR, "the answer carries the x-request-id of another request")


_CLOSED_BY_PEER: Final = Failure(PeerReason.CONNECTION_TERMINATED, "the peer closed the connection without an answer")

Answer = asyncio.Future[PeerAnswer | PeerError]


class ConnectionOwner(Protocol):
    """Who lends connections out. All calls are synchronous."""

    def opened(self, connection: "PeerConnection") -> None:
        """The connection is there; `lost` will follow one day."""

    def released(self, connection: "PeerConnection", *, reusable: bool) -> None:
        """The exchange is over; a connection that is not reusable is closed already."""

    def lost(self, connection: "PeerConnection") -> None:
        """The connection is gone."""

    def unasked(self, connection: "PeerConnection") -> None:
        """Bytes came that belong to no request of ours; the connection is closed already."""

    def drop_idle(self) -> None:
        """The peer mixed up its answers: no unused connection to it can be trusted."""


class PeerConnection(asyncio.Protocol):
    """Made by the dialer, lent out by its owner, used by `ask`."""

    def __init__(self, settings: TransportSettings, budget: ByteBudget, owner: ConnectionOwner) -> None:
        self._settings = settings
        self._budget = budget
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._reader = ResponseReader(settings)
        self._watch = OverdueWatch(self._loop, self._overdue)
        self._unread = select.poll()
        # Mutable state: the transport and its two directions; the exchange under way; what the owner notes here.
        self._transport: asyncio.Transport | None = None
        self._read_paused = False
        self._resumed: asyncio.Future[None] | None = None
        self._wire: WireRequest | None = None
        self._terms = Terms(0, 0, 0)
        self._answer: Answer | None = None
        self._body: AnswerBody | None = None
        self._wrote = False
        self._uploaded = True
        self.served = 0
        self.idle_since = 0.0
        self.streaming = False

    def __repr__(self) -> str:
        state = "closed" if self._open is None else "busy" if self._wire is not None else "idle"
        return f"<PeerConnection {state}, {self.served} served>"

    @property
    def gave_nothing(self) -> bool:
        """The last exchange broke before a byte of its answer, on a connection that had answered before."""
        return self.served > 0 and not self._reader.begun

    @property
    def is_clean(self) -> bool:
        """Open, and no byte waits in the socket: a late answer or the peer's close shows here first."""
        return self._open is not None and not self._unread.poll(0)

    @property
    def _open(self) -> asyncio.Transport | None:
        """The transport, unless it is closing: uvloop's raises then at whatever one asks of it."""
        return None if self._transport is None or self._transport.is_closing() else self._transport

    async def ask(self, wire: WireRequest, terms: Terms) -> PeerAnswer | PeerError:
        """Send a request and wait for the head of its answer.

        A cancelled call closes the connection, as does a streamed request body that raises or stalls; what it raises,
        or StalledBodyError, is raised here, and nothing else.
        """
        answer = self._begin(wire, terms)
        try:
            if self._uploaded or answer.done():
                return await answer
            return await self._ask_uploading(wire, answer)
        except BaseException:
            if answer.done() and not answer.cancelled() and isinstance(missed := answer.result(), PeerAnswer):
                missed.close()  # it came in the same moment, and nobody will ever take it
            if self._wire is wire:  # otherwise the connection may already serve somebody else
                self.abort()
            raise

    def abort(self) -> None:
        """Close at once; an exchange under way ends with an error."""
        self.break_off(_CLOSED_BY_US)
        if self._transport is not None:
            self._transport.abort()

    # The exchange, from its first byte to its end.

    def _begin(self, wire: WireRequest, terms: Terms) -> Answer:
        self._wire, self._terms = wire, terms
        self._answer = answer = self._loop.create_future()
        self._reader.begin(wire.method, unframed_ok=terms.unframed_ok, now=self._loop.time())
        self._wrote = False
        self._uploaded = wire.body is None or isinstance(wire.body, bytes)
        if self._open is None:
            self.break_off(_CLOSED_BY_PEER)
            return answer
        self._watch.expect(terms.deadline, _LATE_ANSWER)
        if not isinstance(wire.body, bytes):
            self.write(wire.head)
        elif len(wire.body) <= _JOINED_BYTES:
            self.write(wire.head + wire.body)
        else:
            self.write(wire.head)
            self.write(wire.body)
        return answer

    async def _ask_uploading(self, wire: WireRequest, answer: Answer) -> PeerAnswer | PeerError:
        pump = self._loop.create_task(self._pump(wire), name=f"upload {wire.method}")
        try:
            await asyncio.wait((pump, answer), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                pump.result()  # raises what the body raised
            return await answer
        finally:  # an answer that came early ends the upload
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)

    async def _pump(self, wire: WireRequest) -> None:
        """Send a streamed body. Its pieces are held to the idle time; the deadline waits until it is sent."""
        assert wire.body is not None  # noqa: S101 - for the type checker: only streamed bodies get here
        assert not isinstance(wire.body, bytes)  # noqa: S101 - as above
        begun = self._loop.time()
        self._watch.clear()
        await upload(self, wire.body, wire.content_length, idle_s=self._terms.idle_s)
        self._uploaded = True
        self._watch.expect(self._terms.deadline + self._loop.time() - begun, _LATE_ANSWER)

    def _hand_out(self, wire: WireRequest, head: Head) -> None:
        """The head is here: answer the one who asked."""
        if wire.request_id is not None and head.fields.get("x-request-id", wire.request_id) != wire.request_id:
            self._owner.drop_idle()
            self.break_off(_WRONG_ANSWER)
            return
        if self._answer is None or self._answer.done():  # the asker was cancelled and has not run since
            self.break_off(_CLOSED_BY_US)
            return
        self._watch.clear()
        if self._reader.complete:
            self._settle(PeerAnswer(head, self._reader.take(), None))
            self._finish()
            return
        limits, terms = self._settings, self._terms
        self._body = AnswerBody(
            self, self._budget, window=limits.window_bytes, idle_s=terms.idle_s, deadline=terms.deadline
        )
        self._settle(PeerAnswer(head, None, self._body))
        if (transport := self._open) is not None:
            acknowledge_now(transport)
        self._pass_on(self._body)

    def _pass_on(self, body: AnswerBody) -> None:
        """Give what has come of the body to its reader."""
        if self._reader.pieces and (failure := body.put(self._reader.take())):
            self.break_off(failure)
        elif self._reader.complete:
            body.end()
            self._finish()

    def _finish(self) -> None:
        """The answer is complete."""
        self._wire = self._body = None
        self._watch.clear()
        self.served += 1
        self.idle_since = self._loop.time()
        reusable = self._reader.reusable and self._uploaded and self._open is not None
        if not reusable:
            self.abort()
        elif self._read_paused:
            self.resume()
        if self._reader.extra:
            self._owner.unasked(self)
        self._owner.released(self, reusable=reusable)

    def break_off(self, failure: Failure) -> None:
        """End the exchange under way with this failure and close the connection; nothing if there is none."""
        if self._wire is None:
            return
        elapsed_ms = round((self._loop.time() - self._terms.started) * 1000)
        error = PeerError(failure.reason, failure.detail, elapsed_ms, sent=self._wrote)
        self._settle(error)
        body = self._body
        self._wire = self._body = None
        self.abort()
        if body is not None:
            body.end(error)
        self._owner.released(self, reusable=False)

    def _settle(self, answer: PeerAnswer | PeerError) -> None:
        future, self._answer = self._answer, None  # not kept, so that an answer somebody drops is noticed
        if future is not None and not future.done():
            future.set_result(answer)

    def _overdue(self, failure: Failure) -> None:
        transport = self._open
        unsent = transport is not None and transport.get_write_buffer_size() > 0
        self.break_off(_LATE_WRITE if failure is _LATE_ANSWER and unsent else failure)

    # For the two bodies.

    def expect(self, due: float, overdue: Failure) -> None:
        self._watch.expect(due, overdue)

    def expect_nothing(self) -> None:
        self._watch.clear()

    def pause(self) -> None:
        if not self._read_paused and (transport := self._open) is not None:
            self._read_paused = True
            transport.pause_reading()

    def resume(self) -> None:
        if self._read_paused and (transport := self._open) is not None:
            self._read_paused = False
            transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self._wire is not None and (transport := self._open) is not None:
            self._wrote = True
            transport.write(data)

    async def writable(self) -> None:
        if self._resumed is None:
            return
        self._watch.expect(self._loop.time() + self._terms.idle_s, _LATE_WRITE)
        await self._resumed
        self._watch.clear()

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass of it
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        reader, wire = self._reader, self._wire
        if wire is None:
            self.abort()
            self._owner.unasked(self)
            return
        reader.feed(data, self._loop.time())
        if reader.failure is not None:
            self.break_off(reader.failure)
        elif self._body is not None:
            self._pass_on(self._body)
        elif reader.head is not None:
            self._hand_out(wire, reader.head)

    def pause_writing(self) -> None:
        self._resumed = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._resumed = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._watch.stop()
        self.resume_writing()
        if exc is None:
            self._reader.end_of_stream()
        if self._body is not None and self._reader.complete:
            self._pass_on(self._body)
        self.break_off(self._loss(exc))
        self._owner.lost(self)

    def _loss(self, exc: Exception | None) -> Failure:
        if exc is not None:
            return Failure(reason_of(exc), f"the connection broke: {exc}")
        if self._reader.begun:
            return Failure(PeerReason.HTTP_RESPONSE_INCOMPLETE, "the peer closed the connection amid its answer")
        return _CLOSED_BY_PEER
