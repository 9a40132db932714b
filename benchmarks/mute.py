"""Whether a peer that accepts and never answers slows down what a gateway answers by itself."""

import asyncio
import contextlib
import os
import signal
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.listing import whole_list
from benchmarks.load import ask_evenly
from benchmarks.stage import SETTLE_S, Stage
from benchmarks.table import Figure, Goal, Rival, Row
from tests.federation.gateways import Gateway, eventually

MANIFEST = {"apps": [{"id": "own", "name": "Own", "data": [{"id": "value", "name": "Value", "value": 1}]}]}
OWN_PATH = "/api/v1/apps/own/data/value"
PEER_PATH = "/api/v1/apps/peer_app0/data/value0"

RATE = 1000.0
CONNECTIONS = 16
BESIDE_RATE = 10.0
"""Requests a second for the peer's App meanwhile: somebody still wants something of it."""
PHASE_S = 2
"""In units of the pace: the percentile of few answers jumps."""


async def measure(stage: Stage) -> Sequence[Row]:
    """One row; the peer is stopped (SIGSTOP) and goes on by turns."""
    process, (url,) = await stage.peers([{"name": "peer", "apps": 1}])
    grove = await stage.grove("grove", [("peer", url)], manifest=MANIFEST)
    await whole_list(grove, 2)
    without, mute = [], []
    async with _asked_beside(grove):
        for _ in range(stage.pace.rounds):
            await eventually(lambda: _answers(grove), SETTLE_S)
            without.append(await _p99_ms(stage, grove))
            os.kill(process.pid, signal.SIGSTOP)
            try:
                mute.append(await _p99_ms(stage, grove))
            finally:
                os.kill(process.pid, signal.SIGCONT)
    figures = [Figure(statistics.median(each), "ms") for each in (mute, without)]
    what = f"p99 of own entities at {RATE:.0f}/s, one peer mute"
    return [Row(what, figures[0], Rival("Grove, none mute", figures[1]), Goal("ratio", "<=", 1.2))]


async def _p99_ms(stage: Stage, grove: Gateway) -> float:
    loaded = await ask_evenly(grove.url + OWN_PATH, RATE, CONNECTIONS, PHASE_S * stage.pace.seconds)
    return loaded.p99_ms


async def _answers(grove: Gateway) -> bool:
    return (await grove.get(PEER_PATH)).status == 200


@asynccontextmanager
async def _asked_beside(grove: Gateway) -> AsyncIterator[None]:
    """While it is open the peer's App is asked for, whatever comes of it."""

    async def ask(session: aiohttp.ClientSession) -> None:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(grove.url + PEER_PATH) as answer:
                await answer.read()

    async def ask_on(session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as asking:
            while True:
                asking.create_task(ask(session))
                await asyncio.sleep(1 / BESIDE_RATE)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        task = asyncio.create_task(ask_on(session))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
