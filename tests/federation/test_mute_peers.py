"""Peers that are down or mute cost their own entities, and nobody else's answers."""

import asyncio
import time

import pytest
import pytest_asyncio

from tests.federation.gateways import Cluster, Gateway, Link, eventually
from tests.federation.plant import assert_gaps, manifest

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 60
SLOWER = 10.0
"""Times as long as without a mute peer: generous, both are asked in turn on the same busy machine. Waiting for the mute
one each time would take some hundred times as long."""

TIMEOUT_MS = 3000
UNTOUCHED = (
    "/components",
    "/apps/own_app/data",
    "/apps/own_app/data/whose",
    "/apps/good_app/data",
    "/apps/good_app/data/whose",
    "/components/good_unit/faults",
)


class Pair:
    """Two gateways with the same entities and the same good peer; one of them has a second one that can fall mute."""

    def __init__(self, free: Gateway, burdened: Gateway, link: Link) -> None:
        self.free, self.burdened, self.link = free, burdened, link

    async def times(self) -> tuple[float, float]:
        """Seconds that each took for the same questions, asked in turn."""
        spent = {self.free: 0.0, self.burdened: 0.0}
        for number in range(ROUNDS):
            for gateway in (self.free, self.burdened) if number % 2 else (self.burdened, self.free):
                for path in UNTOUCHED:
                    started = time.perf_counter()
                    answer = await gateway.get(path)
                    spent[gateway] += time.perf_counter() - started
                    assert answer.status == 200, (gateway, path, answer.body)
        return spent[self.free], spent[self.burdened]

    async def is_whole(self) -> bool:
        """Everybody is there."""
        assert_gaps(await self.burdened.get("/functions/production/data"))
        assert len((await self.burdened.get("/components")).ids) == 3
        return len((await self.free.get("/components")).ids) == 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(shared_cluster: Cluster) -> Pair:
    good = shared_cluster.add("good", manifest=manifest("good"))
    bad = shared_cluster.add("bad", manifest=manifest("bad"))
    link = await shared_cluster.link(bad)
    settings = {"aggregation.timeout_ms": TIMEOUT_MS}
    free = shared_cluster.add("free", manifest=manifest("own"), peers=[("good", good)], settings=settings)
    burdened = shared_cluster.add(
        "burdened", manifest=manifest("own"), peers=[("bad", link), ("good", good)], settings=settings
    )
    await shared_cluster.start_all()
    pair = Pair(free, burdened, link)
    await eventually(pair.is_whole, 60)
    return pair


async def test_a_peer_that_falls_mute_slows_no_entity_of_others(pair: Pair) -> None:
    await eventually(pair.is_whole)
    pair.link.freeze()
    free, burdened = await pair.times()
    await pair.link.heal()
    assert burdened < SLOWER * free, (burdened, free)


async def test_requests_that_wait_for_a_mute_peer_slow_no_entity_of_others(pair: Pair) -> None:
    await eventually(pair.is_whole)
    pair.link.freeze()
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(pair.burdened.get("/apps/bad_app/data")) for _ in range(100)]
        waiting += [tasks.create_task(pair.burdened.get("/functions/production/data")) for _ in range(100)]
        await asyncio.wait(waiting, timeout=0)
        free, burdened = await pair.times()
    await pair.link.heal()
    assert {task.result().status for task in waiting[:100]} <= {502, 503, 504}
    for task in waiting[100:]:
        assert_gaps(task.result(), {"bad"})
    assert burdened < SLOWER * free, (burdened, free)


async def test_a_peer_known_to_be_mute_is_named_without_being_asked(pair: Pair) -> None:
    await eventually(pair.is_whole)
    pair.link.freeze()

    async def is_known() -> bool:
        (bad, _) = (await pair.burdened.get("/health")).json["peers"]
        return bool(bad["status"] == "offline")

    await eventually(is_known)
    answers = [await pair.burdened.get("/functions/production/data") for _ in range(20)]
    gone = await pair.burdened.get("/apps/bad_app/data")
    await pair.link.heal()
    for answer in answers:
        assert_gaps(answer, {"bad"})
        assert answer.medkit["peer_errors"][0]["elapsed_ms"] == 0
    assert (gone.status, gone.json["vendor_code"]) == (502, "x-medkit-peer-unavailable")
