"""A running federation of a given shape, in which every gateway owns alike and says whose its answers are."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from tests.federation.client import Answer
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway
from tests.federation.shapes import NOBODY, Shape

SETTLE_S = 60.0
"""Ten gateways on one busy core need a while to start."""

COLLECTIONS = ("/areas", "/components", "/apps", "/functions")
FAN_OUTS = ("/faults", "/functions/production/data", "/areas/plant/data")


def manifest(name: str) -> Mapping[str, Any]:
    """A Component and an App of its own, an App `cam` that everybody has, an Area and a Function that all share."""
    return {
        "areas": [{"id": "plant", "name": "Plant"}],
        "components": [{"id": f"{name}_unit", "name": name, "area": "plant"}],
        "apps": [
            {
                "id": app,
                "name": app,
                "is_located_on": f"{name}_unit",
                "data": [{"id": "whose", "name": "Whose", "value": name, "writable": True}],
                "faults": [{"code": f"{name}_{app}", "severity": "WARN", "description": "always there"}],
            }
            for app in (f"{name}_app", "cam")
        ],
        "functions": [{"id": "production", "name": "Production", "hosted_by": [f"{name}_app"]}],
    }


class Plant:
    """The gateways of a `Shape`, running and whole."""

    def __init__(self, shape: Shape, gateways: Mapping[str, Gateway]) -> None:
        self.shape = shape
        self.gateways = gateways
        self.dead: set[str] = set()
        self._marks = itertools.count(1)
        # Mutable state: who is dead, and the number of the next counted request.

    @classmethod
    async def start(cls, cluster: Cluster, shape: Shape) -> "Plant":
        """All at once; returns when every gateway shows what it must."""
        gateways = {name: cluster.add(name, manifest=manifest(name), log_level="debug") for name in shape.gateways}
        for name, peers in shape.peers.items():
            for peer in peers:
                gateways[name].add_peer(peer, gateways[peer])
        await cluster.start_all()
        plant = cls(shape, gateways)
        await plant.settled()
        return plant

    @property
    def living(self) -> list[Gateway]:
        return [gateway for name, gateway in self.gateways.items() if name not in self.dead]

    async def settled(self) -> None:
        """Waits until every living gateway shows the living it can reach, each entity once, and names all others."""
        for gateway in self.living:
            await eventually(partial(self._lists_right, gateway), SETTLE_S)
            await eventually(partial(self._asks_right, gateway), SETTLE_S)

    async def _lists_right(self, viewer: Gateway) -> bool:
        live, gaps = self._expected(viewer)
        listed = {path: await viewer.get(path) for path in COLLECTIONS}
        for answer in listed.values():
            assert_gaps(answer, gaps)
        assert listed["/areas"].ids == ["plant"]
        assert listed["/functions"].ids == ["production"]
        assert sorted(listed["/components"].ids) == sorted(f"{name}_unit" for name in live)
        apps = listed["/apps"].ids
        assert len(apps) == len(set(apps)) == 2 * len(live), apps
        hosts = await viewer.get("/functions/production/hosts")
        assert sorted(hosts.ids) == sorted(f"{name}_app" for name in live)
        return True

    async def _asks_right(self, viewer: Gateway) -> bool:
        """What only the owners can say comes from each of them once."""
        live, gaps = self._expected(viewer)
        faults, production, plant = [await viewer.get(path) for path in FAN_OUTS]
        for answer in (faults, production, plant):
            assert_gaps(answer, gaps)
        both = [f"{name}_{app}" for name in live for app in (f"{name}_app", "cam")]
        assert sorted(fault["fault_code"] for fault in faults.items) == sorted(both)
        assert len(production.items) == len(live), production.ids
        assert len(plant.items) == 2 * len(live), plant.ids
        apps = (await viewer.get("/apps")).ids
        values = [(await viewer.get(f"/apps/{app}/data/whose")).json["data"] for app in apps]
        assert Counter(values) == dict.fromkeys(live, 2)
        return True

    def _expected(self, viewer: Gateway) -> tuple[set[str], set[str]]:
        return self.shape.live(viewer.name, self.dead), self.shape.gaps(viewer.name, self.dead)

    async def asked(self, viewer: Gateway, path: str) -> dict[str, int]:
        """How often each gateway is asked on behalf of one request for `path`; `viewer` itself once, by us."""
        mark = f"mark-{next(self._marks)}"
        assert (await viewer.get(path, {"X-Request-Id": mark})).status == 200
        counts = {name: requests_of(gateway, mark) for name, gateway in self.gateways.items()}
        return {name: count for name, count in counts.items() if count}

    async def picture(self) -> dict[str, Any]:
        """What must not change while nothing happens: the generation and the collections of every living gateway."""
        return {gateway.name: await _picture(gateway) for gateway in self.living}

    async def refreshed(self, times: int) -> None:
        """Waits until the tree of every peer of a living gateway was read that often once more."""
        before = {name: self.tree_reads(name) for name in self._read}

        def enough() -> bool:
            return all(self.tree_reads(name) - count >= times for name, count in before.items())

        await eventually(enough, SETTLE_S)

    async def stands_still(self, refreshes: int) -> None:
        """Waits until that many refreshes change nothing: mutual peers settle some time after all is shown."""

        async def is_unchanged() -> bool:
            before = await self.picture()
            await self.refreshed(refreshes)
            return await self.picture() == before

        await eventually(is_unchanged, SETTLE_S)

    @property
    def _read(self) -> set[str]:
        """The living gateways that some living gateway reads."""
        return {peer for gateway in self.living for peer in self.shape.peers[gateway.name]} - self.dead

    def tree_reads(self, name: str) -> int:
        """How often each of its readers, on average, has read this gateway's tree so far."""
        readers = sum(name in self.shape.peers[gateway.name] for gateway in self.living)
        return requests_for(self.gateways[name], "/x-medkit-tree") // readers

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        self.dead.add(name)
        await self.gateways[name].kill()

    async def revive(self, name: str) -> None:
        """Started again, with its state."""
        await self.gateways[name].start()
        self.dead.discard(name)


