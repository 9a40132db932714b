"""Records and names -> one merged tree. Pure, one pass, linear in entities plus links.

Areas, Components and Functions of one id are one entity with several contributions; every App is an entity of its
own. Source: docs/architecture.md, "Merge".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec

from entities.model import App, Area, Component, Entity, EntityKind, Function, Identity
from entities.names import NameTable, display_name
from entities.routes import Topology

Retain = Literal["none", "declared", "all"]
"""Which entities of silent gateways stay listed (`aggregation.retain_offline`)."""

E = TypeVar("E", Area, Component, Function)


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """One gateway's part of an entity, under the gateway's own id."""

    instance: str
    entity: Entity


class MergedEntity(msgspec.Struct, frozen=True, gc=False):
    """One entity as it is shown here. `entity` has ids as they are here; `contributions` are all known ones."""

    kind: EntityKind
    entity: Entity
    contributions: tuple[Contribution, ...]
    available: bool
    """Some contributor is live and does not just remember it."""
    listed: bool
    """It stands in collections: available, or retained by setting."""

    @property
    def id(self) -> str:
        """The id here."""
        return self.entity.id

    @property
    def instances(self) -> tuple[str, ...]:
        """The contributing gateways in order, live or not."""
        return tuple(contribution.instance for contribution in self.contributions)


@dataclass(frozen=True, slots=True)
class MergedTree:
    """All entities by kind and id, known ones included; order is that of the gateways, then their own."""

    areas: Mapping[str, MergedEntity] = field(default_factory=dict)
    components: Mapping[str, MergedEntity] = field(default_factory=dict)
    apps: Mapping[str, MergedEntity] = field(default_factory=dict)
    functions: Mapping[str, MergedEntity] = field(default_factory=dict)

    def of(self, kind: EntityKind) -> Mapping[str, MergedEntity]:
        """The entities of one kind by id."""
        match kind:
            case EntityKind.AREA:
                return self.areas
            case EntityKind.COMPONENT:
                return self.components
            case EntityKind.APP:
                return self.apps
            case EntityKind.FUNCTION:
                return self.functions


def merge(topology: Topology, names: NameTable, *, retain: Retain = "none") -> MergedTree:
    """The tree that `topology`'s gateway shows, with Apps named as `names` says."""
    rank = topology.rank()
    order = sorted(topology.records, key=lambda instance: (rank.get(instance, len(rank)), instance))
    live = frozenset(instance for instance in order if topology.is_live(instance))
    grouped: dict[EntityKind, dict[str, list[Contribution]]] = {kind: {} for kind in EntityKind}
    for instance in order:
        translate = _translator(instance, names)
        record = topology.records[instance]
        for area in record.areas:
            grouped[EntityKind.AREA].setdefault(area.id, []).append(Contribution(instance, area))
        for component in record.components:
            grouped[EntityKind.COMPONENT].setdefault(component.id, []).append(Contribution(instance, component))
        for app in record.apps:
            here = translate(app.id)
            grouped[EntityKind.APP][here] = [Contribution(instance, _app_here(app, here, translate))]
        for function in record.functions:
            shown = _function_here(function, record.tree.find, translate)
            grouped[EntityKind.FUNCTION].setdefault(function.id, []).append(Contribution(instance, shown))
    return MergedTree(
        *(
            {
                entity_id: _merged(kind, contributions, live, retain)
                for entity_id, contributions in grouped[kind].items()
            }
            for kind in EntityKind
        )
    )


def _translator(instance: str, names: NameTable) -> Callable[[str], str]:
    def translate(own_id: str) -> str:
        return names.here.get((instance, own_id), own_id)

    return translate


def _app_here(app: App, here: str, translate: Callable[[str], str]) -> App:
    depends_on = tuple(translate(other) for other in app.depends_on)
    if here == app.id and depends_on == app.depends_on:
        return app
    return msgspec.structs.replace(
        app, id=here, name=display_name(app.name or app.id, app.id, here), depends_on=depends_on
    )


def _function_here(
    function: Function, find: Callable[[EntityKind, str], Entity | None], translate: Callable[[str], str]
) -> Function:
    """Hosts are the owner's own ids: its Apps by their names here, its Components as they are."""
    hosts = tuple(translate(host) if find(EntityKind.APP, host) is not None else host for host in function.hosts)
    return function if hosts == function.hosts else msgspec.structs.replace(function, hosts=hosts)


def _merged(
    kind: EntityKind, contributions: Sequence[Contribution], live: frozenset[str], retain: Retain
) -> MergedEntity:
    shown = [
        contribution
        for contribution in contributions
        if contribution.instance in live and getattr(contribution.entity, "available", True)
    ]
    available = bool(shown)
    listed = available or _retained(contributions, retain)
    entity = _united([contribution.entity for contribution in shown or contributions])
    if not entity.name:
        entity = msgspec.structs.replace(entity, name=entity.id)
    return MergedEntity(kind, entity, tuple(contributions), available, listed)


def _retained(contributions: Iterable[Contribution], retain: Retain) -> bool:
    match retain:
        case "none":
            return False
        case "declared":
            return any(contribution.entity.declared for contribution in contributions)
        case "all":
            return True


def _united(parts: Sequence[Entity]) -> Entity:
    """The first part with tags and hosts of all united and its gaps filled from the others, in order."""
    first, *others = parts
    if not others:
        return first
    match first:
        case Area():
            areas = [part for part in parts if isinstance(part, Area)]
            return msgspec.structs.replace(
                _shared_fields(areas),
                namespace=_first(part.namespace for part in areas),
                parent_area_id=_first(part.parent_area_id for part in areas),
            )
        case Component():
            components = [part for part in parts if isinstance(part, Component)]
            return _united_component(components)
        case Function():
            functions = [part for part in parts if isinstance(part, Function)]
            return msgspec.structs.replace(
                _shared_fields(functions),
                hosts=_union(part.hosts for part in functions),
                depends_on=_union(part.depends_on for part in functions),
            )
        case App():
            return first


def _united_component(parts: Sequence[Component]) -> Component:
    return msgspec.structs.replace(
        _shared_fields(parts),
        type=_first(part.type for part in parts),
        variant=_first(part.variant for part in parts),
        namespace=_first(part.namespace for part in parts),
        fqn=_first(part.fqn for part in parts),
        area=_first(part.area for part in parts),
        parent_component_id=_first(part.parent_component_id for part in parts),
        depends_on=_union(part.depends_on for part in parts),
        identity=_united_identity([part.identity for part in parts if part.identity is not None]),
    )


def _shared_fields(parts: Sequence[E]) -> E:
    return msgspec.structs.replace(
        parts[0],
        name=_first(part.name for part in parts) or "",
        description=_first(part.description for part in parts),
        translation_id=_first(part.translation_id for part in parts),
        tags=_union(part.tags for part in parts),
        data=_union(part.data for part in parts),
        operations=_union(part.operations for part in parts),
        declared=any(part.declared for part in parts),
    )


def _united_identity(parts: Sequence[Identity]) -> Identity | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    filled = {
        name: _first(getattr(part, name) for part in parts) for name in Identity.__struct_fields__ if name != "extra"
    }
    extra: dict[str, str] = {}
    for part in reversed(parts):
        extra.update(part.extra)
    return Identity(**filled, extra=extra)


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _union(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for items in lists for item in items))
