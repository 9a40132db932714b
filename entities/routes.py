"""Ways over links: who is known, who is live, which peer to ask first, and what to try next. Pure.

A way is found breadth first over the links the records tell. Order: ways beginning at a trusted (static or pinned)
peer, then length, then peer order. Source: docs/architecture.md, "Routes".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from entities.records import Link, LinkState, Record

MAX_HOPS: Final = 16
"""Longest way, in links; also the longest `X-Medkit-Via` (RFC 5842's 508 beyond)."""

NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class FirstHop:
    """One of our own links in peer order, and whether what it passes on is trusted."""

    link: Link
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """From us to a gateway: the peer names and the instances passed, target last."""

    peers: tuple[str, ...]
    instances: tuple[str, ...]

    @property
    def first_peer(self) -> str:
        """Our own peer that the way begins with."""
        return self.peers[0]

    @property
    def target(self) -> str:
        """The gateway the way leads to."""
        return self.instances[-1]

    def avoids(self, gateways: frozenset[str], peers: frozenset[str] = NOBODY) -> bool:
        """Whether it begins with none of `peers` and passes none of `gateways`; the target may be one of them."""
        return self.peers[0] not in peers and gateways.isdisjoint(self.instances[:-1])

    def label(self) -> str:
        """How a gap at its end is named to users: `peer/its_peer`."""
        return "/".join(self.peers)


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that links and records say about who stands where, seen from one gateway.

    `configured` holds a shortest way over all links, up or down (for names and labels), `live` over links that are
    up (for requests). Both leave out the gateway itself.
    """

    self_id: str
    first_hops: tuple[FirstHop, ...]
    records: Mapping[str, Record]
    configured: Mapping[str, Way]
    live: Mapping[str, Way]

    def is_live(self, instance: str) -> bool:
        """Whether `instance` is ourselves or reachable over links that are up."""
        return instance == self.self_id or instance in self.live

    def is_known(self, instance: str) -> bool:
        """Whether `instance` is ourselves or reachable over configured links, up or down."""
        return instance == self.self_id or instance in self.configured

    def reads(self, instance: str) -> bool:
        """Whether `instance` is a foreign gateway that we ourselves read: it understands none of our headers."""
        record = self.records.get(instance)
        return record is not None and record.foreign and record.reader == self.self_id

    def way_to(
        self, target: str, *, avoid: frozenset[str] = NOBODY, avoid_peers: frozenset[str] = NOBODY
    ) -> Way | None:
        """The best live way that begins with none of `avoid_peers` and passes none of `avoid`, or None."""
        best = self.live.get(target)
        if best is None or best.avoids(avoid, avoid_peers):
            return best
        return find_ways(
            self.self_id,
            self.first_hops,
            self.records,
            only_up=True,
            avoid=avoid - {target},
            avoid_peers=avoid_peers,
            wanted=target,
        ).get(target)

    def ways(self, *, avoid: frozenset[str], avoid_peers: frozenset[str]) -> Mapping[str, Way]:
        """The best live ways to all gateways but those of `avoid`, over none of `avoid_peers`."""
        return find_ways(
            self.self_id,
            self.first_hops,
            self.records,
            only_up=True,
            avoid=avoid,
            avoid_peers=avoid_peers,
        )

    def label(self, instance: str) -> str:
        """The name users see for a gateway: `local`, its shortest configured way, or its id."""
        if instance == self.self_id:
            return "local"
        way = self.configured.get(instance)
        return instance if way is None else way.label()

    def rank(self) -> Mapping[str, int]:
        """The one order of gateways everything is decided by: own, then by first hop, length, instance."""
        order = {hop.link.peer: number for number, hop in enumerate(self.first_hops)}
        ways = sorted(self.configured.values(), key=lambda way: (order[way.peers[0]], len(way.peers), way.target))
        return {self.self_id: 0} | {way.target: number for number, way in enumerate(ways, start=1)}

    def unidentified(self) -> tuple[tuple[str, ...], ...]:
        """Links without an instance in our own or any live record, each as the peer names of the way to it."""
        found: list[tuple[str, ...]] = [(hop.link.peer,) for hop in self.first_hops if hop.link.instance is None]
        for instance, way in self.live.items():
            record = self.records.get(instance)
            if record is not None:
                found.extend((*way.peers, link.peer) for link in record.links if link.instance is None)
        return tuple(sorted(found))

    def too_far(self) -> tuple[tuple[str, ...], ...]:
        """Links that lead to gateways more than MAX_HOPS links away, each as the peer names of the way to it."""
        found: list[tuple[str, ...]] = []
        for instance, way in self.configured.items():
            if len(way.peers) == MAX_HOPS and (record := self.records.get(instance)) is not None:
                found.extend(
                    (*way.peers, link.peer)
                    for link in record.links
                    if link.instance is not None and not self.is_known(link.instance)
                )
        return tuple(sorted(found))


def survey(self_id: str, first_hops: Sequence[FirstHop], records: Mapping[str, Record]) -> Topology:
    """The topology seen from `self_id`; `records` that cannot be reached over any link are left out."""
    hops = tuple(first_hops)
    configured = find_ways(self_id, hops, records, only_up=False)
    kept = {instance: record for instance, record in records.items() if instance in configured or instance == self_id}
    live = find_ways(self_id, hops, kept, only_up=True)
    return Topology(self_id, hops, kept, configured, live)


def find_ways(
    self_id: str,
    first_hops: Sequence[FirstHop],
    records: Mapping[str, Record],
    *,
    only_up: bool,
    avoid: frozenset[str] = NOBODY,
    avoid_peers: frozenset[str] = NOBODY,
    wanted: str | None = None,
) -> dict[str, Way]:
    """The best way to every gateway, breadth first, at most MAX_HOPS links long; stops once it has `wanted`."""
    found: dict[str, Way] = {}
    for trusted in (True, False):
        if wanted in found:
            break
        starts = [
            Way((hop.link.peer,), (hop.link.instance,))
            for hop in first_hops
            if hop.trusted is trusted
            and hop.link.instance is not None
            and hop.link.peer not in avoid_peers
            and _passable(hop.link, only_up=only_up)
        ]
        # A gateway far away over trusted links may be passed again on a shorter way to those out of their reach.
        ways = _spread(starts, records, avoid | {self_id}, only_up=only_up, wanted=wanted)
        found |= {target: way for target, way in ways.items() if target not in found}
    return found


def _spread(
    ways: Iterable[Way], records: Mapping[str, Record], closed: frozenset[str], *, only_up: bool, wanted: str | None
) -> dict[str, Way]:
    """The shortest continuation of `ways`, all one link long, to every gateway that is not `closed`."""
    found: dict[str, Way] = {}
    for _ in range(MAX_HOPS):
        newest = []
        for way in ways:
            if way.target not in found and way.target not in closed:
                found[way.target] = way
                newest.append(way)
        if wanted in found or not newest:
            break
        ways = (extended for way in newest for extended in _extensions(way, records.get(way.target), only_up=only_up))
    return found


def _extensions(way: Way, record: Record | None, *, only_up: bool) -> Iterable[Way]:
    if record is None:
        return
    for link in record.links:
        if link.instance is not None and _passable(link, only_up=only_up):
            yield Way((*way.peers, link.peer), (*way.instances, link.instance))


def _passable(link: Link, *, only_up: bool) -> bool:
    return not only_up or link.state is LinkState.UP


class Own(msgspec.Struct, frozen=True):
    """We alone answer for the entity."""


class Remote(msgspec.Struct, frozen=True):
    """One other gateway answers for it."""

    instance: str


class Shared(msgspec.Struct, frozen=True):
    """Several gateways contribute or own members; in the order of contributions, live or not."""

    instances: tuple[str, ...]


class Gone(msgspec.Struct, frozen=True):
    """Nobody who contributes is live."""

    instances: tuple[str, ...]


Owner = Own | Remote | Shared | Gone


_OWN: Final = Own()


def owner_of(owners: Sequence[str], topology: Topology) -> Owner:
    """Who answers, given all known contributors and owners of members in order (at least one)."""
    if len(owners) == 1:
        only = owners[0]
        if only == topology.self_id:
            return _OWN
        return Remote(only) if topology.is_live(only) else Gone((only,))
    if not any(map(topology.is_live, owners)):
        return Gone(tuple(owners))
    return Shared(tuple(owners))
