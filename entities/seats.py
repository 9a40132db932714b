"""Where gateways sit: the instance last seen at every link, and who took whose seat. Pure.

A container without its volume comes back at its URL as another instance. It is the heir of the one before it, unless
it was seen at another URL already (it has moved) or the one before is still live at another URL (that has moved).
Several gateways may link to one URL; the nearest of them, live ones first, says who sits there, so that nobody
farther away can unseat a gateway. Who sits nowhere by that is a memory of those who have not noticed, and has no say
itself. Source: docs/architecture.md, "Names".
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from entities.records import Link, LinkState
from entities.routes import Topology

Seat = tuple[str, str]
"""(owner of a link, the link's `at`)."""


@dataclass(frozen=True, slots=True)
class Seating:
    """The instance last seen at each link of a known gateway, and old instance -> heir.

    `remembered`: the seats of the last refresh, those behind a replaced gateway also as seats behind its heir.
    """

    seats: dict[Seat, str]
    heirs: Mapping[str, str]
    remembered: Mapping[Seat, str]

    def kept(self, waiting: Collection[str]) -> dict[Seat, str]:
        """The seats to keep: those of known gateways, and of unknown ones `waiting` with their names reserved."""
        return {seat: sitter for seat, sitter in self.remembered.items() if sitter in waiting} | self.seats


def take_seats(topology: Topology, previous: Mapping[Seat, str]) -> Seating:
    """Who sits where now, given who sat there at the last refresh.

    A link without an instance keeps its last, and so do all links of a gateway whose record nobody has read yet.
    """
    links = list(_links(topology))
    was_at = _grouped((sitter, at) for (_, at), sitter in previous.items())
    is_at = _grouped((link.instance or "", link.at) for owner, link in links if _is_up(topology, owner, link))
    linked_to = _grouped(previous)
    remembered = dict(previous)
    own_peers = {hop.link.instance for hop in topology.first_hops}
    seats: dict[Seat, str] = {}
    heirs: dict[str, str] = {}
    decided: set[str] = set()
    seated = {topology.self_id}
    for owner, link in links:
        last = remembered.get((owner, link.at))
        sitter = link.instance or last
        if sitter is None:
            continue
        seats[owner, link.at] = sitter
        if link.instance is None or link.at in decided or owner not in seated:
            continue
        decided.add(link.at)
        seated.add(sitter)
        if last is None or last == sitter or topology.self_id in (last, sitter):
            continue
        if owner != topology.self_id and last in own_peers:
            continue  # our own link alone says who sits at its end
        elsewhere = (was_at.get(sitter, set()) | is_at.get(last, set())) - {link.at}
        if not elsewhere and last not in heirs:
            heirs[last] = sitter
            for at in linked_to.get(last, ()):
                remembered.setdefault((sitter, at), previous[last, at])
    unread = {
        (owner, at): sitter
        for (owner, at), sitter in remembered.items()
        if owner not in topology.records and topology.is_known(owner)
    }
    return Seating(unread | seats, heirs, remembered)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        found.setdefault(one, set()).add(other)
    return found


def _is_up(topology: Topology, owner: str, link: Link) -> bool:
    return link.instance is not None and link.state is LinkState.UP and topology.is_live(owner)


def _links(topology: Topology) -> Iterator[tuple[str, Link]]:
    """Every link of every known gateway with its owner: ours, then those of live gateways, nearest first."""
    for hop in topology.first_hops:
        yield topology.self_id, hop.link
    for owner in dict.fromkeys((*topology.live, *topology.configured)):
        record = topology.records.get(owner)
        for link in () if record is None else record.links:
            yield owner, link
