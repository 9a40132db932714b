"""A registry whose peers are reached by real clients, over endpoints and clocks that the test chooses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from discovery.endpoint import FoundBy, PeerEndpoint
from entities.identity import GatewayIdentity
from entities.model import App
from entities.records import TreeDocument
from peers.budget import ByteBudget
from peers.client import PeerClient
from peers.health import Health, HealthSettings
from peers.native import HeldTree, Probed
from peers.peer import Peer
from peers.registry import Registry
from peers.resolver import Resolver
from peers.settings import MIB, TransportSettings
from tests.unit.entities.sketch import instance, record

BOOT = instance("y")
SELF = GatewayIdentity(instance("a"), instance("z"), "a", 1)


@dataclass
class Clock:
    """Seconds that pass when told."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Peering:
    """The registry under test, and what it told."""

    registry: Registry
    clock: Clock
    transitions: list[tuple[str, str]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    def peer(self, name: str) -> Peer:
        found = self.registry.get(name)
        assert found is not None
        return found


def endpoint(name: str, url: str = "", *, found_by: FoundBy = FoundBy.STATIC) -> PeerEndpoint:
    """Of this name; without a URL, one where nothing is ever asked."""
    return PeerEndpoint(name, url or f"http://{name}.invalid:8080", found_by)


def probed(letter: str = "b", boot: str = "y", *, asked: float = 0.0, generation: int | None = 1) -> Probed:
    """A Grove gateway that answered a probe."""
    return Probed(asked, 3.0, instance(letter), instance(boot), generation, has_events=True)


def held(letter: str = "b", *apps: App, generation: int = 1, dropped: int = 0) -> HeldTree:
    """The last document of that gateway."""
    return HeldTree(TreeDocument(1, instance(letter), BOOT, generation, (record(letter, "", *apps),)), None, dropped)


@asynccontextmanager
async def peering(*endpoints: PeerEndpoint, health: HealthSettings | None = None) -> AsyncIterator[Peering]:
    """A registry with these peers; every client it ever made is closed in the end."""
    clock = Clock()
    budget = ByteBudget(256 * MIB)
    made: list[PeerClient] = []

    def make_client(one: PeerEndpoint) -> PeerClient:
        made.append(PeerClient(one, TransportSettings(), resolver=Resolver(), budget=budget))
        return made[-1]

    def make_health() -> Health:
        return Health(health or HealthSettings(), wall=clock, clock=clock, sick=lambda: False)

    found = Peering(Registry(SELF, make_client, make_health), clock)
    found.registry.on_transition = lambda peer: found.transitions.append((peer.name, peer.health.state.value))
    found.registry.on_evidence = lambda peer, _error: found.evidence.append(peer.name)
    found.registry.reconcile(endpoints)
    try:
        yield found
    finally:
        await asyncio.gather(*(client.aclose() for client in made))
    assert budget.held == 0
