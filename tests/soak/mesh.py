"""Five real gateways, each the peer of each other over links of their own, and what anyone may break of it."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Iterator, Mapping
from typing import Any

from tests.federation.gateways import Cluster, Gateway, Link
from tests.soak.truth import Truth

NAMES = ("g0", "g1", "g2", "g3", "g4")
SPARED = NAMES[:2]
"""Never killed: what they use at the end is compared with what they used at the beginning."""

SETTINGS = {
    "health_interval_ms": 300,
    "refresh_interval_ms": 1000,
    "aggregation.timeout_ms": 2000,
    "aggregation.connect_timeout_ms": 500,
    "aggregation.write_timeout_ms": 2000,
    "aggregation.idle_keep_ms": 2000,
}
"""Probes leave the machine time for requests; a write over a frozen link is given up about as soon as a read; at the
end nobody waits long for idle connections to be closed."""

LONGEST_DELAY_S = 0.3


def manifest(name: str) -> Mapping[str, Any]:
    """A Component and an App of its own; an App `cam` that everybody has; Area, Component and Function that all share.

    `whose` says whose it is, `mark` is written by clients.
    """
    return {
        "areas": [{"id": "plant", "name": "Plant"}],
        "components": [
            {"id": f"{name}_unit", "name": name, "area": "plant"},
            {"id": "rack", "name": "Rack", "area": "plant", "data": [{"id": "whose", "value": name}]},
        ],
        "apps": [
            {
                "id": app,
                "name": app,
                "is_located_on": f"{name}_unit",
                "data": [{"id": "whose", "value": name}, {"id": "mark", "value": "", "writable": True}],
                "faults": [{"code": f"{name}_{app}", "severity": "WARN", "description": "always there"}],
            }
            for app in own_apps(name)
        ],
        "functions": [{"id": "production", "name": "Production", "hosted_by": [*own_apps(name)]}],
    }


def own_apps(owner: str) -> tuple[str, str]:
    """What a gateway calls its own Apps."""
    return f"{owner}_app", "cam"


def app_here(viewer: str, owner: str, app: str) -> str:
    """What `viewer` calls the App that `owner` calls `app`."""
    return app if app != "cam" or viewer == owner else f"{owner}__cam"


class Mesh:
    """Everything done to it is told to `truth`, before it is done and when it is done."""

    def __init__(self, gateways: Mapping[str, Gateway], links: Mapping[tuple[str, str], Link], truth: Truth) -> None:
        self.gateways, self.links, self.truth = gateways, links, truth

    @classmethod
    async def start(cls, cluster: Cluster, truth: Truth) -> "Mesh":
        """All gateways at once, every link open."""
        gateways = {name: cluster.add(name, manifest=manifest(name), settings=SETTINGS) for name in NAMES}
        links: dict[tuple[str, str], Link] = {}
        for viewer in NAMES:
            for peer in NAMES:
                if peer != viewer:
                    links[viewer, peer] = await cluster.link(gateways[peer])
                    gateways[viewer].add_peer(peer, links[viewer, peer])
        for gateway in gateways.values():
            gateway.process.fresh = True  # what it needs of the machine is its own
        await cluster.start_all()
        return cls(gateways, links, truth)

    async def break_link(self, way: tuple[str, str], how: random.Random) -> None:
        """In one of the ways in which links break; a link that was reset may work again at once."""
        link = self.links[way]
        kind = how.choice(("cut", "freeze", "reset", "delay"))
        self.truth.link_breaks(way, kind)
        match kind:
            case "cut":
                await link.cut()
            case "freeze":
                link.freeze()
            case "reset":
                await link.reset()
            case _:
                link.delay(how.uniform(0.01, LONGEST_DELAY_S))

    async def heal_link(self, way: tuple[str, str]) -> None:
        await self.links[way].heal()
        self.truth.link_heals(way)

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        self.truth.gateway_dies(name)
        await self.gateways[name].kill()

    async def revive(self, name: str) -> None:
        """Started again, with its state; returns when it answers."""
        await self.gateways[name].start()
        self.truth.gateway_lives(name)

    async def stumble(self, name: str, seconds: float) -> None:
        """A dead one is started, and killed again so many seconds later, whatever it is doing then."""
        await self.gateways[name].start(wait=False)
        await asyncio.sleep(seconds)
        await self.gateways[name].kill()

    @contextlib.contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """It does nothing while the block runs, as on a machine that sleeps."""
        self.truth.gateway_stops(name)
        pid = self.gateways[name].process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
            self.truth.gateway_lives(name)
