"""A dial while our own loop is busy elsewhere: what came in time counts, however late we look."""

import asyncio
import time

import pytest
import uvloop

from peers.client import PeerAnswer, PeerError, PeerRequest
from peers.errors import PeerReason
from tests.federation.ports import free_port
from tests.unit.peers.wire_server import PATIENCE_S, client_to, serving, serving_ok, within

CONNECT_TIMEOUT_MS = 20
BUSY_S = 5 * CONNECT_TIMEOUT_MS / 1000
MAX_STEPS = 12
"""Turns of the loop: more than it takes until the dial waits for the other side, and to its end."""

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


async def _asked_at(url: str, *, busy_after: int) -> PeerAnswer | PeerError:
    """What a request comes to when the loop does something else for long, after so many turns."""
    async with asyncio.timeout(PATIENCE_S), client_to(url, connect_timeout_ms=CONNECT_TIMEOUT_MS) as client:
        asking = asyncio.create_task(client.send(PeerRequest("GET", "/"), deadline=within()))
        for _ in range(busy_after):
            await asyncio.sleep(0)
        time.sleep(BUSY_S)
        answer = await asking
        if isinstance(answer, PeerAnswer):
            await answer.aclose()
        return answer


@LOOPS
def test_a_connection_that_came_while_the_loop_was_busy_is_used(new_loop: type[asyncio.AbstractEventLoop]) -> None:
    async def at_every_moment() -> None:
        async with serving(serving_ok) as server:
            for steps in range(MAX_STEPS):
                answer = await _asked_at(server.url, busy_after=steps)
                assert isinstance(answer, PeerAnswer), (steps, answer)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(at_every_moment())


@LOOPS
def test_a_refusal_that_came_while_the_loop_was_busy_is_told(new_loop: type[asyncio.AbstractEventLoop]) -> None:
    async def at_every_moment() -> None:
        nobody = f"http://127.0.0.1:{free_port()}"
        for steps in range(MAX_STEPS):
            answer = await _asked_at(nobody, busy_after=steps)
            assert isinstance(answer, PeerError)
            assert answer.reason is PeerReason.CONNECTION_REFUSED, (steps, answer)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(at_every_moment())
