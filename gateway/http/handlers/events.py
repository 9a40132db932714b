"""`GET /x-medkit-events`: the open line that other gateways keep, so that news take no time (docs/api.md, "Events")."""

import asyncio
from typing import Any, Final, assert_never

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from entities.jsontext import render_json
from gateway.http import errors
from gateway.http.call import Call
from peers.broadcast import Broadcast, Farewell, Missed, Notice, PeerChanged, TreeChanged

PING_S: Final = 5.0
"""Seconds between two comment lines on a line that is otherwise silent."""

SEND_TIMEOUT_S: Final = 10.0
"""Seconds a reader may leave bytes unread before its line is closed."""

TREE_PAUSE_S: Final = 0.05
"""Seconds between two `tree` events: at most 20 a second, always the newest."""

MAX_LINES: Final = 256
"""Lines open at a time; further ones are refused with 503."""

RETRY_S: Final = 5


async def answer_events(call: Call, broadcast: Broadcast, hello: dict[str, Any]) -> web.StreamResponse:
    """Events until the reader leaves or the gateway stops. Raises ApiError: 503 when too many are open."""
    if len(broadcast) >= MAX_LINES:
        raise errors.busy(f"{MAX_LINES} event lines are open, no more are allowed", RETRY_S)
    response = EventSourceResponse(ping_interval=PING_S, send_timeout=SEND_TIMEOUT_S, sep="\n")
    with broadcast.subscribed() as subscription:
        await response.prepare(call.request)
        async with response:
            await response.send(render_json({**hello, "generation": call.view.generation}).decode(), event="hello")
            while True:
                for notice in await subscription.take():
                    await response.send(*_text(notice))
                    if isinstance(notice, Farewell):
                        return response
                await asyncio.sleep(TREE_PAUSE_S)
    return response


def _text(notice: Notice) -> tuple[str, None, str]:
    """(data, id, event) of a notice."""
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
