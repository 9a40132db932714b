"""How entities stand to each other, as sub-collections: children, hosts, dependencies, places. Pure.

Children are listed like everything else. References name what an entity's owner declared, so one that leads nowhere
is told with `missing: true`. Source: docs/api.md, "Relations".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from entities.classify import descendants
from entities.merge import MergedEntity
from entities.model import App, Component, EntityKind, Function
from gateway.http.entity_json import EntityJson, Item, Json
from peers.view import TreeView


@dataclass(frozen=True, slots=True)
class Reference:
    """An entity of this kind and id should be there; `found` is what is known of it, listed or not."""

    kind: EntityKind
    entity_id: str
    found: MergedEntity | None


@dataclass(frozen=True, slots=True)
class Homeless:
    """The area of an App cannot be told: the Component it should be on is not here."""

    component_id: str


Target = MergedEntity | Reference | Homeless
Targets = Callable[[TreeView, MergedEntity], Iterable[Target]]


@dataclass(frozen=True, slots=True)
class Relation:
    """One sub-collection: who is in it, and the word under which its `_links` lead back to the entity."""

    targets: Targets
    back: str


@dataclass(frozen=True, slots=True)
class RelationJson:
    """A rendered sub-collection, and the gateways whose silence can make it incomplete."""

    document: Json
    touched: frozenset[str]


def render_relation(render: EntityJson, one: MergedEntity, name: str) -> RelationJson | None:
    """The sub-collection `name` of an entity, or None if its kind has none of that name."""
    relation = RELATIONS.get((one.kind, name))
    if relation is None:
        return None
    targets = list(relation.targets(render.shown, one))
    items = [item for item in (_item(render, target) for target in targets) if item is not None]
    base = render.href(one.kind, one.id)
    document = {
        "items": items,
        "x-medkit": {"total_count": len(items)},
        "_links": {"self": f"{base}/{name}", relation.back: base},
    }
    known = (target.found for target in targets if isinstance(target, Reference) and target.found is not None)
    touched = {instance for entity in known for instance in entity.instances}
    return RelationJson(document, frozenset(touched.union(render.shown.owners(one.kind, one.id))))


def _item(render: EntityJson, target: Target) -> Item | Json | None:
    match target:
        case MergedEntity():
            return render.item(target) if target.listed else None
        case Reference(found=found) if found is not None and found.listed:
            return render.item(found)
        case Reference(kind=kind, entity_id=entity_id):
            return render.missing(kind, entity_id)
        case Homeless(component_id=component_id):
            marks: dict[str, Any] = {"missing": True, "unresolved_component": component_id}
            return {"id": "", "name": "<unknown area>", "href": "", "type": "area", "x-medkit": marks}


def _children(kind: EntityKind, index: Callable[[TreeView], Mapping[str, tuple[str, ...]]]) -> Targets:
    def children(shown: TreeView, one: MergedEntity) -> Iterator[Target]:
        entities = shown.tree.of(kind)
        return (entities[child] for child in index(shown).get(one.id, ()))

    return children


def _contained(shown: TreeView, one: MergedEntity) -> Iterator[Target]:
    """The Components of an Area and of all Areas below it."""
    for area in descendants(shown.structure.subareas, (one.id,)):
        for component in shown.structure.area_components.get(area, ()):
            yield shown.tree.components[component]


def _dependencies(shown: TreeView, one: MergedEntity) -> Iterator[Target]:
    if isinstance(one.entity, Component | App | Function):
        for other in one.entity.depends_on:
            yield Reference(one.kind, other, shown.find(one.kind, other))


def _located_on(shown: TreeView, one: MergedEntity) -> Iterator[Target]:
    component_id = one.entity.component_id if isinstance(one.entity, App) else None
    if component_id is not None:
        yield Reference(EntityKind.COMPONENT, component_id, shown.find(EntityKind.COMPONENT, component_id))


def _belongs_to(shown: TreeView, one: MergedEntity) -> Iterator[Target]:
    """The Area of the Component an App is on."""
    component_id = one.entity.component_id if isinstance(one.entity, App) else None
    if component_id is None:
        return
    component = shown.find(EntityKind.COMPONENT, component_id)
    if component is None or not isinstance(component.entity, Component):
        yield Homeless(component_id)
    elif component.entity.area is not None:
        area = component.entity.area
        yield Reference(EntityKind.AREA, area, shown.find(EntityKind.AREA, area))


def _hosts(shown: TreeView, one: MergedEntity) -> Iterator[Target]:
    """The hosts of a Function that are Apps; `x-medkit.hosts` of the Function names them all."""
    if isinstance(one.entity, Function):
        apps = shown.tree.apps
        yield from (apps[host] for host in one.entity.hosts if host in apps)


RELATIONS: Final[Mapping[tuple[EntityKind, str], Relation]] = {
    (EntityKind.AREA, "subareas"): Relation(_children(EntityKind.AREA, lambda s: s.structure.subareas), "parent"),
    (EntityKind.AREA, "components"): Relation(
        _children(EntityKind.COMPONENT, lambda s: s.structure.area_components), "area"
    ),
    (EntityKind.AREA, "contains"): Relation(_contained, "area"),
    (EntityKind.COMPONENT, "subcomponents"): Relation(
        _children(EntityKind.COMPONENT, lambda s: s.structure.subcomponents), "parent"
    ),
    (EntityKind.COMPONENT, "hosts"): Relation(
        _children(EntityKind.APP, lambda s: s.structure.component_apps), "component"
    ),
    (EntityKind.COMPONENT, "depends-on"): Relation(_dependencies, "component"),
    (EntityKind.APP, "is-located-on"): Relation(_located_on, "app"),
    (EntityKind.APP, "belongs-to"): Relation(_belongs_to, "app"),
    (EntityKind.APP, "depends-on"): Relation(_dependencies, "app"),
    (EntityKind.FUNCTION, "hosts"): Relation(_hosts, "function"),
}
