"""Parts of several gateways -> one resource collection as clients see it. Pure.

Ids of members are translated to what they are called here, ambiguous item ids qualified, each item shown once.
Source: docs/api.md, "Resources" and "Item ids".
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from entities.classify import members_of, own_members
from entities.items import ItemTable, Listed, Member, item_table, way_prefix
from entities.merge import MergedEntity
from entities.model import App, EntityKind
from gateway.http.gaps import gap_marks
from gateway.http.parts import Part
from gateway.local.answers import EntityRef
from peers.view import FederatedView, Gap, TreeView

LARGE_ENTITY: Final = 1_000
"""Members from which on an entity's items are looked up and listed in a thread."""

KEPT_TABLES: Final = 256
"""Tables kept per view."""

_WIRE_ONLY = frozenset({"origin", "member", "parameter", "node"})
"""Fields of `x-medkit` that gateways tell each other and clients do not see in items."""


@dataclass(frozen=True)
class Subject:
    """The entity whose collection is shown, in the tree it is shown from (merged, or our own for a Target)."""

    view: FederatedView
    shown: TreeView
    entity: MergedEntity
    scope: tuple[str, ...] | None = None
    """The Components below it as another gateway's tree has them, which then count instead of ours."""

    @property
    def is_own(self) -> bool:
        """Shown from our own tree: ids are our own, nobody else is asked."""
        return self.shown is self.view.own

    @cached_property
    def members(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(Components, Apps) that belong to it, by their ids here."""
        if self.scope is not None:
            found = own_members(self.shown.tree, self.shown.structure, self.entity.kind, self.entity.id, self.scope)
            return self.scope, tuple(one for kind, one in found if kind is EntityKind.APP)
        return members_of(self.shown.tree, self.shown.structure, self.entity)

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
        return item_table(
            self.shown.tree,
            self.shown.structure,
            self.view.topology,
            self.view.names,
            one=self.entity,
            collection=collection,
        )

    def member(self, part: Part) -> Member:
        """Whose part it is, by its id here."""
        ref = part.member or EntityRef(self.entity.kind, self.entity.id)
        here = ref.id if self.is_own else self.view.id_here(ref.kind, part.origin, ref.id)
        return Member(part.origin, ref.kind, ref.id, here)

    def is_itself(self, member: Member) -> bool:
        """Whether a member is the entity."""
        return (member.kind, member.here) == (self.entity.kind, self.entity.id)

    def source(self, origin: str) -> dict[str, str]:
        """`source: peer:<first hop>` for what another gateway contributes."""
        peer = self.view.first_peer(origin)
        return {} if peer is None else {"source": f"peer:{peer}"}


def render_collection(subject: Subject, collection: str, parts: Iterable[Part], gaps: Sequence[Gap]) -> dict[str, Any]:
    """The body of `GET /{entity}/{collection}`."""
    once = {part.key: part for part in parts}
    found = list(once.values())
    match collection:
        case "data" | "operations":
            table = subject.table(collection)
            items = [_listed_item(subject, table, collection, part) for part in found]
        case "configurations":
            items = [_configuration_item(subject, part) for part in found]
        case "faults" | "logs":
            items = [_bare_item(subject, part) for part in found]
        case _:
            items = [_other_item(subject, part) for part in found]
    medkit = {**_envelope(subject, collection, found, items), **gap_marks(gaps)}
    return {"items": items, "x-medkit": medkit} if medkit else {"items": items}


def _medkit_of(part: Part) -> dict[str, Any]:
    medkit = part.body.get("x-medkit")
    return {name: value for name, value in medkit.items() if name not in _WIRE_ONLY} if isinstance(medkit, dict) else {}


def _with_medkit(body: Mapping[str, Any], medkit: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in body.items() if name != "x-medkit"}
    return {**rest, "x-medkit": dict(medkit)} if medkit else rest


def _listed_item(subject: Subject, table: ItemTable, collection: str, part: Part) -> dict[str, Any]:
    member = subject.member(part)
    medkit = {**_medkit_of(part), **subject.source(part.origin)}
    if not subject.is_itself(member):
        medkit["member_ids"] = [member.here]
    if collection == "operations":
        medkit["entity_id"] = subject.entity.id
    return _with_medkit({**part.body, "id": table.show(member, str(part.body["id"]))}, medkit)


def configuration_prefix(subject: Subject, member: Member) -> str:
    """What stands before a configuration's id: nothing, `<app>:`, `<way>:` or `<component>:<way>:`."""
    _, apps = subject.members
    if member.kind is EntityKind.APP:
        return f"{member.here}:" if len(apps) > 1 else ""
    merged = subject.shown.find(member.kind, member.here)
    first = merged is None or merged.contributions[0].instance == member.instance
    way = "" if first else f"{way_prefix(subject.view.topology, member.instance)}:"
    return way if subject.is_itself(member) else f"{member.here}:{way}"


def _configuration_item(subject: Subject, part: Part) -> dict[str, Any]:
    member = subject.member(part)
    prefix = configuration_prefix(subject, member)
    medkit: dict[str, Any] = {**_medkit_of(part), **subject.source(part.origin)}
    if prefix:
        medkit["source"] = member.here if member.kind is EntityKind.APP else medkit.get("source", member.here)
    return _with_medkit({**part.body, "id": f"{prefix}{part.body['id']}"}, medkit)


def _bare_item(subject: Subject, part: Part) -> dict[str, Any]:
    """Fault codes and log ids stay bare; whose they are stands beside them where several gateways contribute."""
    source = subject.source(part.origin)
    if not source:
        return _with_medkit(part.body, _medkit_of(part))
    return _with_medkit(part.body, {**_medkit_of(part), **source, "member_ids": [subject.member(part).here]})


def _other_item(subject: Subject, part: Part) -> dict[str, Any]:
    first = subject.entity.contributions[0].instance
    way = "" if part.origin == first else f"{way_prefix(subject.view.topology, part.origin)}:"
    return _with_medkit(
        {**part.body, "id": f"{way}{part.body.get('id')}"}, {**_medkit_of(part), **subject.source(part.origin)}
    )


def _envelope(
    subject: Subject, collection: str, parts: Sequence[Part], items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The collection's `x-medkit`, as upstream's clients know it."""
    kind = subject.entity.kind
    components, apps = subject.members
    aggregated = kind in (EntityKind.AREA, EntityKind.FUNCTION) or bool(apps)
    entity_id = subject.entity.id
    match collection:
        case "data":
            medkit: dict[str, Any] = {"entity_id": entity_id, "total_count": len(items)}
            if aggregated and kind is not EntityKind.APP:
                sources = list(dict.fromkeys((entity_id, *components, *apps)))
                medkit |= {"aggregated": True, "aggregation_level": kind.singular, "aggregation_sources": sources}
            return medkit
        case "configurations":
            return _configurations_envelope(subject, parts)
        case "faults" if kind is EntityKind.APP:
            sources = _fault_sources(subject, apps)
            source = {"source_id": sources[0]} if sources else {}
            return {"entity_id": entity_id, **source, "count": len(items), "muted_count": 0, "cluster_count": 0}
        case "faults":
            return {**_aggregation(subject, components, apps), "count": len(items)}
        case "logs" if kind is not EntityKind.APP:
            return _aggregation(subject, components, apps)
        case _:
            return {}


def _aggregation(subject: Subject, components: Sequence[str], apps: Sequence[str]) -> dict[str, Any]:
    kind = subject.entity.kind
    medkit: dict[str, Any] = {"entity_id": subject.entity.id, "aggregation_level": kind.singular, "aggregated": True}
    match kind:
        case EntityKind.FUNCTION:
            medkit["host_count"] = len(apps)
        case EntityKind.AREA:
            medkit |= {"component_count": len(components), "app_count": len(apps)}
        case _:
            medkit["app_count"] = len(apps)
    sources = _fault_sources(subject, apps)
    return {**medkit, "aggregation_sources": sources} if sources else medkit


def _fault_sources(subject: Subject, apps: Iterable[str]) -> list[str]:
    """Under which names the Apps report: the node of a ROS App, the id of any other."""
    found = []
    for app_id in apps:
        merged = subject.shown.find(EntityKind.APP, app_id)
        if merged is not None and isinstance(merged.entity, App):
            node = None if merged.entity.external else merged.entity.node
            found.append(node or app_id)
    return found


def _configurations_envelope(subject: Subject, parts: Sequence[Part]) -> dict[str, Any]:
    components, apps = subject.members
    kind, entity_id = subject.entity.kind, subject.entity.id
    medkit: dict[str, Any] = {
        "aggregation_level": kind.singular,
        "entity_id": entity_id,
        "is_aggregated": kind is not EntityKind.APP and len(apps) > 1,
        "source": "runtime",
    }
    parameters = []
    nodes: dict[str, None] = {}
    for part in parts:
        told = part.body.get("x-medkit")
        parameter = told.get("parameter") if isinstance(told, dict) else None
        if not isinstance(parameter, dict):
            continue
        node = told.get("node") if isinstance(told, dict) else None
        whose = {"source": subject.member(part).here, **({"node": node} if isinstance(node, str) else {})}
        nodes.update({node: None} if isinstance(node, str) else {})
        parameters.append({**parameter, "x-medkit": whose})
    if parameters:
        sources = list(dict.fromkeys((entity_id, *components, *apps)))
        medkit |= {"parameters": parameters, "source_ids": sources}
    return {**medkit, "queried_nodes": list(nodes)} if nodes else medkit
