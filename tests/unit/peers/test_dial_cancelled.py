"""A dial that is given up midway, on the loop that gateways run on."""

import asyncio

import uvloop

from peers.request import PeerRequest
from tests.unit.peers.wire_server import PATIENCE_S, client_to, serving, serving_ok, within

MAX_STEPS = 40
"""Turns of the loop: more than a dial to loopback takes."""


async def _cancel_after(steps: int) -> None:
    async with asyncio.timeout(PATIENCE_S), serving(serving_ok) as server, client_to(server.url) as client:
        asking = asyncio.create_task(client.fetch(PeerRequest("GET", "/"), deadline=within(), cap=1024))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def test_a_dial_cancelled_at_any_moment_leaves_nothing_that_closing_waits_for() -> None:
    async def at_every_moment() -> None:
        for steps in range(MAX_STEPS):
            await _cancel_after(steps)

    uvloop.run(at_every_moment())
