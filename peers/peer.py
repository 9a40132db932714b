"""One peer: its endpoint, client, health, and the last document it gave. Mutable, owned by the registry."""

import asyncio
from dataclasses import dataclass, field

from discovery.endpoint import FoundBy, PeerEndpoint
from entities.gather import Picture
from entities.origin_tags import Original
from entities.records import Link, LinkState, url_digest
from entities.routes import FirstHop
from peers.client import PeerClient
from peers.clones import BootLedger
from peers.foreign_health import UpstreamHealth
from peers.health import Health, PeerState
from peers.native import HeldTree
from peers.settings import UPSTREAM_CONTROL, UPSTREAM_TRANSPORT, TransportSettings
from peers.view import PeerStatus

DUPLICATE = "duplicate"
"""The reason of a discovered peer that shows the identity of another peer, which alone counts."""

IDENTITY_CHANGED = "identity_changed"
"""The reason of a discovered peer that answers as another gateway than the one that was admitted."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What answers there must not be a peer: the reason word, and why, for people."""

    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one peer: for requests of others, and for our own, if that is another one."""

    client: PeerClient
    control: PeerClient | None

    async def retire(self) -> None:
        """Let requests of others come to their end, and leave our own; then close all connections."""
        control = [] if self.control is None else [self.control.retire(is_ours=True)]
        await asyncio.gather(self.client.retire(), *control)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.client.aclose()
        if self.control is not None:
            await self.control.aclose()


@dataclass(slots=True)
class Peer:
    """The live object behind one endpoint; everything but endpoint, clients and health is what was learned."""

    endpoint: PeerEndpoint
    client: PeerClient
    health: Health
    control: PeerClient | None = None
    """For probes, trees and events: requests of clients cannot take its slots. None: the same client."""
    held: HeldTree | None = None
    instance: str | None = None
    """The instance last seen at this URL, kept over restarts."""
    boot: str | None = None
    version: str | None = None
    """The version of the program that answers there."""
    generation: int | None = None
    """The generation its `/health` told last; another than the document's means: read it."""
    has_events: bool = False
    """It offers `x-medkit-events`."""
    upstream: UpstreamHealth | None = None
    """What its `/health` told, if it is read as an upstream gateway: it has no records."""
    other_format: str | None = None
    """The boot of a Grove gateway whose documents are of another format: read as an upstream one."""
    reads_us_from: frozenset[str] = frozenset()
    """The addresses from which an upstream gateway was heard to read us in turn; none when it does not."""
    calls_us: frozenset[str] = frozenset()
    """The `host:port` by which it reads us, as heard from there."""
    copies_of: frozenset[Original] = frozenset()
    """The entities of this federation of which it lists copies."""
    unreadable: str | None = None
    """Why its tree cannot be read now, for people; None when it can."""
    exceeds_limits: bool = False
    """It is unreadable for being too large."""
    abuse: str | None = None
    """Why its event line was broken off, for people; None while it is well."""
    lets_us_in: bool = True
    """Its tree is not unreadable for want of a credential."""
    refusal: Refusal | None = None
    """Why it must not be a peer; stays until somebody else answers there."""
    boots: BootLedger = field(default_factory=BootLedger)
    """The boots that it showed, if it was discovered: they are held against nobody else."""

    @property
    def name(self) -> str:
        """The peer's name here."""
        return self.endpoint.name

    @property
    def may_read_us(self) -> bool:
        """It lists entities that came to it from this federation, but was not heard to read us."""
        return bool(self.copies_of) and not self.reads_us_from

    @property
    def watch_client(self) -> PeerClient:
        """What the peer is watched with."""
        return self.control or self.client

    def note_abuse(self, abuse: str | None) -> None:
        """Its event line was broken off for that, or is well again."""
        self.abuse = abuse

    def limit_to(self, requests: TransportSettings, control: TransportSettings) -> None:
        """How many connections may be used: for clients, and to watch it."""
        self.client.limit_to(requests)
        self.watch_client.limit_to(control)

    def readdress(self, endpoint: PeerEndpoint, client: PeerClient, control: PeerClient) -> Clients:
        """It is the same peer at another place, or talked to on other terms: requests go there from now on.

        Who it is, is found out by the next probe. The clients it had before are to be retired.
        """
        before = self.clients
        self.endpoint, self.client, self.control = endpoint, client, control
        if self.upstream is not None:
            self.limit_to(UPSTREAM_TRANSPORT, UPSTREAM_CONTROL)
        return before

    @property
    def clients(self) -> Clients:
        """What it is talked to with now."""
        return Clients(self.client, self.control)

    async def aclose(self) -> None:
        """Close all connections to it."""
        await self.clients.aclose()

    @property
    def trusted(self) -> bool:
        """Static and pinned peers may pass on any record."""
        return self.endpoint.found_by is FoundBy.STATIC

    @property
    def is_misplaced(self) -> bool:
        """It was discovered, and shows an identity that is another peer's or not the one it was admitted with."""
        return not self.trusted and self.refusal is not None and self.refusal.reason in (DUPLICATE, IDENTITY_CHANGED)

    @property
    def is_up(self) -> bool:
        """Requests go there: healthy, and its tree is known."""
        return self.health.linked and self.held is not None and self.held.document.instance_id == self.instance

    @property
    def is_awaited(self) -> bool:
        """Not up, and nothing speaks against it: it was not asked yet, or its tree was not read yet."""
        if self.health.linked:
            return not self.is_up and self.unreadable is None
        return self.health.state is PeerState.UNKNOWN and self.health.reason is None

    @property
    def reason(self) -> str:
        """The reason word when it is not up."""
        if self.health.linked:
            if not self.lets_us_in:
                return "auth"
            return "invalid_json" if self.unreadable else "destination_unavailable"
        return self.health.reason or "destination_unavailable"

    def link(self) -> Link:
        """The link to it as our own record tells it."""
        usable = self.refusal is None
        return Link(
            peer=self.name,
            at=url_digest(self.endpoint.url),
            state=LinkState.UP if self.is_up else LinkState.DOWN,
            instance=self.instance if usable else None,
            discovered=not self.trusted,
        )

    def first_hop(self) -> FirstHop | None:
        """The link to route over, or None for ourselves under another URL."""
        if self.health.state is PeerState.SELF:
            return None
        return FirstHop(self.link(), self.trusted)

    def picture(self) -> Picture | None:
        """Its last document for gathering; a refused peer's counts no more."""
        if self.held is None or self.refusal is not None or self.health.state is PeerState.SELF:
            return None
        if self.held.document.instance_id != self.instance:
            return None
        return Picture(self.name, self.held.document, self.trusted, self.is_up)

    def status(self) -> PeerStatus:
        """As `/health` shows it."""
        document = None if self.held is None else self.held.document
        return PeerStatus(
            name=self.name,
            url=self.endpoint.url,
            online=self.health.linked,
            state=self.health.state.value,
            since=self.health.since,
            found_by=self.endpoint.found_by.value,
            reason=self.health.reason or (self.unreadable if self.lets_us_in else "auth") or self.abuse,
            last_ok=self.health.last_ok,
            rtt_ms=self.health.rtt_ms,
            entities=None if document is None else sum(len(record.tree) for record in document.records),
            instance_id=self.instance,
            foreign=self.upstream is not None,
            version=self.version,
            source=self.endpoint.source,
            why=self.refusal.why if self.refusal is not None else self.unreadable or self.health.why,
        )
