"""A roster at work: real clients, gateways that are no more than their `/health`, and clocks that the test moves."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from discovery.endpoint import EndpointSet, FoundBy, PeerEndpoint
from peers.budget import ByteBudget
from peers.candidates import Candidate, CandidateSettings
from peers.client import PeerClient
from peers.health import Health, HealthSettings
from peers.peer import Peer
from peers.registry import Registry
from peers.resolver import Resolver
from peers.roster import Roster, RosterSettings
from peers.settings import MIB, TransportSettings
from tests.federation.eventually import eventually
from tests.unit.entities.sketch import instance
from tests.unit.peers.peering import SELF, Clock
from tests.unit.peers.wire_server import Wire, WireServer, serving

QUICK = CandidateSettings(timeout_ms=2_000, pause_ms=5, retry_ms=20, max_retry_ms=50)


@dataclass
class Neighbour:
    """Who answers `/health` at `server`. Mutable: the test makes it somebody else, or nobody."""

    server: WireServer
    who: list[str]

    @property
    def url(self) -> str:
        return self.server.url

    def becomes(self, letter: str) -> None:
        """From now on this gateway answers there; "" is none at all."""
        self.who[:] = [letter]

    def found(self, name: str = "arm", by: FoundBy = FoundBy.MDNS, claims: str | None = None) -> PeerEndpoint:
        """It, as a source found it; `claims`: the letter of the instance it is announced as."""
        return PeerEndpoint(name, self.url, by, instance=None if claims is None else instance(claims))


@asynccontextmanager
async def neighbour(letter: str) -> AsyncIterator[Neighbour]:
    """A running one; its instance is made of the letter."""
    who = [letter]

    async def answer(wire: Wire) -> None:
        while True:
            await wire.request()
            medkit = {"instance_id": instance(who[0] or "n"), "boot_id": instance("y"), "capabilities": ["tree"]}
            body = json.dumps({"x-medkit": medkit | {"generation": 1, "version": "9.9"}} if who[0] else {}).encode()
            await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    async with serving(answer) as server:
        yield Neighbour(server, who)


@dataclass
class Lineup:
    """The roster under test, and what it told."""

    roster: Roster
    registry: Registry
    clock: Clock
    asked: list[tuple[float, str]] = field(default_factory=list)
    """Loop time and name of every endpoint that was given a client, by a probe or as a peer."""
    doubted: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [peer.name for peer in self.registry]

    def peer(self, name: str) -> Peer:
        found = self.registry.get(name)
        assert found is not None, self.names
        return found

    def discover(self, *endpoints: PeerEndpoint, departed: tuple[PeerEndpoint, ...] = (), unread: str = "") -> None:
        """What discovery says from now on; `unread`: the source that told nothing yet."""
        gone = frozenset(one.url for one in departed)
        self.roster.set_endpoints(EndpointSet((*endpoints, *departed), departed=gone, unread=frozenset({unread})))

    def candidate(self, url: str) -> Candidate:
        return {one.endpoint.url: one for one in self.roster.candidates}[url]

    async def has(self, *names: str) -> None:
        """Waits until exactly these are peers."""
        await eventually(lambda: self.names == [*names], 30)

    async def rejects(self, endpoint: PeerEndpoint, reason: str) -> None:
        """Waits until the candidate was asked and is no peer for this reason."""

        async def rejected() -> bool:
            verdict = self.candidate(endpoint.url).verdict
            assert verdict is not None
            assert verdict.reason == reason, verdict
            return True

        await eventually(rejected, 30)

    def goes_silent(self, name: str) -> None:
        """Its probes fail from now on, and are seen to."""
        self.peer(name).health.refuse("down_for_the_test")
        self.roster.review()

    def stays_silent(self, name: str) -> None:
        """For so long that it may be elsewhere."""
        self.goes_silent(name)
        self.clock.now += RosterSettings().move_s
        self.roster.review()


@asynccontextmanager
async def lineup(
    settings: RosterSettings | None = None, candidates: CandidateSettings = QUICK
) -> AsyncIterator[Lineup]:
    """A running roster without anybody; every client it ever made is closed in the end."""
    clock, budget, made = Clock(), ByteBudget(256 * MIB), list[PeerClient]()
    told: list[tuple[float, str]] = []

    def make_client(one: PeerEndpoint) -> PeerClient:
        told.append((asyncio.get_running_loop().time(), one.name))
        made.append(PeerClient(one, TransportSettings(), resolver=Resolver(), budget=budget))
        return made[-1]

    def make_health() -> Health:
        return Health(HealthSettings(), wall=clock, clock=clock, sick=lambda: False)

    registry = Registry(SELF, make_client, make_health)
    chosen = settings or RosterSettings(candidates=candidates)
    roster = Roster(SELF, registry, chosen, make_client=make_client, clock=clock, wall=clock)
    found = Lineup(roster, registry, clock, told)
    roster.on_doubt = lambda peer: found.doubted.append(peer.name)
    running = asyncio.create_task(roster.run())
    try:
        yield found
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await asyncio.gather(*(client.aclose() for client in made))
