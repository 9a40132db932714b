"""Nine of ten peers are killed under load: nobody else's requests fail, and nobody is missing without being named."""

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.faults.nemesis import Nemesis, draw
from tests.faults.questions import Question, any_question
from tests.faults.truth import Presence, Truth
from tests.federation.client import Client
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway
from tests.federation.plant import SETTLE_S, manifest

RATE = 200
"""Requests a second, sent when they are due, whether or not earlier ones were answered."""

MOST_AT_ONCE = 100
"""Requests without an answer yet; beyond, the machine is too slow for the rate, and more would only queue up."""

ROUNDS = int(os.environ.get("SURVIVAL_ROUNDS", "1"))
SEED = int(os.environ.get("SURVIVAL_SEED", "1"))

PEERS = tuple(f"p{number}" for number in range(10))
SURVIVORS = 1
RETURNING = 3

PATIENCE = {
    "health_interval_ms": 300,
    "aggregation.timeout_ms": 60_000,
    "aggregation.write_timeout_ms": 60_000,
    "aggregation.connect_timeout_ms": 30_000,
}
"""The dead refuse at once here: only a machine that is busy elsewhere could make a request run into its deadline."""


class Load:
    """Questions to the hub, each judged against the truth."""

    def __init__(self, client: Client, truth: Truth, chance: random.Random) -> None:
        self._client, self._truth, self._chance = client, truth, chance
        self.outcomes: Counter[tuple[str, int]] = Counter()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        # Mutable state: how many questions of which kind were answered how, and how many more may be asked now.

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """While the block runs; the first wrong answer ends the block. All that was asked is answered at the end."""
        async with asyncio.TaskGroup() as tasks:
            flow = tasks.create_task(self._flow(tasks))
            yield
            flow.cancel()

    async def _flow(self, tasks: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        for number in itertools.count():
            await asyncio.sleep(max(begin + number / RATE - clock(), 0.0))
            await self._slots.acquire()
            tasks.create_task(self._ask(any_question(("hub", *PEERS), self._chance)))

    async def _ask(self, question: Question) -> None:
        before = self._truth.now()
        try:
            answer = await question.ask(self._client)
        finally:
            self._slots.release()
        presence = self._truth.since(before)
        try:
            question.judge(answer, presence)
        except AssertionError as error:
            seen = {name: each.value for name, each in presence.items()}
            raise AssertionError(
                f"{question}: {error}\nanswer: {answer.status} {answer.body!r}\n"
                f"truth: {seen}\nlately: {self._truth.story()}\nseed: {SEED}"
            ) from error
        self.outcomes[type(question).__name__, answer.status] += 1


@asynccontextmanager
async def keep_alive_client(gateway: Gateway) -> AsyncIterator[Client]:
    """As browsers and dashboards are: connections are used again."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Client(gateway.url, session)


@pytest.mark.serial
@pytest.mark.timeout(120 + 60 * ROUNDS)
async def test_nine_of_ten_peers_are_killed_at_random_and_cost_nobody_else_a_request(cluster: Cluster) -> None:
    """Ten real gateways behind one. Longer: SURVIVAL_ROUNDS=20; otherwise: SURVIVAL_SEED=<any number>."""
    print(f"SURVIVAL_SEED={SEED} SURVIVAL_ROUNDS={ROUNDS}")
    fates = [
        draw(PEERS, random.Random(SEED + number), survivors=SURVIVORS, returning=RETURNING) for number in range(ROUNDS)
    ]
    peers = {name: cluster.add(name, manifest=manifest(name)) for name in PEERS}
    hub = cluster.add("hub", manifest=manifest("hub"), peers=peers.items(), settings=PATIENCE)
    await cluster.start_all()

    async def is_whole() -> bool:
        listed = await hub.get("/components")
        return len(listed.ids) == len(PEERS) + 1 and not listed.medkit.get("partial")

    await eventually(is_whole, SETTLE_S)
    truth = Truth(("hub", *PEERS))
    nemesis = Nemesis(hub, peers, truth)
    async with keep_alive_client(hub) as client:
        load = Load(client, truth, random.Random(SEED))
        async with load.flowing():
            for each in fates:
                await nemesis.revive(truth.everybody(Presence.DEAD))
                await nemesis.round(each)
    print(f"{load.outcomes.total()} answers, by kind of question and status: {dict(sorted(load.outcomes.items()))}")
    assert len(truth.everybody(Presence.DEAD)) == len(PEERS) - SURVIVORS - RETURNING
    assert min(load.outcomes[each] for each in (("Single", 200), ("Single", 502), ("Combined", 200))) > 0
