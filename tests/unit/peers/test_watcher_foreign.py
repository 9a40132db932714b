"""The loops of a peer that is an upstream gateway: it is read for long, and looked at meanwhile."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import cast

import pytest
import structlog

from entities.model import App
from peers.foreign import ForeignReader
from peers.health import PeerState
from peers.native import HeldTree
from peers.peer import Peer
from peers.watcher import WatchSettings
from tests.unit.entities.sketch import instance
from tests.unit.peers.watching import Gateway, apps_of, running, watching
from tests.unit.peers.wire_server import eventually


class Upstream(Gateway):
    """One that is read by its collections."""

    def answer(self, path: str) -> tuple[int, bytes]:
        if path.endswith("/health"):
            return self.health_status, b'{"status": "healthy", "timestamp": 1}'
        return 200, b'{"items": []}'


@dataclass
class Slow(Upstream):
    """It answers its probes, and its lists when it is told to."""

    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def ready(self, path: str) -> None:
        if path.endswith("/areas"):
            await self.free.wait()


OFTEN = WatchSettings(interval_ms=10, strike_ms=1, hurry_ms=1)


async def test_an_upstream_gateway_is_probed_while_it_is_read() -> None:
    gateway = Slow()
    async with watching(gateway, OFTEN, failures=3) as watched, running(watched):
        await eventually(lambda: "areas" in gateway.asked)
        probes = gateway.asked.count("health")
        await eventually(lambda: gateway.asked.count("health") >= probes + 3)
        assert not watched.watcher.first_look.is_set()
        gateway.health_status = 500
        await eventually(lambda: watched.peer.health.state is PeerState.DOWN)
        gateway.health_status = 200
        gateway.free.set()
        await eventually(lambda: watched.peer.is_up)
        assert watched.watcher.first_look.is_set()


async def test_a_reading_whose_gateway_went_meanwhile_is_not_taken() -> None:
    gateway = Slow()
    async with watching(gateway, OFTEN) as watched, running(watched):
        await eventually(lambda: "areas" in gateway.asked)
        grove = Gateway(apps=(App("cam"),))
        gateway.answer = grove.answer  # type: ignore[method-assign]  # another gateway is started at this URL
        await eventually(lambda: watched.peer.instance == instance("b") and watched.peer.is_up)
        gateway.free.set()
        await eventually(lambda: not watched.watcher.is_reading)
        assert apps_of(watched.peer) == ["cam"]


async def test_the_end_of_the_watcher_is_the_end_of_its_reading() -> None:
    gateway = Slow()
    async with watching(gateway, OFTEN) as watched:
        async with running(watched):
            await eventually(lambda: "areas" in gateway.asked)
        assert watched.peer.client.figures.requests == 0


class Broken:
    """A reader with a defect."""

    async def read(self, peer: Peer) -> HeldTree:
        raise KeyError(peer.name)


async def test_what_we_cannot_handle_of_a_peer_makes_it_unreadable_and_ends_nothing_else() -> None:
    async with watching(Upstream()) as watched:
        watched.watcher._foreign = cast("ForeignReader", Broken())
        with structlog.testing.capture_logs() as logs:
            async with running(watched):
                await eventually(lambda: watched.peer.unreadable is not None)
                watched.watcher.kick(read=True)
                await eventually(lambda: watched.gateway.asked.count("health") == 2)
        assert "KeyError" in str(watched.peer.unreadable)
        assert watched.peer.health.linked
        defects = [one for one in logs if one["event"] == "peer answered what this gateway cannot handle"]
        assert [one["exc_info"] for one in defects] == [True]


@dataclass
class Flapping(Upstream):
    """Its own peer goes whenever it is looked at, and comes back the next time, by another name if told so."""

    renames: bool = False

    def answer(self, path: str) -> tuple[int, bytes]:
        if not path.endswith("/health"):
            return super().answer(path)
        looks = self.asked.count("health")
        name = f"d{looks}" if self.renames else "d"
        its_peer = {"name": name, "url": "http://d:1", "status": "offline" if looks % 2 else "online"}
        return 200, json.dumps({"status": "healthy", "timestamp": 1, "peers": [its_peer]}).encode()


@pytest.mark.parametrize("renames", [False, True])
async def test_a_peer_behind_that_flaps_is_no_reading_and_no_news_each_time(renames: bool) -> None:
    gateway = Flapping(renames=renames)
    settings = WatchSettings(interval_ms=10, strike_ms=1, hurry_ms=1, behind_pause_ms=600_000)
    async with watching(gateway, settings) as watched, running(watched):
        await eventually(lambda: watched.peer.is_up)
        await eventually(lambda: gateway.asked.count("health") >= 50)
        assert gateway.asked.count("areas") <= 3
        assert watched.changes <= 4
        held = watched.peer.held
        assert held is not None
        assert len(held.document.records[0].links) <= 2


async def test_a_peer_behind_that_is_lost_is_named_before_all_is_read_again() -> None:
    gateway = Slow()
    gateway.free.set()
    async with watching(gateway, OFTEN) as watched, running(watched):
        await eventually(lambda: watched.peer.is_up)
        gateway.free.clear()
        lost = {"name": "d", "url": "http://d:1", "status": "offline"}
        body = json.dumps({"status": "healthy", "timestamp": 1, "peers": [lost]}).encode()
        plain = gateway.answer
        gateway.answer = lambda path: (200, body) if path.endswith("/health") else plain(path)  # type: ignore[method-assign]  # it lost a peer
        await eventually(lambda: links_of(watched.peer) == ["d"])
        named = watched.peer.held
        await eventually(lambda: watched.watcher.is_reading)
        gateway.free.set()
        await eventually(lambda: not watched.watcher.is_reading)
        assert watched.peer.held is named


def links_of(peer: Peer) -> list[str]:
    return [] if peer.held is None else [link.peer for link in peer.held.document.records[0].links]
