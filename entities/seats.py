"""Where gateways sit: the instance last seen at every link, and who took whose seat. Pure.

A container without its volume comes back at its URL as another instance. It is the heir of the one before it, unless
it was seen at another URL already (it has moved) or the one before is still live at another URL (that has moved).
Several gateways may link to one URL; the nearest of them, live ones first, says who sits there, so that nobody
farther away can unseat a gateway. Source: docs/architecture.md, "Names".
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from entities.records import Link, LinkState
from entities.routes import Topology

Seat = tuple[str, str]
"""(owner of a link, the link's `at`)."""


@dataclass(frozen=True, slots=True)
class Seating:
    """The instance last seen at each link of a known gateway, and old instance -> heir."""

    seats: dict[Seat, str]
    heirs: Mapping[str, str]


def take_seats(topology: Topology, previous: Mapping[Seat, str]) -> Seating:
    """Who sits where now, given who sat there at the last refresh; a link without an instance keeps its last."""
    links = list(_links(topology))
    was_at = _urls_by_instance((sitter, at) for (_, at), sitter in previous.items())
    is_at = _urls_by_instance(
        (link.instance, link.at)
        for owner, link in links
        if link.instance is not None and link.state is LinkState.UP and topology.is_live(owner)
    )
    own_peers = {hop.link.instance for hop in topology.first_hops}
    seats: dict[Seat, str] = {}
    heirs: dict[str, str] = {}
    before: dict[str, str] = {}
    decided: set[str] = set()
    for owner, link in links:
        # What stands behind a replaced gateway sits where it sat behind the old one.
        last = previous.get((owner, link.at)) or previous.get((before.get(owner, owner), link.at))
        sitter = link.instance or last
        if sitter is None:
            continue
        seats[owner, link.at] = sitter
        if link.instance is None or link.at in decided:
            continue
        decided.add(link.at)
        if last is None or last == sitter or topology.self_id in (last, sitter):
            continue
        if owner != topology.self_id and last in own_peers:
            continue  # our own link alone says who sits at its end
        elsewhere = (was_at.get(sitter, set()) | is_at.get(last, set())) - {link.at}
        if not elsewhere:
            heirs.setdefault(last, sitter)
            before[sitter] = last
    return Seating(seats, heirs)


def keep_seats(topology: Topology, previous: Mapping[Seat, str], waiting: Collection[str]) -> dict[Seat, str]:
    """Seats of those `waiting`, whose names are reserved: unknown for a moment, while those before them come back."""
    return {seat: sitter for seat, sitter in previous.items() if sitter in waiting and not topology.is_known(sitter)}


def _urls_by_instance(sightings: Iterator[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for instance, at in sightings:
        found.setdefault(instance, set()).add(at)
    return found


def _links(topology: Topology) -> Iterator[tuple[str, Link]]:
    """Every link of every known gateway with its owner: ours, then those of live gateways, nearest first."""
    for hop in topology.first_hops:
        yield topology.self_id, hop.link
    for owner in dict.fromkeys((*topology.live, *topology.configured)):
        record = topology.records.get(owner)
        for link in () if record is None else record.links:
            yield owner, link
