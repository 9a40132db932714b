"""Two ways to one owner, over links that can be broken at random."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway, Link, Owner

PATIENCE = {"aggregation.timeout_ms": 2000, "aggregation.write_timeout_ms": 5000}
LONGEST_FAILURE_S = 0.6
LONGEST_PEACE_S = 0.2


@dataclass(frozen=True, slots=True)
class Diamond:
    """top -> left, right -> owner of the App `drive`; a link at each arrow."""

    top: Gateway
    sides: tuple[Gateway, ...]
    owner: Owner
    links: tuple[Link, ...]

    @classmethod
    async def start(cls, cluster: Cluster) -> "Diamond":
        owner = await cluster.owner({"name": "arm", "apps": [{"id": "drive"}]})
        top = cluster.add("top", settings=PATIENCE)
        sides: list[Gateway] = []
        links: list[Link] = []
        for name in ("left", "right"):
            lower = await cluster.link(owner)
            side = cluster.add(name, peers=[("arm", lower)], settings=PATIENCE)
            upper = await cluster.link(side)
            top.add_peer(name, upper)
            sides.append(side)
            links += [lower, upper]
        await cluster.start_all()
        diamond = cls(top, tuple(sides), owner, tuple(links))
        await eventually(diamond.is_whole, 60)
        return diamond

    async def is_whole(self) -> bool:
        """No gateway doubts a peer, and the owner answers."""
        for gateway in (self.top, *self.sides):
            for peer in (await gateway.get("/health")).json["peers"]:
                assert peer["x-medkit"]["state"] == "up", (gateway, peer)
        return (await self.top.get("/apps/drive/data/anything")).status == 200

    @asynccontextmanager
    async def failing(self) -> AsyncIterator[None]:
        """While the block runs, now this link fails and now that, each in one of the ways links fail."""
        async with asyncio.TaskGroup() as tasks:
            failures = [tasks.create_task(self._fail(links)) for links in (self.links[:2], self.links[2:])]
            yield
            for failure in failures:
                failure.cancel()
        for link in self.links:
            await link.heal()

    async def _fail(self, links: tuple[Link, ...]) -> None:
        while True:
            link = random.choice(links)
            match random.choice(("cut", "freeze", "reset", "delay")):
                case "cut":
                    await link.cut()
                case "freeze":
                    link.freeze()
                case "reset":
                    await link.reset()
                case _:
                    link.delay(random.uniform(0.0, 0.2))
            await asyncio.sleep(random.uniform(0.0, LONGEST_FAILURE_S))
            await link.heal()
            await asyncio.sleep(random.uniform(0.0, LONGEST_PEACE_S))
