"""The mutable set of peers, who each of them really is, and what must not be one. No loops: `watcher.py` has them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from discovery.endpoint import FoundBy, PeerEndpoint
from entities.gather import Picture
from entities.identity import GatewayIdentity, foreign_id
from entities.routes import FirstHop
from peers.client import PeerClient
from peers.clones import BootLedger
from peers.errors import PeerError, PeerReason
from peers.health import Health
from peers.native import Probed
from peers.peer import DUPLICATE, IDENTITY_CHANGED, Clients, Peer, Refusal
from peers.peer_warnings import warnings_about
from peers.settings import UPSTREAM_CONTROL, UPSTREAM_TRANSPORT
from peers.view import PeerStatus, Warned

log = structlog.get_logger("peers")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of the peers: those that are new, those that are none any more, and those that stayed although
    they are talked to otherwise, each with the clients it had before.
    """

    added: list[Peer]
    removed: list[Peer]
    readdressed: list[tuple[Peer, Clients]]


class Registry:
    """All peers in peer order: static as configured, then discovered by name."""

    def __init__(
        self,
        identity: GatewayIdentity,
        make_client: Callable[[PeerEndpoint], PeerClient],
        make_health: Callable[[], Health],
    ) -> None:
        """Empty; `reconcile` fills it."""
        self._identity = identity
        self._make_client = make_client
        self._make_health = make_health
        self.on_evidence: Callable[[Peer, PeerError | None], None] = lambda _peer, _error: None
        """Called when a peer should be probed now: a request to it failed so, or there is doubt about who it is."""
        self.on_transition: Callable[[Peer], None] = lambda _peer: None
        """Called when a peer's state changed."""
        # Mutable: the peers, and what was seen of the boots of configured ones; anybody may show anything elsewhere.
        self._peers: dict[str, Peer] = {}
        self._ledger = BootLedger()

    def __iter__(self) -> Iterator[Peer]:
        """The peers in peer order."""
        return iter(tuple(self._peers.values()))

    def get(self, name: str) -> Peer | None:
        """The peer of this name."""
        return self._peers.get(name)

    def reconcile(self, endpoints: Sequence[PeerEndpoint]) -> Reconciled:
        """Makes the set equal to `endpoints`. The caller closes what is not used any more.

        A configured peer that has another URL, or other terms, than before stays the same peer.
        """
        static = [one for one in endpoints if one.found_by is FoundBy.STATIC]
        found = sorted((one for one in endpoints if one.found_by is not FoundBy.STATIC), key=lambda one: one.name)
        kept: dict[str, Peer] = {}
        added: list[Peer] = []
        readdressed: dict[str, Clients] = {}
        for endpoint in (*static, *found):
            old = self._peers.get(endpoint.name)
            if old is not None and old.endpoint == endpoint:
                old.endpoint = endpoint  # which may have been found by another source
                kept[endpoint.name] = old
                continue
            if old is not None and old.trusted and endpoint.found_by is FoundBy.STATIC:
                log.info("peer is talked to otherwise", peer=old.name, before=old.endpoint.url, now=endpoint.url)
                clients = old.readdress(endpoint, self._make_client(endpoint), self._make_control(endpoint))
                kept[endpoint.name], readdressed[endpoint.name] = old, clients
                continue
            peer = Peer(endpoint, self._make_client(endpoint), self._make_health(), self._make_control(endpoint))
            kept[endpoint.name] = peer
            added.append(peer)
        removed = [peer for peer in self._peers.values() if kept.get(peer.name) is not peer]
        self._peers = kept
        return Reconciled(added, removed, [(kept[name], clients) for name, clients in readdressed.items()])

    def _make_control(self, endpoint: PeerEndpoint) -> PeerClient:
        return self._make_client(endpoint).for_ourselves()

    def client(self, peer: str) -> PeerClient | None:
        """The client of a peer (for forwarding and fan-out)."""
        found = self._peers.get(peer)
        return None if found is None else found.client

    def report(self, peer: str, outcome: PeerError | None) -> None:
        """In-band evidence: an answer clears suspicion, a failure asks for a probe now.

        Only a refused connection is a strike by itself: how long a request may take and what it asks for is the
        client's choice, and must not bring a peer down.
        """
        found = self._peers.get(peer)
        if found is None:
            return
        before = found.health.state
        if outcome is None:
            found.health.answered()
        elif outcome.reason is PeerReason.CONNECTION_REFUSED:
            found.health.failed(outcome)
        if found.health.state is not before:
            self.log_transition(found, "" if outcome is None else outcome.detail)
        if outcome is not None:
            self.on_evidence(found, outcome)

    def identify(self, peer: Peer, probed: Probed, *, now: float) -> bool:
        """Who answered at a peer's URL; True if it may be a peer. Decides before anything of it is used."""
        instance, boot = probed.instance_id, probed.boot_id
        if instance is None or boot is None:
            return self._identify_foreign(peer, probed)
        if instance == self._identity.instance_id:
            if boot == self._identity.boot_id and peer.instance not in (None, instance):
                return self._refuse(peer, IDENTITY_CHANGED, "it was another gateway and now says that it is this one")
            if boot == self._identity.boot_id:
                if peer.health.is_self() or peer.instance != instance:
                    log.warning("peer is ourselves", peer=peer.name, url=peer.endpoint.url)
                peer.instance, peer.refusal = instance, None
                return False
            return self._refuse(
                peer, "duplicate_instance_id", "it has our own instance id: a copy of our state directory runs there"
            )
        if boot == peer.other_format:
            return self._identify_foreign(peer, probed)
        if not peer.trusted and (claim := self._false_claim(peer, instance)) is not None:
            return self._refuse(peer, claim.reason, claim.why)
        ledger = self._ledger if peer.trusted else peer.boots
        verdict = ledger.judge(peer.name, instance, boot, asked=probed.asked, now=now)
        rival = None if verdict.rival is None else self._peers.get(verdict.rival)
        if rival is not None and rival.instance == instance:
            self._refuse(rival, "duplicate_instance_id", f"another gateway with instance id {instance} was there first")
            self.log_transition(rival)
            self.on_evidence(rival, None)
        if verdict.is_copy:
            return self._refuse(
                peer, "duplicate_instance_id", f"two gateways with instance id {instance} answer in turn"
            )
        self._take_instance(peer, instance)
        peer.boot, peer.generation, peer.has_events = boot, probed.generation, probed.has_events
        peer.version = probed.version
        if peer.upstream is not None:
            peer.upstream = None
            peer.limit_to(peer.client.settings, peer.watch_client.settings)
        return True

    def _false_claim(self, peer: Peer, instance: str) -> Refusal | None:
        """Why a discovered peer must not show this identity: it is not its own, or somebody has it who counts more."""
        if peer.instance not in (None, instance):
            return Refusal(IDENTITY_CHANGED, f"it was admitted as {peer.instance} and now answers as {instance}")
        for one in self._peers.values():
            if one is peer or one.instance != instance:
                continue
            if one.trusted:
                return Refusal(DUPLICATE, f"it is the configured peer {one.name}, whose settings count")
            if one.health.linked:
                return Refusal(DUPLICATE, f"it is the discovered peer {one.name}, which answers at {one.endpoint.url}")
        return None

    def _evict_claimants(self, instance: str, peer: Peer) -> None:
        """A configured peer shows who it is: discovered ones that said so before it could be reached are not."""
        for one in self._peers.values():
            if not one.trusted and one.instance == instance and one.refusal is None:
                self._refuse(one, DUPLICATE, f"it is the configured peer {peer.name}, whose settings count")
                self.log_transition(one)

    def _identify_foreign(self, peer: Peer, probed: Probed) -> bool:
        """A gateway without an identity is who its reader says: one per URL."""
        if probed.upstream is None:
            why = "its /health is neither that of a Grove gateway nor that of an upstream one; only these can be peers"
            return self._refuse(peer, "not_grove", why)
        if peer.upstream is None:
            log.info("peer is an upstream gateway", peer=peer.name, url=peer.endpoint.url)
            peer.limit_to(UPSTREAM_TRANSPORT, UPSTREAM_CONTROL)
        self._take_instance(peer, foreign_id(self._identity.instance_id, peer.endpoint.url))
        peer.upstream = probed.upstream
        peer.boot, peer.version, peer.generation, peer.has_events = None, None, None, False
        return True

    def _take_instance(self, peer: Peer, instance: str) -> None:
        if peer.instance is not None and peer.instance != instance:
            log.warning("peer identity changed", peer=peer.name, before=peer.instance, now=instance)
        if peer.instance != instance:
            peer.held = None
            if peer.trusted:
                self._evict_claimants(instance, peer)
        peer.instance, peer.refusal = instance, None

    def _refuse(self, peer: Peer, reason: str, why: str) -> bool:
        if peer.health.reason != reason:
            log.warning("peer refused", peer=peer.name, url=peer.endpoint.url, reason=reason, why=why)
        peer.health.refuse(reason)
        peer.refusal = Refusal(reason, why)
        return False

    def log_transition(self, peer: Peer, detail: str = "") -> None:
        """One line for a change of state, here and to everybody who listens."""
        self.on_transition(peer)
        log.info(
            "peer state changed",
            peer=peer.name,
            state=peer.health.state.value,
            reason=peer.health.reason,
            detail=detail or None,
        )

    def first_hops(self) -> tuple[FirstHop, ...]:
        """The links to route over, in peer order."""
        return tuple(hop for peer in self._peers.values() if (hop := peer.first_hop()) is not None)

    def pictures(self) -> tuple[Picture, ...]:
        """What the peers last told, in peer order."""
        return tuple(picture for peer in self._peers.values() if (picture := peer.picture()) is not None)

    def statuses(self) -> tuple[PeerStatus, ...]:
        """All peers as `/health` shows them."""
        return tuple(peer.status() for peer in self._peers.values())

    def warnings(self) -> tuple[Warned, ...]:
        """What users must be told of single peers."""
        return tuple(warned for peer in self._peers.values() for warned in warnings_about(peer))
