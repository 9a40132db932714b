"""Decides how a fan-out is divided among our peers, and settles their answers. No I/O.

Every wanted gateway is asked once, behind the first hop of its best way; what an answer reports missing is asked
again over other ways. What stays unanswered is a gap with a name. Source: docs/architecture.md, "Fan-out".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from entities.hops import MAX_LISTED, Hops
from entities.routes import MAX_HOPS, NOBODY, Topology, Way
from peers.errors import PeerError, PeerReason
from peers.view import Gap

MAX_SURVEYS: Final = 16
"""Times per round that ways are searched anew because other gateways are to be left out; beyond, origins are gaps.

Honest answers name few gateways that were tried; what a hostile one names must not keep the loop busy.
"""

_LeftOut = tuple[frozenset[str], frozenset[str]]

Item = dict[str, Any]


class Ask(msgspec.Struct, frozen=True):
    """One request of a fan-out: this peer answers for `hops.origins`, itself or by asking on."""

    peer: str
    instance: str
    hops: Hops

    @property
    def origins(self) -> tuple[str, ...]:
        """The gateways the peer is to answer for."""
        return self.hops.origins or ()


class PeerPart(msgspec.Struct, frozen=True):
    """A peer's well-formed answer to an Ask: items by origin, who answered, who is missing."""

    items: tuple[tuple[str, Item], ...]
    answered: frozenset[str]
    missing: tuple[Gap, ...]
    strangers: int = 0
    """Items of origins not asked for; they were dropped."""
    behind: tuple[Gap, ...] = ()
    """Peers of foreign gateways that these could not ask."""


class FanoutResult(msgspec.Struct, frozen=True):
    """All items with the gateway each came from, who answered, and what is missing. Partial is a value."""

    items: tuple[tuple[str, Item], ...] = ()
    answered: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


class _Wanted(msgspec.Struct):
    scope: tuple[str, ...]
    tried: dict[str, None]
    failed_peers: frozenset[str] = NOBODY
    gap: Gap | None = None


