"""The record of a gateway that has none: what its reader publishes for it, and the version that rises with changes."""

from collections.abc import Iterable

import msgspec

from entities.codec import TREE_FORMAT
from entities.identity import GatewayIdentity, foreign_id
from entities.model import GatewayTree
from entities.records import Link, LinkState, Record, TreeDocument, Version, url_digest
from peers.foreign_health import ItsPeer
from peers.foreign_names import fit_name
from peers.native import HeldTree


class ForeignRecord:
    """Makes the document of one foreign peer, as the peer itself would give it."""

    def __init__(self, reader: GatewayIdentity, name: str, url: str) -> None:
        """`name`: of the peer here; `url`: normalised."""
        self._reader = reader
        self._name = name
        self.id = foreign_id(reader.instance_id, url)

    def update(self, held: HeldTree | None, tree: GatewayTree, links: Iterable[Link], *, dropped: int) -> HeldTree:
        """The document of what is true now; `held` itself while nothing changed."""
        before = None if held is None else held.document.records[0]
        record = Record(
            id=self.id,
            version=(0, 0) if before is None else before.version,
            name=self._name,
            links=tuple(links),
            foreign=True,
            reader=self._reader.instance_id,
            areas=tree.areas,
            components=tree.components,
            apps=tree.apps,
            functions=tree.functions,
        )
        if held is not None and record == before and held.dropped == dropped:
            return held
        version = self._above(record.version)
        document = TreeDocument(
            format=TREE_FORMAT,
            instance_id=self.id,
            boot_id=self._reader.boot_id,
            generation=version[1],
            records=(msgspec.structs.replace(record, version=version),),
        )
        return HeldTree(document, etag=None, dropped=dropped)

    def _above(self, version: Version) -> Version:
        epoch, seq = version
        return (epoch, seq + 1) if epoch >= self._reader.epoch else (self._reader.epoch, 1)


def silent_links(peers: Iterable[ItsPeer]) -> tuple[Link, ...]:
    """Links to the gateways behind it that it has lost, so that they are named; what answers stands in its lists."""
    lost = {fit_name(peer.name): peer.url for peer in peers if not peer.is_online}
    return tuple(Link(peer=name, at=url_digest(url), state=LinkState.DOWN) for name, url in sorted(lost.items()))
