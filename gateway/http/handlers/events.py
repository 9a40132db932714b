"""`GET /x-medkit-events`: the open line that other gateways keep, so that news take no time (docs/api.md, "Events")."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, assert_never

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from entities.jsontext import render_json
from gateway.http import errors
from gateway.http.call import Call
from peers.broadcast import Broadcast, Farewell, FaultsTold, Missed, PeerChanged, TreeChanged
from peers.fault_exchange import KEPT, FaultExchange
from peers.fault_news import FaultNews, render_news

PING_S: Final = 5.0
"""Seconds between two comment lines on a line that is otherwise silent."""

SEND_TIMEOUT_S: Final = 10.0
"""Seconds a reader may leave bytes unread before its line is closed."""

TREE_PAUSE_S: Final = 0.05
"""Seconds between two `tree` events: at most 20 a second, always the newest."""

MAX_LINES: Final = 256
"""Lines open at a time; further ones are refused with 503."""

RETRY_S: Final = 5

Event = tuple[str, str | None, str]
"""(data, id, event)."""


async def answer_events(
    call: Call, broadcast: Broadcast, faults: FaultExchange, hello: dict[str, Any]
) -> web.StreamResponse:
    """Events until the reader leaves or the gateway stops. Raises ApiError: 503 when too many are open."""
    if len(broadcast) >= MAX_LINES:
        raise errors.busy(f"{MAX_LINES} event lines are open, no more are allowed", RETRY_S)
    response = EventSourceResponse(ping_interval=PING_S, send_timeout=SEND_TIMEOUT_S, sep="\n")
    boot = hello["boot_id"]
    cursor = _Cursor(faults, boot, call.request.headers.get("Last-Event-ID"))
    with broadcast.subscribed() as subscription, faults.read():
        await response.prepare(call.request)
        async with response:
            newest = f"{boot}:{faults.ring.newest}"
            opening = {**hello, "generation": call.view.generation, "faults": newest}
            await response.send(render_json(opening).decode(), event="hello")
            async for event in cursor.events():
                await response.send(*event)
            while True:
                for notice in await subscription.take():
                    if isinstance(notice, FaultsTold):
                        async for event in cursor.events():
                            await response.send(*event)
                        continue
                    await response.send(*_text(notice))
                    if isinstance(notice, Farewell):
                        return response
                await asyncio.sleep(TREE_PAUSE_S)
    return response


class _Cursor:
    """How far one reader has come with the news of faults."""

    def __init__(self, faults: FaultExchange, boot: str, last_id: str | None) -> None:
        """`last_id`: the news it had last, `BOOT:NUMBER`; if of another start of ours, it gets all there is of this."""
        self._ring = faults.ring
        self._boot = boot
        # Mutable: the number of the last one it was sent.
        self._number = self._ring.newest
        known, _, number = (last_id or "").rpartition(":")
        if known == boot and number.isdecimal() and number.isascii() and len(number) < 20:
            self._number = min(int(number), self._ring.newest)
        elif known:
            self._number = faults.first - 1

    async def events(self) -> AsyncIterator[Event]:
        """Everything since; what is not kept any more, or is too large, is told as a gap."""
        while self._number < self._ring.newest:
            entries, missed = self._ring.after(self._number, KEPT)
            if missed:
                yield render_json({"faults": missed}).decode(), None, "gap"
            for number, entry in entries:
                self._number = number
                data = render_news(entry) if isinstance(entry, FaultNews) else None
                if data is not None:
                    yield data, f"{self._boot}:{number}", "fault"


def _text(notice: TreeChanged | PeerChanged | Missed | Farewell) -> Event:
    match notice:
        case TreeChanged(generation):
            return render_json({"generation": generation}).decode(), None, "tree"
        case PeerChanged(name, state):
            return render_json({"name": name, "state": state}).decode(), None, "peer"
        case Missed(count):
            return render_json({"missed": count}).decode(), None, "gap"
        case Farewell():
            return "{}", None, "bye"
        case _:
            assert_never(notice)