class Division:
    """One fan-out: `next_asks` until it is empty, each Ask settled once, then `result`."""

    def __init__(self, topology: Topology, wanted: Mapping[str, Sequence[str]], hops: Hops) -> None:
        """`wanted`: origin -> the Components in scope there; ourselves never among them. `hops` as received."""
        self._topology = topology
        self._hops = hops
        self._via = (*hops.via, topology.self_id)
        self._passed = frozenset(self._via)
        # Mutable: who is still wanted, what arrived, what is final.
        self._pending = {origin: _Wanted(tuple(scope), dict.fromkeys(hops.tried)) for origin, scope in wanted.items()}
        self._items: list[tuple[str, Item]] = []
        self._answered: dict[str, None] = {}
        self._gaps: list[Gap] = []
        self._noted: dict[tuple[str | None, str | None, str], Gap] = {}

    def next_asks(self, *, deadline_ms: int | None = None) -> list[Ask]:
        """The requests to send now; those without any way left become gaps.

        `deadline_ms`: what each is told instead of what came with the hops.
        """
        hops = self._hops if deadline_ms is None else replace(self._hops, deadline_ms=deadline_ms)
        groups: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
        surveyed: dict[_LeftOut, Mapping[str, Way]] = {}
        for origin, wanted in list(self._pending.items()):
            way = self._way_to(origin, wanted, surveyed)
            if way is None:
                self._close(origin, wanted.gap or self._no_way(origin))
                continue
            groups.setdefault((way.first_peer, way.instances[0], tuple(wanted.tried)), []).append(origin)
        return [
            Ask(
                peer,
                instance,
                replace(hops, via=self._via, to=instance, tried=tried, origins=origins, scope=scope),
            )
            for (peer, instance, tried), members in groups.items()
            for origins, scope in self._requests(members)
        ]

    def _way_to(self, origin: str, wanted: _Wanted, surveyed: dict[_LeftOut, Mapping[str, Way]]) -> Way | None:
        """The best way left to an origin. All ways that leave out the same are found at once."""
        if len(self._via) > MAX_HOPS:
            return None
        avoid = self._passed.union(wanted.tried) if wanted.tried else self._passed
        avoid_peers = wanted.failed_peers
        best = self._topology.live.get(origin)
        if best is None or best.avoids(avoid, avoid_peers):
            return best
        if origin in avoid:
            return self._topology.way_to(origin, avoid=avoid, avoid_peers=avoid_peers)
        ways = surveyed.get((avoid, avoid_peers))
        if ways is None:
            if len(surveyed) >= MAX_SURVEYS:
                return None
            ways = surveyed[avoid, avoid_peers] = self._topology.ways(avoid=avoid, avoid_peers=avoid_peers)
        return ways.get(origin)

    def _no_way(self, origin: str) -> Gap:
        """Known silent is told as such; a live gateway without a way left is `no_route`."""
        live = self._topology.is_live(origin)
        reason = PeerReason.NO_ROUTE if live else PeerReason.DESTINATION_UNAVAILABLE
        return Gap(self._topology.label(origin), reason.value, origin)

    def _requests(self, origins: Sequence[str]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """(origins, scope) pairs within the header limits; an origin of a very wide scope stands in several."""
        if len(origins) == 1 and len(scope := self._pending[origins[0]].scope) <= MAX_LISTED:
            return [(tuple(origins), scope)]
        requests: list[tuple[list[str], dict[str, None]]] = []
        for origin in origins:
            scope = self._pending[origin].scope
            pieces = [scope[at : at + MAX_LISTED] for at in range(0, len(scope), MAX_LISTED)] or [()]
            for piece in pieces:
                last = requests[-1] if requests else None
                if (
                    last is None
                    or len(pieces) > 1
                    or len(last[0]) >= MAX_LISTED
                    or len(last[1].keys() | set(piece)) > MAX_LISTED
                ):
                    last = ([], {})
                    requests.append(last)
                last[0].append(origin)
                last[1].update(dict.fromkeys(piece))
        return [(tuple(members), tuple(scope)) for members, scope in requests]

    def settle(self, asks: Sequence[tuple[Ask, PeerPart | PeerError]]) -> None:
        """What came back for the asks of one round."""
        answered: dict[str, bool] = {}
        missing: dict[str, tuple[Ask, Gap]] = {}
        for ask, outcome in asks:
            match outcome:
                case PeerError():
                    self._failed(ask, outcome, missing)
                case PeerPart():
                    self._took(ask, outcome, answered, missing)
        # An origin asked in several pieces has answered only if every piece did.
        for origin, (ask, gap) in missing.items():
            self._again(origin, ask, gap)
        for origin in answered:
            if origin not in missing and self._pending.pop(origin, None) is not None:
                self._answered[origin] = None
        if missing:
            self._items = [(origin, item) for origin, item in self._items if origin in self._answered]

    def _took(self, ask: Ask, part: PeerPart, answered: dict[str, bool], missing: dict[str, tuple[Ask, Gap]]) -> None:
        if part.strangers:
            self._note(Gap(self._topology.label(ask.instance), PeerReason.INVALID_JSON.value, ask.instance))
        for gap in part.behind:
            label = f"{self._topology.label(gap.instance or ask.instance)}/{gap.behind}"
            self._note(replace(gap, label=label))
        told = {gap.instance: gap for gap in part.missing}
        for origin in ask.origins:
            if origin in part.answered and origin not in told:
                answered[origin] = True
                continue
            gap = told.get(origin) or Gap("", PeerReason.INVALID_JSON.value, origin)
            missing[origin] = (ask, replace(gap, label=self._topology.label(origin)))
        self._items.extend([(origin, item) for origin, item in part.items if origin not in missing])

    def _note(self, gap: Gap) -> None:
        """A gap beside an answer, once however many requests tell of it."""
        self._noted.setdefault((gap.instance, gap.behind, gap.reason), gap)

    def _failed(self, ask: Ask, error: PeerError, missing: dict[str, tuple[Ask, Gap]]) -> None:
        for origin in ask.origins:
            gap = Gap(
                self._topology.label(origin),
                error.reason.value,
                origin,
                error.status,
                error.elapsed_ms,
                is_timeout=error.is_timeout,
            )
            missing[origin] = (ask, gap)

    def _again(self, origin: str, ask: Ask, gap: Gap) -> None:
        wanted = self._pending.get(origin)
        if wanted is None:
            return
        wanted.gap = gap
        wanted.failed_peers |= {ask.peer}
        wanted.tried.update(dict.fromkeys(gap.tried))
        if ask.instance != origin and gap.status is not None:
            wanted.tried[ask.instance] = None
        elif gap.status is not None and gap.status not in (421, 508):
            self._close(origin, gap)  # the gateway itself answered, and badly: another way leads to the same answer

    def _close(self, origin: str, gap: Gap) -> None:
        wanted = self._pending.pop(origin)
        tried = dict.fromkeys((*wanted.tried, *gap.tried, self._topology.self_id))
        self._gaps.append(replace(gap, label=self._topology.label(origin), tried=tuple(tried)))

    def out_of_time(self, elapsed_ms: int) -> None:
        """The deadline passed: everybody still wanted is a gap."""
        for origin in list(self._pending):
            wanted = self._pending[origin]
            gap = wanted.gap or Gap("", PeerReason.HTTP_RESPONSE_TIMEOUT.value, origin, is_timeout=True)
            self._close(origin, replace(gap, elapsed_ms=elapsed_ms))

    def result(self) -> FanoutResult:
        """Everything that arrived, each origin's items once, and the gaps."""
        return FanoutResult(tuple(self._items), tuple(self._answered), (*self._noted.values(), *self._gaps))
