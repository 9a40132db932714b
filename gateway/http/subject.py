"""The entity a resource request is about, with all that one view says of it, worked out when it is first asked for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from entities.classify import members_of, own_members
from entities.items import ItemTable, Listed, Member, item_table
from entities.merge import MergedEntity
from entities.model import EntityKind
from gateway.http.gaps import gap_of
from gateway.http.parts import Part
from gateway.http.path import API_PREFIX
from gateway.local.answers import EntityRef
from peers.view import FederatedView, Gap, TreeView

LARGE_ENTITY: Final = 1_000
"""Members from which on an entity's items are looked up and listed in a thread."""

KEPT_TABLES: Final = 256
"""Tables kept per view."""

KEPT_SUBJECTS: Final = 1024
"""Entities of one view whose answers stay worked out; beyond it all are forgotten, and worked out anew."""

KEPT_WHOSE: Final = 64
"""Members of one entity for which it stays worked out what their items have in common."""


class Whose(msgspec.Struct, frozen=True):
    """What all items of one member have in common.

    `ids`: item -> id shown, of the items that the records list. `medkit`: what `x-medkit` says beside their own.
    """

    member: Member
    ids: Mapping[str, str]
    medkit: Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """The entity whose collection is shown, in the tree it is shown from (merged, or our own for a Target)."""

    view: FederatedView
    shown: TreeView
    entity: MergedEntity
    scope: tuple[str, ...] | None = None
    """The Components below it as another gateway's tree has them, which then count instead of ours."""
    _whose: dict[tuple[str, str, EntityRef | None], Whose] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_own(self) -> bool:
        """Shown from our own tree: ids are our own, nobody else is asked."""
        return self.shown is self.view.own

    @cached_property
    def own_id(self) -> str:
        """The owner's own id of it."""
        entity = self.entity
        return entity.id if self.is_own else self.view.own_id(entity.kind, entity.id)

    @cached_property
    def members(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(Components, Apps) that belong to it, by their ids here."""
        if self.scope is not None:
            found = own_members(self.shown.tree, self.shown.structure, self.entity.kind, self.entity.id, self.scope)
            return self.scope, tuple(one for kind, one in found if kind is EntityKind.APP)
        return members_of(self.shown.tree, self.shown.structure, self.entity)

    @cached_property
    def local_members(self) -> tuple[EntityRef, ...]:
        """Our own part of it, under our own ids."""
        if self.entity.kind is EntityKind.APP:
            is_ours = self.entity.contributions[0].instance == self.view.self_id
            return (EntityRef(EntityKind.APP, self.own_id),) if is_ours else ()
        tree, structure = self.view.own.tree, self.view.own.structure
        found = own_members(tree, structure, self.entity.kind, self.entity.id, self.members[0])
        return tuple(EntityRef(kind, entity_id) for kind, entity_id in found)

    @property
    def has_several(self) -> bool:
        """Whether anybody but one member of ours has to do with it."""
        return bool(self.others) or len(self.local_members) > 1

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The other gateways that contribute to it or own a member of it; nobody when we are the Target."""
        if self.is_own:
            return ()
        owners = self.shown.owners(self.entity.kind, self.entity.id)
        return tuple(instance for instance in owners if instance != self.view.self_id)

    @cached_property
    def scopes(self) -> Mapping[str, tuple[str, ...]]:
        """Per gateway of `others`, the Components below it that the gateway contributes to or has members on."""
        found: dict[str, list[str]] = {instance: [] for instance in self.others}
        for component in self.members[0]:
            for owner in self.shown.owners(EntityKind.COMPONENT, component) if component != self.entity.id else ():
                if owner in found:
                    found[owner].append(component)
        return {instance: tuple(scope) for instance, scope in found.items()}

    @cached_property
    def live_scopes(self) -> Mapping[str, tuple[str, ...]]:
        """The same for those of them that can be reached."""
        return {one: scope for one, scope in self.scopes.items() if self.view.topology.is_live(one)}

    @cached_property
    def silent(self) -> tuple[Gap, ...]:
        """Gaps for the others: those known to be silent are named without being asked."""
        return tuple(
            replace(gap_of(self.view, one), elapsed_ms=0) for one in self.others if one not in self.live_scopes
        )

    async def prepare(self, collection: str) -> None:
        """Makes the table of a large entity in a thread, so that the loop stays free."""
        if collection in ("data", "operations") and sum(map(len, self.members)) > LARGE_ENTITY:
            await asyncio.to_thread(self.table, "data" if collection == "data" else "operations")

    def table(self, collection: Listed) -> ItemTable:
        """Its item ids, made once per view."""
        key = (self.is_own, self.entity.kind, self.entity.id, collection)
        found = self.view.tables.get(key)
        if found is None:
            found = self._table(collection)
            if len(self.view.tables) < KEPT_TABLES:
                self.view.tables[key] = found
        return found

    def _table(self, collection: Listed) -> ItemTable:
        view, tree, structure = self.view, self.shown.tree, self.shown.structure
        return item_table(tree, structure, view.topology, view.names, one=self.entity, collection=collection)

    def path(self, collection: str) -> str:
        """The path of a collection at every gateway that contributes: only Apps are renamed, and are never shared."""
        return f"{API_PREFIX}/{self.entity.kind.value}/{self.own_id}/{collection}"

    def member(self, part: Part) -> Member:
        """Whose part it is, by its id here."""
        ref = part.member or EntityRef(self.entity.kind, self.entity.id)
        here = ref.id if self.is_own else self.view.id_here(ref.kind, part.origin, ref.id)
        return Member(part.origin, ref.kind, ref.id, here)

    def whose(self, part: Part, collection: str) -> Whose:
        """What the part has in common with all items of its member in this collection."""
        key = (collection, part.origin, part.member)
        found = self._whose.get(key)
        if found is None:
            found = self._whose_of(part, collection)
            if len(self._whose) < KEPT_WHOSE:
                self._whose[key] = found
        return found

    def _whose_of(self, part: Part, collection: str) -> Whose:
        member = self.member(part)
        medkit: dict[str, Any] = self.source(part.origin)
        ids: Mapping[str, str] = {}
        match collection:
            case "data" | "operations":
                ids = self.table(collection).by_member.get(member, ids)
                if not self.is_itself(member):
                    medkit["member_ids"] = [member.here]
                if collection == "operations":
                    medkit["entity_id"] = self.entity.id
            case "logs" if not self.is_itself(member):
                medkit["member_ids"] = [member.here]
            case "faults" | "logs" if medkit:  # these ids stay bare: whose they are stands beside them
                medkit["member_ids"] = [member.here]
        return Whose(member, ids, medkit)

    def is_itself(self, member: Member) -> bool:
        """Whether a member is the entity."""
        return (member.kind, member.here) == (self.entity.kind, self.entity.id)

    def source(self, origin: str) -> dict[str, str]:
        """`source: peer:<first hop>` for what another gateway contributes."""
        peer = self.view.first_peer(origin)
        return {} if peer is None else {"source": f"peer:{peer}"}


class Subjects:
    """The subjects of the newest view, kept for the next request about them."""

    def __init__(self) -> None:
        # Mutable: the subjects of one view, by what they are shown from, kind and id.
        self._view: FederatedView | None = None
        self._kept: dict[tuple[bool, EntityKind, str], Subject] = {}

    def of(self, view: FederatedView, shown: TreeView, entity: MergedEntity) -> Subject:
        """The subject of an entity of `view`; a request that took an older view gets one of its own."""
        if self._view is not None and view.generation < self._view.generation:
            return Subject(view, shown, entity)
        if view is not self._view or len(self._kept) >= KEPT_SUBJECTS:
            self._view = view
            self._kept.clear()
        key = (shown is view.own, entity.kind, entity.id)
        return self._kept.get(key) or self._kept.setdefault(key, Subject(view, shown, entity))
