"""Views as refresh publishes them, built from records alone; and the ids of the gateways in them."""

from collections.abc import Sequence
from dataclasses import dataclass

from entities.classify import classify
from entities.gather import Picture, gather_records
from entities.merge import Retain, merge
from entities.model import Entity, EntityKind
from entities.names import NameTable, give_names
from entities.records import Link, LinkState, Record, TreeDocument, url_digest
from entities.routes import FirstHop, Topology, survey
from peers.errors import PeerReason
from peers.view import FederatedView, Gap, TreeView, Warned


def instance(name: str) -> str:
    """The instance id of the gateway of this name, in the form of one."""
    return f"{name:_<22}"[:22]


@dataclass(frozen=True)
class Peer:
    """One of our links: `record` is what the gateway behind it says, None if it was never reached.

    `behind` are records it passes on.
    """

    name: str
    record: Record | None
    up: bool = True
    behind: tuple[Record, ...] = ()

    def link(self) -> Link:
        known = None if self.record is None else self.record.id
        return Link(self.name, url_digest(self.name), LinkState.UP if self.up else LinkState.DOWN, known)


def record(name: str, *entities: Entity, links: Sequence[Link] = ()) -> Record:
    """The record of a gateway that owns `entities`, and has these links to others."""
    kinds: dict[str, list[Entity]] = {kind.value: [] for kind in EntityKind}
    for entity in entities:
        kinds[f"{type(entity).__name__.lower()}s"].append(entity)
    fields = {name: tuple(found) for name, found in kinds.items()}
    return Record(id=instance(name), version=(1, 1), name=name, links=tuple(links), **fields)  # type: ignore[arg-type]  # each tuple holds entities of its own kind


def link_to(name: str, target: Record, *, up: bool = True) -> Link:
    """A link in a record: to the gateway of `target`, under this peer name."""
    return Link(name, url_digest(name), LinkState.UP if up else LinkState.DOWN, target.id)


def view_of(
    own: Record, *peers: Peer, retain: Retain = "none", warnings: tuple[Warned, ...] = (), generation: int = 1
) -> FederatedView:
    """What the gateway of `own` shows, with a gap for every gateway that is silent."""
    records = gather_records(own, [_picture(peer) for peer in peers if peer.record is not None])
    topology = survey(own.id, [FirstHop(peer.link()) for peer in peers], records)
    names = give_names(topology, lambda _peer, _instance, own_id: own_id, NameTable(), periodic=True).table
    alone = survey(own.id, [], {own.id: own})
    return FederatedView(
        generation=generation,
        own_record=own,
        topology=topology,
        names=names,
        merged=_tree(topology, names, retain),
        own=_tree(alone, NameTable(), "none"),
        renamed=names.differing(topology.records),
        gaps=tuple(_gaps(topology)),
        warnings=warnings,
    )


def _tree(topology: Topology, names: NameTable, retain: Retain) -> TreeView:
    merged = merge(topology, names, retain=retain)
    return TreeView(merged, classify(merged))


def _picture(peer: Peer) -> Picture:
    assert peer.record is not None
    document = TreeDocument(1, peer.record.id, instance("boot"), 1, (peer.record, *peer.behind))
    return Picture(peer.name, document, up=peer.up)


def _gaps(topology: Topology) -> list[Gap]:
    silent = [one for one in topology.configured if not topology.is_live(one)]
    refused = PeerReason.CONNECTION_REFUSED.value
    known = [Gap(topology.label(one), refused, one, elapsed_ms=3) for one in sorted(silent)]
    return known + [Gap("/".join(way), refused, elapsed_ms=3) for way in topology.unidentified()]
