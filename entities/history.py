"""What changed between two generations of a tree document: made by its gateway, applied by its readers. Pure."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from entities.codec import TREE_FORMAT
from entities.records import Names, Record, TreeDocument

HELD_GENERATIONS: Final = 64
"""Generations a diff can start from; an older reader gets the full document."""

HELD_ENTITIES: Final = 200_000
"""Entities of records that have changed since, over all generations held; beyond, the oldest generation goes."""

_NO_NAMES: Final[Mapping[str, str]] = {}


@dataclass(slots=True)
class History:
    """The last generations of one boot; `add` is called once per published generation."""

    documents: OrderedDict[int, TreeDocument] = field(default_factory=OrderedDict)
    _old: dict[int, int] = field(default_factory=dict)
    """Per generation, the entities of its records that the next one no longer has."""

    def add(self, document: TreeDocument) -> None:
        """Remembers a full document; the oldest is forgotten."""
        before = next(reversed(self.documents.values()), None)
        self.documents[document.generation] = document
        if before is not None:
            kept = {id(record) for record in document.records}
            self._old[before.generation] = sum(len(record.tree) for record in before.records if id(record) not in kept)
        while len(self.documents) > HELD_GENERATIONS or sum(self._old.values()) > HELD_ENTITIES:
            generation, _ = self.documents.popitem(last=False)
            self._old.pop(generation, None)

    def at(self, boot_id: str, generation: int) -> TreeDocument | None:
        """The document of that generation, or None if it is not held any more."""
        held = self.documents.get(generation)
        return held if held is not None and held.boot_id == boot_id else None


def diff(old: TreeDocument, new: TreeDocument) -> TreeDocument:
    """Records and names of the instances that changed, each whole, and those forgotten."""
    before = {record.id: record for record in old.records}
    after = {record.id: record for record in new.records}
    renamed = {
        instance
        for instance in old.names.keys() | new.names.keys()
        if old.names.get(instance, _NO_NAMES) != new.names.get(instance, _NO_NAMES)
    }
    changed = [record for record in new.records if record.id in renamed or not _same(before.get(record.id), record)]
    return TreeDocument(
        format=TREE_FORMAT,
        instance_id=new.instance_id,
        boot_id=new.boot_id,
        generation=new.generation,
        records=tuple(changed),
        forgotten=tuple(sorted(before.keys() - after.keys())),
        names={
            record.id: new.names.get(record.id, _NO_NAMES)
            for record in changed
            if record.id in renamed | new.names.keys()
        },
        since=f"{old.boot_id}:{old.generation}",
    )


def _same(before: Record | None, after: Record) -> bool:
    return before is not None and (before is after or before == after)


def apply_diff(held: TreeDocument, change: TreeDocument) -> TreeDocument | None:
    """`held` brought up to date, or None if the diff starts from another state or gateway."""
    if change.since != f"{held.boot_id}:{held.generation}" or change.instance_id != held.instance_id:
        return None
    changed = {record.id: record for record in change.records}
    forgotten = set(change.forgotten)
    records = [changed.pop(record.id, record) for record in held.records if record.id not in forgotten]
    records.extend(changed.values())
    touched = {record.id for record in change.records} | forgotten
    names: Names = {
        instance: given
        for instance, given in (
            {key: held.names[key] for key in held.names if key not in touched} | dict(change.names)
        ).items()
        if given
    }
    return msgspec.structs.replace(
        held,
        boot_id=change.boot_id,
        generation=change.generation,
        records=tuple(records),
        names=dict(sorted(names.items())),
    )
