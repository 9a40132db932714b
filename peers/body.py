"""A body that is still on its way: a few bytes between the socket that brings it and the one who reads it."""

import asyncio
from typing import Final, Protocol

from peers.budget import ByteBudget
from peers.errors import PeerError, PeerReason, PeerStreamError
from peers.framing import Failure

_LATE_BODY: Final = Failure(PeerReason.HTTP_RESPONSE_TIMEOUT, "the answer was not complete before the deadline")
_GIVEN_UP: Final = Failure(PeerReason.CONNECTION_TERMINATED, "the reader gave the answer up")


class BodySource(Protocol):
    """What a body asks of the connection that brings it, as long as it is not over."""

    def pause(self) -> None:
        """Stop reading the socket."""

    def resume(self) -> None:
        """Read the socket again."""

    def expect(self, due: float, overdue: Failure) -> None:
        """Break off with `overdue` when the loop's time reaches `due`."""

    def expect_nothing(self) -> None:
        """Take the last `expect` back."""

    def break_off(self, failure: Failure) -> None:
        """End the exchange and the connection."""


class AnswerBody:
    """The bytes of one answer between `put` (connection) and `next` or `collect` (one reader).

    Bytes held here count against the budget; while `next` is used, no more are held than the window
    and what one read of the socket brings.
    """

    def __init__(self, source: BodySource, budget: ByteBudget, *, window: int, idle_s: float, deadline: float) -> None:
        self._budget = budget
        self._window = window
        self._idle_s = idle_s
        self._deadline = deadline
        # Mutable state: the source until the body is over, the bytes not yet taken, how it ended, the reader.
        self._source: BodySource | None = source
        self._pieces: list[bytes] = []
        self._size = 0
        self._cap: int | None = None
        self._paused = False
        self._error: PeerError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return self._source is None

    # For the connection.

    def put(self, data: bytes) -> Failure | None:
        """Take bytes from the socket; the failure says why they could not be held."""
        if self._cap is not None and self._size + len(data) > self._cap:
            return _too_large(self._cap)
        if not self._budget.take(len(data)):
            return Failure(
                PeerReason.HTTP_RESPONSE_BODY_SIZE,
                f"more bytes of unfinished answers would be held than allowed ({self._budget.terms})",
            )
        self._pieces.append(data)
        self._size += len(data)
        if self._cap is None:
            self._wake()
            if self._size >= self._window and self._source is not None and not self._paused:
                self._paused = True
                self._source.pause()
        return None

    def end(self, error: PeerError | None = None) -> None:
        """The body is over: whole, or broken by `error`. The source is not touched after this."""
        self._source = None
        self._error = error
        self._wake()

    # For the reader.

    async def next(self) -> bytes:
        """The next bytes, never empty before the end; empty is the end. Raises PeerStreamError."""
        while not self._pieces:
            if self._error is not None:
                raise PeerStreamError(self._error)
            if self._source is None:
                return b""
            idle_ms = round(self._idle_s * 1000)
            await self._wait(
                self._source,
                asyncio.get_running_loop().time() + self._idle_s,
                Failure(PeerReason.CONNECTION_READ_TIMEOUT, f"no byte of the body for {idle_ms} ms"),
            )
        data = self._drain()
        self._budget.give(len(data))
        self._resume()
        return data

    async def collect(self, cap: int) -> bytes | PeerError:
        """The rest of the body as one, before the deadline and of at most `cap` bytes."""
        self._cap = cap
        if self._source is not None and self._size > cap:
            self._source.break_off(_too_large(cap))
        self._resume()
        try:
            while self._source is not None:
                await self._wait(self._source, self._deadline, _LATE_BODY)
            if self._error is not None:
                return self._error
            data = self._drain()
            self._budget.give(len(data))
        finally:
            self.close()
        return data if len(data) <= cap else too_large(cap)

    def close(self) -> None:
        """Want no more of it. Safe at any time."""
        if self._source is not None:
            self._source.break_off(_GIVEN_UP)
        self._budget.give(self._size)
        self._pieces.clear()
        self._size = 0

    def _drain(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        self._size = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _resume(self) -> None:
        if self._paused and self._source is not None:
            self._paused = False
            self._source.resume()

    async def _wait(self, source: BodySource, due: float, overdue: Failure) -> None:
        source.expect(due, overdue)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._source is not None:
                self._source.expect_nothing()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def too_large(cap: int, elapsed_ms: int = 0) -> PeerError:
    """The error for a body of more than `cap` bytes."""
    failure = _too_large(cap)
    return PeerError(failure.reason, failure.detail, elapsed_ms, sent=True)


def _too_large(cap: int) -> Failure:
    return Failure(PeerReason.HTTP_RESPONSE_BODY_SIZE, f"the answer has more than {cap} bytes")
