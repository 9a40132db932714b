"""Who is a peer now: the configured ones always; a discovered one once it proved who it is, until it is forgotten.

Source: docs/discovery.md, "From found to peer".
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from discovery.endpoint import EndpointSet, FoundBy, PeerEndpoint
from entities.identity import GatewayIdentity, foreign_id
from peers.candidates import Candidates, CandidateSettings, Verdict
from peers.client import PeerClient
from peers.health import PeerState
from peers.homes import Homes
from peers.native import Probed
from peers.peer import DUPLICATE, Clients, Peer
from peers.registry import Registry

log = structlog.get_logger("peers")

GOODBYE = "goodbye"
"""The reason of a peer that is suspect because it said that it leaves."""


@dataclass(frozen=True, slots=True)
class RosterSettings:
    """How discovered peers come and go."""

    max_discovered: int = 50
    """Most discovered peers (`aggregation.max_discovered_peers`)."""
    farewell_s: float = 10.0
    """Seconds after a goodbye in which a peer that falls silent is forgotten; longer than a gateway drains."""
    move_s: float = 4.0
    """Seconds for which a discovered peer must have been silent before it is believed to be at another address; at its
    own it is up again with its first answer. Longer than a gateway takes to start anew."""
    forget_s: float = 4500.0
    """Seconds for which a discovered peer that fell silent stays known."""
    review_s: float = 2.0
    """Seconds between two looks at who is to be forgotten; a change of state makes one at once."""
    candidates: CandidateSettings = field(default_factory=CandidateSettings)


class Roster:
    """Keeps the registry equal to who is a peer."""

    def __init__(
        self,
        identity: GatewayIdentity,
        registry: Registry,
        settings: RosterSettings,
        *,
        make_client: Callable[[PeerEndpoint], PeerClient],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """`clock`: monotonic seconds; `wall`: Unix seconds."""
        self._identity = identity
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self.on_join: Callable[[Peer], None] = lambda _peer: None
        """Called with every peer that is new: it is to be watched."""
        self.on_readdress: Callable[[Peer, Clients], None] = lambda _peer, _clients: None
        """Called with every peer that is talked to otherwise, and the clients it had: they are to be retired."""
        self.on_leave: Callable[[Peer], None] = lambda _peer: None
        """Called with every peer that is one no longer: it is to be closed."""
        self.on_doubt: Callable[[Peer], None] = lambda _peer: None
        """Called with a peer that is to be probed now."""
        self.on_found: Callable[[], None] = lambda: None
        """Called when the discovered peers are others than before."""
        self.candidates = Candidates(settings.candidates, make_client, self.judge, wall=wall)
        # Mutable: what discovery says; the goodbyes heard and until when they are believed; since when who is silent;
        # those silent for so long that they may be elsewhere; where who was met first. All but the last by URL.
        self._endpoints = EndpointSet()
        self._farewells: dict[str, float] = {}
        self._silent_since: dict[str, float] = {}
        self._movable: set[str] = set()
        self._homes = Homes(settings.forget_s, clock=clock)
        self._review = asyncio.Event()

    def discovered(self) -> Mapping[str, PeerEndpoint]:
        """The discovered peers by URL."""
        return {peer.endpoint.url: peer.endpoint for peer in self._registry if not peer.trusted}

    def set_endpoints(self, endpoints: EndpointSet) -> None:
        """What discovery says now: everything it knows, not what changed."""
        goodbyes = endpoints.departed - self._endpoints.departed
        back = self._endpoints.departed - endpoints.departed
        found_before = {one.url for one in self._endpoints.admitted}
        self._endpoints = endpoints
        found = {one.url: one for one in endpoints.admitted if one.found_by is not FoundBy.STATIC}
        stay = {}
        for url, endpoint in self.discovered().items():
            # Who fell out of mDNS may be alive; who was taken out of a file or a DNS record was meant to go.
            is_looked_for = endpoint.source in endpoints.unread and url not in found_before
            if url in found or endpoint.found_by is FoundBy.MDNS or is_looked_for:
                stay[url] = found.get(url, endpoint)
        self._set_peers(stay)
        self.candidates.welcome(back)
        for peer in self._registry:
            if not peer.trusted and peer.endpoint.url in goodbyes:
                self._doubt(peer)

    def restore(self, endpoints: Iterable[PeerEndpoint]) -> None:
        """Those who were peers before a restart are peers again, before anything is discovered: known, and silent."""
        names, urls = {peer.name for peer in self._registry}, {peer.endpoint.url for peer in self._registry}
        back = [one for one in endpoints if one.name not in names and one.url not in urls]
        self._set_peers({one.url: one for one in back[: self._settings.max_discovered]})

    def look_again(self) -> None:
        """Somebody's state changed: see soon who is to be forgotten."""
        self._review.set()

    async def run(self) -> None:
        """Tries candidates and forgets who is gone, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.candidates.run(), name="try candidates")
            group.create_task(self._review_for_ever(), name="review discovered peers")

    async def _review_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.review_s):
                    await self._review.wait()
            self._review.clear()
            self.review()

    def review(self) -> None:
        """Lets those go that are configured too, said goodbye and are gone, or have been silent for long."""
        peers = [peer for peer in self._registry if not peer.trusted]
        stay = {peer.endpoint.url: peer.endpoint for peer in peers if self._stays(peer)}
        if len(stay) < len(peers):
            self._set_peers(stay)

    def _stays(self, peer: Peer) -> bool:
        url, now = peer.endpoint.url, self._clock()
        rival = self._holder_of(peer.instance, but=peer)
        if peer.refusal is not None and peer.is_misplaced:
            log.info("discovered peer is not who it was", peer=peer.name, url=url, why=peer.refusal.why)
            return False
        if rival is not None and rival.trusted:
            log.info("discovered peer is a configured one", peer=peer.name, url=url)
            return False
        if peer.health.linked:
            self._is_there(peer)
            if self._farewells.get(url, now) < now:
                log.info("goodbye disbelieved", peer=peer.name, url=url)
                del self._farewells[url]
            return True
        silent_since = self._silent_since.setdefault(url, now)
        if url not in self._movable and now - silent_since >= self._settings.move_s:
            self._movable.add(url)
            self.candidates.hasten(DUPLICATE)  # it may be reached where it was found too
        if url in self._farewells and peer.health.state is not PeerState.UNKNOWN:
            log.info("peer left", peer=peer.name, url=url)
            return False
        if peer.endpoint.found_by is FoundBy.MDNS and now - silent_since >= self._settings.forget_s:
            log.info("peer forgotten", peer=peer.name, url=url, silent_s=round(now - silent_since))
            return False
        return True

    def _is_there(self, peer: Peer) -> None:
        """It answers where it is."""
        url = peer.endpoint.url
        self._silent_since.pop(url, None)
        self._movable.discard(url)
        if peer.instance is not None:
            self._homes.saw(peer.instance, url)

    def _doubt(self, peer: Peer) -> None:
        """It said goodbye, or somebody did in its name: the next probe tells."""
        self._farewells[peer.endpoint.url] = self._clock() + self._settings.farewell_s
        if peer.health.doubt(GOODBYE):
            self._registry.log_transition(peer)
        self.on_doubt(peer)
        self.look_again()

    def judge(self, endpoint: PeerEndpoint, probed: Probed, now: float) -> Verdict | None:
        """Who answered at a candidate: it becomes a peer (None), or why not."""
        instance = probed.instance_id or foreign_id(self._identity.instance_id, endpoint.url)
        verdict = self._flaw(endpoint, probed, instance)
        if verdict is not None:
            return verdict
        holder = self._holder_of(instance)
        if holder is not None and not self._may_move(holder, instance, endpoint.url):
            kind = "configured" if holder.trusted else "discovered"
            return Verdict(DUPLICATE, f"it is the {kind} peer {holder.name}, which is at {holder.endpoint.url}")
        if holder is None and len(self.discovered()) >= self._settings.max_discovered:
            most = self._settings.max_discovered
            return Verdict("max_discovered_peers", f"there are {most} discovered peers, the most that are allowed")
        named = self._registry.get(endpoint.name)
        if holder is None and named is not None:
            return Verdict("peer_name_conflict", f"another peer is called {endpoint.name}")
        self._admit(endpoint, probed, instance, holder, now)
        return None

    def _may_move(self, holder: Peer, instance: str, url: str) -> bool:
        """Whether a peer is now at this URL: it came back to its first one, or where it was it is silent for long."""
        if holder.trusted:
            return False
        if self._homes.is_home(instance, url):
            return True
        return not holder.health.linked and holder.endpoint.url in self._movable

    def _flaw(self, endpoint: PeerEndpoint, probed: Probed, instance: str) -> Verdict | None:
        """What keeps the one who answered from being anybody's discovered peer."""
        if probed.instance_id is None and probed.upstream is None:
            return Verdict("not_grove", "its /health is neither that of a Grove gateway nor that of an upstream one")
        if instance == self._identity.instance_id:
            if probed.boot_id == self._identity.boot_id:
                return Verdict("self", "it is this gateway")
            return Verdict("duplicate_instance_id", "it has our own instance id: a copy of our state directory")
        if endpoint.instance is not None and endpoint.instance != instance:
            return Verdict("identity_mismatch", f"it was announced as {endpoint.instance}, and {instance} answers")
        return None

    def _admit(self, endpoint: PeerEndpoint, probed: Probed, instance: str, holder: Peer | None, now: float) -> None:
        """A new peer; or one there is, which is silent where it was, at its new place."""
        stay = dict(self.discovered())
        if holder is not None:
            del stay[holder.endpoint.url]
            self._homes.saw(instance, holder.endpoint.url)
            log.info("discovered peer moved", peer=holder.name, before=holder.endpoint.url, now=endpoint.url)
            endpoint = replace(endpoint, name=holder.name)
        else:
            log.info("discovered peer", peer=endpoint.name, url=endpoint.url, source=endpoint.source)
        stay[endpoint.url] = endpoint
        self._set_peers(stay)
        peer = self._registry.get(endpoint.name)
        if peer is None:
            return
        if holder is not None:
            # Who comes home may find that somebody else answered in its name: nothing told meanwhile is kept.
            peer.instance, peer.held = instance, None if self._homes.is_home(instance, endpoint.url) else holder.held
        if self._registry.identify(peer, probed, now=now):
            peer.health.ok(probed.rtt_ms)
            self._homes.saw(instance, endpoint.url)

    def _set_peers(self, discovered: Mapping[str, PeerEndpoint]) -> None:
        """Makes the peers the configured ones and these; who is found and is no peer becomes a candidate."""
        static = [one for one in self._endpoints.admitted if one.found_by is FoundBy.STATIC]
        reconciled = self._registry.reconcile([*static, *discovered.values()])
        added, removed = reconciled.added, reconciled.removed
        waiting = [one for one in self._endpoints.admitted if one.found_by is not FoundBy.STATIC]
        self.candidates.replace(one for one in waiting if one.url not in discovered)
        left = {peer.endpoint.url: peer for peer in removed}
        for peer in added:
            if (before := left.get(peer.endpoint.url)) is not None:
                peer.instance, peer.held = before.instance, before.held
        for peer in removed:
            self._farewells.pop(peer.endpoint.url, None)
            self._silent_since.pop(peer.endpoint.url, None)
            self._movable.discard(peer.endpoint.url)
            self.on_leave(peer)
        for peer in added:
            self.on_join(peer)
        for peer, clients in reconciled.readdressed:
            self.on_readdress(peer, clients)
        if added or removed or reconciled.readdressed:
            self.on_found()

    def _holder_of(self, instance: str | None, *, but: Peer | None = None) -> Peer | None:
        """The peer that is this instance, a configured one first."""
        if instance is None:
            return None
        return next(
            (one for one in self._registry if one.instance == instance and one.refusal is None and one is not but), None
        )
