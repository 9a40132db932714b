"""A watcher over a gateway that the test changes, looked with by hand or running by itself."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from entities.codec import render_document
from entities.model import App
from entities.records import TreeDocument
from peers.foreign import ForeignReader
from peers.health import HealthSettings
from peers.mutual import MutualPeers
from peers.peer import Peer
from peers.settings import ForeignSettings
from peers.sickness import OwnSickness, SicknessSettings
from peers.watcher import Watcher, WatchSettings
from tests.unit.entities.sketch import instance, record
from tests.unit.peers.peering import BOOT, SELF, Peering, endpoint, peering
from tests.unit.peers.wire_server import Wire, serving

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
        """How many changes were told by one look, and by the reading if it made one due."""
        before = self.changes
        if await self.watcher.look():
            await self.watcher.read()
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
                SELF, ForeignSettings(request_timeout_ms=30_000), mutual, serves=lambda _original: False
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
