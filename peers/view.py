"""What is served: one frozen picture of the federation per generation, and the holder it is swapped in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from entities.classify import Structure
from entities.items import ItemTable
from entities.merge import MergedEntity, MergedTree, Retain
from entities.model import EntityKind
from entities.names import NameTable
from entities.records import Names, Record
from entities.routes import Gone, Owner, Topology, owner_of

KEPT_OWNERS: Final = 4096
"""Owners kept per view; those of further entities are found anew each time."""


class Gap(msgspec.Struct, frozen=True):
    """Something that is missing from an answer: who, why, and what was tried.

    `instance` is None for a peer whose identity nobody has learned. `label` is what users read. `behind`: the foreign
    gateway `instance` did answer, but without this peer of its own.
    """

    label: str
    reason: str
    instance: str | None = None
    status: int | None = None
    elapsed_ms: int = 0
    tried: tuple[str, ...] = ()
    is_timeout: bool = False
    behind: str | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """One entry of `/health.warnings` (docs/api.md, "Warnings")."""

    code: str
    message: str
    entity_ids: tuple[str, ...] = ()
    peer_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """One peer as `/health` shows it. Times are Unix seconds, `rtt_ms` milliseconds."""

    name: str
    url: str
    online: bool
    state: str
    since: float
    found_by: str
    reason: str | None = None
    last_ok: float | None = None
    rtt_ms: float | None = None
    entities: int | None = None
    instance_id: str | None = None
    foreign: bool = False
    """It is read as an upstream gateway: by its collections, for it has no tree document."""
    version: str | None = None
    """Of the program that answers there, as it says."""
    source: str = "static"
    """The name of the source that found it."""
    why: str | None = None
    """What is wrong, for people, while something is."""


@dataclass(frozen=True, slots=True)
class TreeView:
    """A merged tree with its structure: of the federation, or of our own record alone."""

    tree: MergedTree
    structure: Structure

    def find(self, kind: EntityKind, entity_id: str) -> MergedEntity | None:
        """The entity known here under this id, listed or not."""
        return self.tree.of(kind).get(entity_id)

    def owners(self, kind: EntityKind, entity_id: str) -> tuple[str, ...]:
        """All gateways that contribute to it or own a member, contributors first; empty if unknown."""
        return self.structure.owners[kind].get(entity_id, ())


@dataclass(frozen=True, slots=True)
class FederatedView:
    """The federation as this gateway sees it in one generation; handlers take it once per request.

    `merged` is what clients see; `own` is our record alone, for requests whose Target we are. `gaps` name every
    gateway that is known and silent, and every link nobody has identified.
    """

    generation: int
    own_record: Record
    topology: Topology
    names: NameTable
    merged: TreeView
    own: TreeView
    renamed: Names = field(default_factory=dict)
    """Per known instance, its Apps whose id here is not their own."""
    gaps: tuple[Gap, ...] = ()
    warnings: tuple[Warned, ...] = ()
    retain: Retain = "none"
    """Which entities of silent gateways `merged` lists."""
    owned: dict[tuple[EntityKind, str], Owner] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Who answers for entities that were asked for, found once per view."""
    tables: dict[tuple[bool, EntityKind, str, str], ItemTable] = field(default_factory=dict, compare=False, repr=False)
    """Item ids of entities that were asked for, made once per view; it holds nothing that the view does not say."""

    @property
    def self_id(self) -> str:
        """Our instance id."""
        return self.topology.self_id

    def owner(self, kind: EntityKind, entity_id: str) -> Owner | None:
        """Who answers for an entity as clients name it, or None if it is unknown. Gone: no contributor is live."""
        owner = self.owned.get((kind, entity_id))
        if owner is None:
            entity = self.merged.find(kind, entity_id)
            if entity is None:
                return None
            available = owner_of(self.merged.owners(kind, entity_id), self.topology) if entity.available else None
            owner = available or Gone(entity.instances)
            if len(self.owned) < KEPT_OWNERS:
                self.owned[kind, entity_id] = owner
        return owner

    def own_id(self, kind: EntityKind, entity_id: str) -> str:
        """The id its owner gives an entity that is called `entity_id` here."""
        if kind is not EntityKind.APP:
            return entity_id
        return self.names.origins.get(entity_id, ("", entity_id))[1]

    def id_here(self, kind: EntityKind, instance: str, own_id: str) -> str:
        """The id here of what `instance` calls `own_id`."""
        if kind is not EntityKind.APP:
            return own_id
        return self.renamed.get(instance, {}).get(own_id, own_id)

    def first_peer(self, instance: str) -> str | None:
        """Our peer at the beginning of the shortest configured way; None for ourselves."""
        way = self.topology.configured.get(instance)
        return None if way is None else way.first_peer

    def source_of(self, entity: MergedEntity) -> str:
        """The `source` shown for it: its own if we contribute, else `peer:<first hop>` of the first contributor."""
        first = entity.contributions[0]
        peer = self.first_peer(first.instance)
        return entity.entity.source if peer is None else f"peer:{peer}"

    def contributors_of(self, entity: MergedEntity) -> list[str]:
        """`local` first, then `peer:<first hop>` sorted, each once."""
        peers = {self.first_peer(instance) for instance in entity.instances}
        return (["local"] if None in peers else []) + sorted(f"peer:{peer}" for peer in peers if peer is not None)


@dataclass(slots=True)
class ViewHolder:
    """The current view; `publish` swaps it in one assignment and tells the listeners. The only writer is refresh."""

    current: FederatedView
    listeners: list[Callable[[FederatedView], None]] = field(default_factory=list)

    def publish(self, view: FederatedView) -> None:
        """Makes `view` the one every new request takes."""
        self.current = view
        for listener in self.listeners:
            listener(view)
