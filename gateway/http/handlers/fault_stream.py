"""`GET /faults/stream`: changes of faults of all gateways as they happen (docs/api.md, "The fault stream")."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from gateway.http.call import Call
from gateway.http.fault_events import FaultEvents
from gateway.http.handlers.events import SEND_TIMEOUT_S
from gateway.http.stream_slots import BYE, StreamSlots
from peers.fault_exchange import FaultExchange
from peers.view import FederatedView

PING_S: Final = 15.0
"""Seconds between two comment lines on a stream that is otherwise silent."""

PIECE: Final = 64
"""Entries that are written before others have their turn."""

NOTICES: Final = "x-medkit-notices"
"""The query that asks for events, not comments, about what does not arrive."""

LONGEST_ID: Final = 20
"""Digits of a `Last-Event-ID`; a longer one is none."""


async def answer_fault_stream(
    call: Call, faults: FaultExchange, events: FaultEvents, slots: StreamSlots, view: Callable[[], FederatedView]
) -> web.StreamResponse:
    """The stream until the client leaves or the gateway stops. Raises ApiError: 503 when too many are open."""
    own_only = call.own or (call.hops.no_fan_out and not call.hops.via)
    as_events = call.query().get(NOTICES, "").lower() in ("true", "1")
    with slots.held() as ending, faults.read():
        reader = _Reader(call.request.headers.get("Last-Event-ID"), faults, own_only=own_only, as_events=as_events)
        response = EventSourceResponse(ping_interval=PING_S, send_timeout=SEND_TIMEOUT_S, sep="\n")
        await response.prepare(call.request)
        async with response:
            try:
                async with ending.within():
                    await _write(call, response, b"".join(reader.opening(events)))
                    while True:
                        await faults.ring.beyond(reader.number)
                        await _write(call, response, b"".join(reader.next_piece(events, view())))
            except TimeoutError:
                if not ending.has_come:
                    raise
                await _write(call, response, BYE)
    return response


async def _write(call: Call, response: web.StreamResponse, text: bytes) -> None:
    """Raises ConnectionError for a client that leaves it unread; its connection is broken off then."""
    if not text:
        return
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await response.write(text)
    except TimeoutError:
        if call.request.transport is not None:
            call.request.transport.abort()
        raise ConnectionResetError("the client leaves its stream unread") from None


class _Reader:
    """One client: how far it has come, and what it wants to know."""

    def __init__(self, last_id: str | None, faults: FaultExchange, *, own_only: bool, as_events: bool) -> None:
        self._faults = faults
        self._own_only = own_only
        self._as_events = as_events
        # Mutable: the number of the last entry it had.
        self.number, self._is_from_before = position_of(last_id, faults)

    def opening(self, events: FaultEvents) -> Iterator[bytes]:
        """What it has to know before anything else: what it cannot have, and who is silent now."""
        if self._is_from_before:
            yield events.gap(0, as_event=self._as_events)
        for label in () if self._own_only else sorted(self._faults.silent):
            yield events.silence(label, silent=True, as_event=self._as_events)

    def next_piece(self, events: FaultEvents, view: FederatedView) -> Iterator[bytes]:
        """The next entries, as far as they are of interest."""
        entries, missed = self._faults.ring.after(self.number, PIECE)
        if missed:
            yield events.gap(missed, as_event=self._as_events)
        for number, entry in entries:
            self.number = number
            yield events.text(number, entry, view, own_only=self._own_only, as_event=self._as_events)


def position_of(last_id: str | None, faults: FaultExchange) -> tuple[int, bool]:
    """(the entry the client had last, whether it had it from an earlier start of ours).

    None: the newest, it wants what comes. What is no number: none, it wants all there is. One that is yet to come: the
    newest.
    """
    if last_id is None:
        return faults.ring.newest, False
    if not (last_id.isdecimal() and last_id.isascii() and len(last_id) <= LONGEST_ID):
        return faults.first - 1, False
    number = min(int(last_id), faults.ring.newest)
    return max(number, faults.first - 1), 0 < number < faults.first - 1
