"""Three gateways in a row and an owner behind them: what flows from it passes all three."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway, Link, Owner
from tests.federation.standin_tree import new_instance_id

APP = "/apps/drive"
SAMPLE_S = 0.02
MIB = 1024 * 1024
PATIENT = aiohttp.ClientTimeout(total=110)
"""For what takes long on a busy machine: a little less than a test may."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """client -> top -> middle -> bottom -> owner, with a breakable link before each gateway and the owner."""

    top: Gateway
    gateways: tuple[Gateway, Gateway, Gateway]
    links: tuple[Link, Link, Link]
    owner: Owner

    @classmethod
    async def start(cls, cluster: Cluster) -> "Pipeline":
        spec = {"name": "arm", "instance_id": new_instance_id(), "apps": [{"id": "drive"}]}
        owner = await cluster.owner(spec)
        lowest = await cluster.link(owner)
        bottom = cluster.add("bottom", peers=[("arm", lowest)])
        lower = await cluster.link(bottom)
        middle = cluster.add("middle", peers=[("bottom", lower)])
        upper = await cluster.link(middle)
        top = cluster.add("top", peers=[("middle", upper)])
        await cluster.start_all()
        pipeline = cls(top, (top, middle, bottom), (upper, lower, lowest), owner)
        await pipeline.whole()
        return pipeline

    async def whole(self) -> None:
        """Waits until no gateway doubts its peer, and the owner can be asked through all three."""

        async def answers() -> bool:
            for gateway in self.gateways:
                (peer,) = (await gateway.get("/health")).json["peers"]
                assert peer["x-medkit"]["state"] == "up", (gateway, peer)
            return (await self.top.get(f"{APP}/data/anything")).status == 200

        await eventually(answers, 60)

    @asynccontextmanager
    async def memory(self) -> AsyncIterator["Growth"]:
        """Watches the resident memory of all three while the block runs."""
        growth = Growth({gateway.name: gateway.rss_bytes() for gateway in self.gateways})
        async with asyncio.TaskGroup() as tasks:
            sampling = tasks.create_task(self._sample(growth))
            yield growth
            sampling.cancel()

    async def _sample(self, growth: "Growth") -> None:
        while True:
            for gateway in self.gateways:
                growth.peaks[gateway.name] = max(growth.peaks.get(gateway.name, 0), gateway.rss_bytes())
            await asyncio.sleep(SAMPLE_S)


@dataclass(slots=True)
class Growth:
    """Bytes of memory by gateway: before, and the most that was seen since."""

    before: dict[str, int]
    peaks: dict[str, int] = field(default_factory=dict)

    @property
    def mib(self) -> dict[str, float]:
        """Growth in MiB."""
        return {name: round((peak - self.before[name]) / MIB, 1) for name, peak in self.peaks.items()}


async def events_of(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The data of each event as it comes; ends where the stream ends cleanly."""
    async for line in response.content:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))
