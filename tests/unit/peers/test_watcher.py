"""The loop of one peer: when it looks, when it reads, and what it tells."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import structlog

from entities.codec import render_document
from entities.model import App
from entities.records import TreeDocument
from peers.foreign import ForeignReader
from peers.health import HealthSettings, PeerState
from peers.mutual import MutualPeers
from peers.native import HeldTree
from peers.peer import Peer
from peers.settings import ForeignSettings
from peers.sickness import OwnSickness, SicknessSettings
from peers.watcher import Watcher, WatchSettings
from tests.unit.entities.sketch import instance, record
from tests.unit.peers.peering import BOOT, SELF, Peering, endpoint, peering
from tests.unit.peers.wire_server import Wire, eventually, serving

CALM = WatchSettings(interval_ms=60_000, strike_ms=1, hurry_ms=1)
"""Looks again by itself only after a failure."""


@dataclass
class Gateway:
    """A Grove peer in a few words; tests change it while it is watched."""

    letter: str = "b"
    boot: str = BOOT
    generation: int = 1
    apps: tuple[App, ...] = ()
    tree: bytes | None = None
    """Instead of the tree document."""
    health_status: int = 200
    tree_letter: str = ""
    """Another gateway than the one of /health."""
    asked: list[str] = field(default_factory=list)

    async def ready(self, path: str) -> None:
        """Returns when this is to be answered."""

    def answer(self, path: str) -> tuple[int, bytes]:
        if path.endswith("/health"):
            medkit = {
                "instance_id": instance(self.letter),
                "boot_id": self.boot,
                "generation": self.generation,
                "capabilities": ["tree", "events"],
            }
            return self.health_status, json.dumps({"x-medkit": medkit}).encode()
        if self.tree is not None:
            return 200, self.tree
        letter = self.tree_letter or self.letter
        told = record(letter, "", *self.apps)
        return 200, render_document(TreeDocument(1, instance(letter), self.boot, self.generation, (told,)))

    async def __call__(self, wire: Wire) -> None:
        while True:
            path = (await wire.request()).split(b" ")[1].decode().partition("?")[0]
            self.asked.append(path.rpartition("/")[2])
            await self.ready(path)
            status, body = self.answer(path)
            await wire.send(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))


@dataclass
class Watched:
    """A watcher over a gateway, and how often it told of a change."""

    peer: Peer
    watcher: Watcher
    gateway: Gateway
    found: Peering
    changes: int = 0

    def change(self) -> None:
        self.changes += 1

    async def look(self) -> int:
        """How many changes one look told."""
        before = self.changes
        await self.watcher.look()
        return self.changes - before


@asynccontextmanager
async def watching(gateway: Gateway, settings: WatchSettings = CALM, **health: int) -> AsyncIterator[Watched]:
    """A watcher that does not run by itself yet."""
    async with serving(gateway) as server, peering(endpoint("b", server.url), health=HealthSettings(**health)) as found:
        changed: Callable[[], None] = lambda: watched.change()  # noqa: E731, PLW0108 - made before what it names
        mutual = MutualPeers(found.registry, ForeignSettings(), new_token=lambda: "token", clock=found.clock)
        watcher = Watcher(
            found.peer("b"),
            found.registry,
            settings,
            foreign=ForeignReader(
                SELF, ForeignSettings(request_timeout_ms=30_000), mutual, is_known=lambda _instance: False
            ),
            changed=changed,
            jitter=random.Random(1),
            sickness=OwnSickness(SicknessSettings(), clock=found.clock, peers=lambda: 1),
        )
        watched = Watched(found.peer("b"), watcher, gateway, found)
        yield watched


@asynccontextmanager
async def running(watched: Watched) -> AsyncIterator[None]:
    task = asyncio.create_task(watched.watcher.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def apps_of(peer: Peer) -> list[str]:
    assert peer.held is not None
    return [app.id for one in peer.held.document.records for app in one.apps]


async def test_the_first_look_learns_who_it_is_and_reads_its_tree() -> None:
    async with watching(Gateway(apps=(App("cam"),))) as watched:
        assert await watched.look() == 1
        assert (watched.peer.instance, watched.peer.is_up) == (instance("b"), True)
        assert apps_of(watched.peer) == ["cam"]
        assert watched.found.transitions == [("b", "up")]
        assert watched.gateway.asked == ["health", "x-medkit-tree"]


async def test_while_nothing_changed_nothing_is_read_and_nothing_told() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        assert await watched.look() == 0
        assert watched.gateway.asked == ["health", "x-medkit-tree", "health"]


async def test_a_new_generation_is_read() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        watched.gateway.generation, watched.gateway.apps = 2, (App("cam"),)
        assert await watched.look() == 1
        assert apps_of(watched.peer) == ["cam"]


async def test_a_restart_is_read_also_when_its_generation_is_the_one_held() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        watched.gateway.boot, watched.gateway.apps = instance("x"), (App("new"),)
        assert await watched.look() == 1
        assert apps_of(watched.peer) == ["new"]


async def test_a_kick_to_read_asks_for_the_tree_whatever_its_generation_is() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        watched.watcher.kick(read=True)
        await watched.look()
        await watched.look()
        assert watched.gateway.asked == ["health", "x-medkit-tree", "health", "x-medkit-tree", "health"]


async def test_a_tree_that_cannot_be_read_keeps_the_last_one_and_is_warned_of_until_it_can() -> None:
    async with watching(Gateway(apps=(App("cam"),))) as watched:
        await watched.look()
        watched.gateway.generation, watched.gateway.tree = 2, b'{"format":1}'
        assert await watched.look() == 1
        assert apps_of(watched.peer) == ["cam"]
        assert watched.peer.is_up
        assert watched.peer.unreadable is not None
        assert await watched.look() == 0
        watched.gateway.tree = None
        assert await watched.look() == 1
        assert watched.peer.unreadable is None
        assert watched.gateway.asked.count("x-medkit-tree") == 4


async def test_a_tree_of_another_gateway_than_the_one_of_health_is_not_taken() -> None:
    async with watching(Gateway(tree_letter="c")) as watched:
        await watched.look()
        assert (watched.peer.held, watched.peer.is_up) == (None, False)
        assert watched.peer.unreadable == "invalid_json: another gateway answered than on /health"


async def test_a_peer_that_fails_goes_down_and_every_step_is_told() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        watched.gateway.health_status = 500
        assert [await watched.look() for _ in range(4)] == [1, 0, 1, 0]
        assert watched.found.transitions == [("b", "up"), ("b", "suspect"), ("b", "down")]
        assert (watched.peer.health.reason, watched.peer.is_up) == ("http_request_error", False)
        assert apps_of(watched.peer) == []
        assert watched.peer.client.figures.idle == 0


async def test_our_own_lag_is_not_charged_to_the_peer() -> None:
    async with watching(Gateway()) as watched:
        await watched.look()
        sick = OwnSickness(SicknessSettings(), clock=watched.found.clock, peers=lambda: 1)
        sick.timer_was_late(10)
        watched.peer.health._sick = sick
        watched.gateway.health_status = 500
        assert [await watched.look() for _ in range(4)] == [0, 0, 0, 0]
        assert watched.peer.health.state is PeerState.UP


async def test_while_it_runs_it_looks_again_at_once_when_kicked() -> None:
    async with watching(Gateway()) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.watcher.kick()
        await eventually(lambda: watched.gateway.asked.count("health") == 2)


async def test_news_of_another_generation_reads_the_tree_without_a_probe() -> None:
    async with watching(Gateway()) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.gateway.generation, watched.gateway.apps = 2, (App("cam"),)
        watched.watcher.news(2)
        await eventually(lambda: watched.changes == 2)
        assert apps_of(watched.peer) == ["cam"]
        assert watched.gateway.asked == ["health", "x-medkit-tree", "x-medkit-tree"]


async def test_news_of_the_generation_held_is_no_news() -> None:
    async with watching(Gateway()) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.watcher.news(1)
        assert not watched.watcher._kick.is_set()
        assert not watched.watcher._has_news


async def test_news_that_cannot_be_read_are_told_at_once_and_so_is_that_they_can_be() -> None:
    async with watching(Gateway()) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.gateway.generation, watched.gateway.tree = 2, b"{"
        watched.watcher.news(2)
        await eventually(lambda: watched.peer.unreadable is not None)
        await eventually(lambda: watched.changes == 2)
        watched.gateway.tree = None
        watched.watcher.news(2)
        await eventually(lambda: watched.changes == 3)
        assert watched.peer.unreadable is None


async def test_a_peer_whose_line_ended_is_called_down_without_waiting_for_the_interval() -> None:
    async with watching(Gateway(), refusals=99, failures=3) as watched, running(watched):
        await watched.watcher.first_look.wait()
        watched.gateway.health_status = 500
        watched.watcher.hurry()
        await eventually(lambda: watched.peer.health.state is PeerState.DOWN)


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
        await eventually(lambda: not watched.watcher._walking)
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


async def test_the_line_is_wanted_while_the_peer_is_up_and_has_events() -> None:
    class Line:
        wants: list[bool]

        def __init__(self) -> None:
            self.wants = []

        def want(self, wanted: bool) -> None:
            self.wants.append(wanted)

    line: Any = Line()
    async with watching(Gateway()) as watched:
        watched.watcher.line = line
        await watched.look()
        watched.gateway.health_status = 500
        for _ in range(3):
            await watched.look()
        watched.gateway.health_status = 200
        await watched.look()
        assert line.wants == [True, True, True, False, True]