class Witness:
    """Asks the whole time while things break: nothing may be missing without being named."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self.answers = 0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Witness"]:
        """While the block runs; what it saw wrong ends the block."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._watch())
            yield self
            task.cancel()

    async def _watch(self) -> None:
        while True:
            for viewer in self._plant.living:
                try:
                    await self._look(viewer)
                except aiohttp.ClientError:
                    assert viewer.name in self._plant.dead, f"{viewer} does not answer"

    async def _look(self, viewer: Gateway) -> None:
        components = await viewer.get("/components")
        self._judge(viewer, components, {each.removesuffix("_unit") for each in components.ids})
        production = await viewer.get("/functions/production/data")
        whose = [member.removesuffix("_app") for each in production.items for member in each["x-medkit"]["member_ids"]]
        self._judge(viewer, production, whose)

    def _judge(self, viewer: Gateway, answer: Answer, shown: Collection[str]) -> None:
        assert answer.status == 200, (viewer, answer.body)
        ways = self._plant.shape.ways(viewer.name)
        missing = {way for name, way in ways.items() if name not in shown}
        assert missing <= set(answer.medkit.get("failed_peers", ())), (viewer, answer.body)
        self.answers += 1


def requests_for(gateway: Gateway, beginning: str) -> int:
    """How many requests whose path begins so, below `/api/v1`, this gateway has answered."""
    return gateway.process.log_text().count(f'"path": "/api/v1{beginning}')


def assert_gaps(answer: Answer, gaps: Collection[str] = NOBODY) -> None:
    """The answer is 200 and names exactly these."""
    assert answer.status == 200, answer.body
    assert sorted(answer.medkit.get("failed_peers", [])) == sorted(gaps), answer.body
    assert answer.medkit.get("partial", False) is bool(gaps), answer.body


async def _picture(gateway: Gateway) -> tuple[Any, ...]:
    health = await gateway.get("/health")
    collections = [(await gateway.get(path)).headers["ETag"] for path in COLLECTIONS]
    return health.json["x-medkit"]["generation"], *collections


def requests_of(gateway: Gateway, request_id: str) -> int:
    """How many requests of this id this gateway has answered."""
    return gateway.process.log_text().count(f'"request_id": "{request_id}"')
