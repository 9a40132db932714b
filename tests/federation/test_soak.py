"""Minutes of load over failing links: nothing grows, nothing is missing without being named. `make soak`."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.federation.gateways import Cluster, Gateway, Link, eventually

MINUTES = float(os.environ.get("SOAK_MINUTES", "15"))
WARM_UP = 0.25
"""The part of the time after which what is in use counts as normal."""

WORKERS = 8
RSS_GROWTH_BYTES = 8 * 1024 * 1024
SETTLE_S = 90.0
"""Long enough for idle connections to be closed on both sides."""

OWN = "/apps/top_app/data"
REMOTE = "/apps/leaf_app/data/value"
LISTS = ("/components", "/apps", "/faults")


def manifest(level: str) -> Mapping[str, Any]:
    """One Component, one App with a value and a fault; an Area and a Function that all levels share."""
    return {
        "areas": [{"id": "plant", "name": "Plant"}],
        "components": [{"id": level, "name": level, "area": "plant"}],
        "apps": [
            {
                "id": f"{level}_app",
                "name": level,
                "is_located_on": level,
                "data": [{"id": "value", "value": 1, "writable": True}],
                "faults": [{"code": f"{level.upper()}_FAULT", "severity": "WARN", "description": "always there"}],
            }
        ],
        "functions": [{"id": "production", "name": "Production", "hosted_by": [f"{level}_app"]}],
    }


class Chain:
    """top -> middle -> leaf, with a link that can be broken at each arrow."""

    def __init__(self, gateways: tuple[Gateway, Gateway, Gateway], links: tuple[Link, Link]) -> None:
        self.gateways, self.links = gateways, links
        self.top = gateways[0]
        self.outcomes: Counter[str] = Counter()

    @classmethod
    async def start(cls, cluster: Cluster) -> "Chain":
        leaf = cluster.add("leaf", manifest=manifest("leaf"))
        lower = await cluster.link(leaf)
        middle = cluster.add("middle", manifest=manifest("middle"), peers=[("leaf", lower)])
        upper = await cluster.link(middle)
        top = cluster.add("top", manifest=manifest("top"), peers=[("middle", upper)])
        await cluster.start_all()
        return cls((top, middle, leaf), (upper, lower))

    async def is_whole(self) -> bool:
        listed = await self.top.get("/components")
        return len(listed.ids) == len(self.gateways) and not listed.medkit.get("partial")

    async def ask(self) -> None:
        """One request, judged."""
        path = random.choice((OWN, REMOTE, "/functions/production/data", *LISTS))
        answer = await self.top.get(path)
        self.outcomes[f"{path} {answer.status}"] += 1
        if path == REMOTE:
            assert answer.status in {200, 502, 503, 504}, answer.body
            return
        assert answer.status == 200, (path, answer.body)
        if path in LISTS and len(answer.items) < len(self.gateways):
            assert answer.medkit["failed_peers"], (path, answer.body)

    async def fail(self) -> None:
        """Breaks a link in one of the ways links break, for a moment."""
        link = random.choice(self.links)
        match random.choice(("cut", "freeze", "reset", "delay")):
            case "cut":
                await link.cut()
            case "freeze":
                link.freeze()
            case "reset":
                await link.reset()
            case _:
                link.delay(random.uniform(0.01, 0.5))
        await asyncio.sleep(random.uniform(0.1, 2.0))
        await link.heal()
        await asyncio.sleep(random.uniform(0.0, 2.0))

    async def endure(self, seconds: float) -> None:
        """Load and failures for so long; whole again at the end."""
        async with asyncio.TaskGroup() as tasks:
            end = asyncio.get_running_loop().time() + seconds
            for step in (*[self.ask] * WORKERS, self.fail):
                tasks.create_task(self._repeat(step, end))
        await eventually(self.is_whole, timeout=60)

    async def _repeat(self, step: Any, end: float) -> None:
        while asyncio.get_running_loop().time() < end:
            await step()


@pytest.mark.soak
async def test_nothing_grows_under_load_and_failing_links(cluster: Cluster) -> None:
    chain = await Chain.start(cluster)
    await eventually(chain.is_whole)
    resting = {gateway.name: gateway.open_fds() for gateway in chain.gateways}
    await chain.endure(MINUTES * 60 * WARM_UP)
    warm = {gateway.name: gateway.rss_bytes() for gateway in chain.gateways}
    await chain.endure(MINUTES * 60 * (1 - WARM_UP))
    print(dict(sorted(chain.outcomes.items())))
    grown = {gateway.name: gateway.rss_bytes() - warm[gateway.name] for gateway in chain.gateways}
    assert {name: growth for name, growth in grown.items() if growth > RSS_GROWTH_BYTES} == {}

    def descriptors_are_back() -> bool:
        now = {gateway.name: gateway.open_fds() for gateway in chain.gateways}
        assert {name: fds for name, fds in now.items() if fds > resting[name]} == {}
        return True

    await eventually(descriptors_are_back, timeout=SETTLE_S)
