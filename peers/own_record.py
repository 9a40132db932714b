"""Our own record: what we say of ourselves, and its version, which rises with every change."""

from collections.abc import Sequence

import msgspec

from entities.codec import unpublishable
from entities.gather import Picture, version_above
from entities.identity import GatewayIdentity
from entities.model import GatewayTree
from entities.records import Link, Record


class OwnRecord:
    """The newest record of ourselves."""

    def __init__(self, identity: GatewayIdentity) -> None:
        """Version (epoch of this start, 0), nothing linked, nothing owned."""
        # Mutable: the record, and why others do not take it.
        self.current = Record(id=identity.instance_id, version=(identity.epoch, 0), name=identity.name)
        self.refused: str | None = None
        """Why other gateways do not take our record, or not all of it; None if they do."""

    def update(self, tree: GatewayTree, links: Sequence[Link], pictures: Sequence[Picture]) -> Record:
        """The record for what is true now; the same object while nothing changed."""
        old = self.current
        raised = version_above(old, pictures)
        same_tree = old.tree is tree or _parts(old.tree) == _parts(tree)
        if raised == old.version and old.links == tuple(links) and same_tree:
            return old
        epoch, seq = raised
        self.current = Record(
            id=old.id,
            version=(epoch, seq + 1),
            name=old.name,
            links=tuple(links),
            areas=tree.areas,
            components=tree.components,
            apps=tree.apps,
            functions=tree.functions,
        )
        if not same_tree or len(old.links) != len(links):
            self.refused = unpublishable(self.current)
        return self.current


def _parts(tree: GatewayTree) -> tuple[object, ...]:
    return (tree.areas, tree.components, tree.apps, tree.functions)


def alone(record: Record) -> Record:
    """The record without its links: what is served to requests whose Target we are."""
    return msgspec.structs.replace(record, links=())
