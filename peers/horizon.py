"""What we show to a gateway that may be one of those we read: nothing that is its own. Pure."""

from collections.abc import Set as AbstractSet
from dataclasses import replace

import msgspec

from entities.classify import classify
from entities.merge import merge
from entities.records import Record
from peers.view import FederatedView, TreeView


def tree_without(view: FederatedView, hidden: AbstractSet[str]) -> TreeView:
    """The merged tree without the contributions of the gateways `hidden`.

    Leaf Components that they share with others are left out whole: an upstream gateway sends everything for a leaf
    that others list to one of these, also what is its own. Parents, Areas and Functions it answers for itself.
    """
    taken = {
        one.id
        for one in view.merged.tree.components.values()
        if one.id not in view.merged.structure.subcomponents and not hidden.isdisjoint(one.instances)
    }
    records = {
        instance: _without(record, taken)
        for instance, record in view.topology.records.items()
        if instance not in hidden
    }
    tree = merge(replace(view.topology, records=records), view.names, retain=view.retain)
    return TreeView(tree, classify(tree))


def _without(record: Record, taken: AbstractSet[str]) -> Record:
    kept = tuple(one for one in record.components if one.id not in taken)
    return record if len(kept) == len(record.components) else msgspec.structs.replace(record, components=kept)
