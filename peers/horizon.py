"""What we show to a gateway that may be one of those we read: nothing that is its own. Pure."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import msgspec

from entities.classify import classify
from entities.merge import merge
from entities.records import Record
from peers.view import FederatedView, TreeView


@dataclass(frozen=True, slots=True)
class Hidden:
    """The foreign gateways whose own is not shown to one reader.

    `proved` were heard to read us from its address. `suspected` list what came from us: any reader may be one of them.
    """

    proved: frozenset[str] = frozenset()
    suspected: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.proved | self.suspected


def tree_without(view: FederatedView, hidden: Hidden) -> TreeView:
    """The merged tree without the contributions of the gateways `hidden`.

    Leaf Components that a proved one shares with others are left out whole: an upstream gateway sends everything for
    a leaf that others list to one of these, also what is its own. Parents, Areas and Functions it answers for itself.
    On a mere suspicion they stay, with the part of the others: it must not take these from readers that are innocent.
    """
    taken = {
        one.id
        for one in view.merged.tree.components.values()
        if one.id not in view.merged.structure.subcomponents and not hidden.proved.isdisjoint(one.instances)
    }
    records = {
        instance: _without(record, taken)
        for instance, record in view.topology.records.items()
        if instance not in hidden.all
    }
    tree = merge(replace(view.topology, records=records), view.names, retain=view.retain)
    return TreeView(tree, classify(tree))


def _without(record: Record, taken: AbstractSet[str]) -> Record:
    kept = tuple(one for one in record.components if one.id not in taken)
    return record if len(kept) == len(record.components) else msgspec.structs.replace(record, components=kept)
