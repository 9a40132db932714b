"""One entity as JSON: its list item, the same wherever it is listed, and its detail. Pure.

A key is left out rather than null: one null in a list makes an upstream aggregator lose its whole refresh. Some facts
stand in two places because readers differ in where they look. Source: docs/api.md, "Entities".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from entities.merge import MergedEntity
from entities.model import App, Area, Component, Entity, EntityKind, Function
from entities.origin_tags import origin_tag
from peers.foreign_tree import ANSWERED_BY
from peers.view import FederatedView, TreeView

Json = dict[str, Any]

_RESOURCES: Final = ("data", "operations", "configurations", "faults", "logs")

CAPABILITIES: Final[Mapping[EntityKind, tuple[str, ...]]] = {
    EntityKind.AREA: ("subareas", "contains", *_RESOURCES, "bulk-data", "triggers"),
    EntityKind.COMPONENT: (
        *("status", *_RESOURCES, "subcomponents", "hosts"),
        *("bulk-data", "cyclic-subscriptions", "triggers"),
    ),
    EntityKind.APP: ("status", *_RESOURCES, "bulk-data", "cyclic-subscriptions", "triggers"),
    EntityKind.FUNCTION: ("hosts", *_RESOURCES, "bulk-data", "cyclic-subscriptions", "triggers"),
}
"""Per kind the collections below every entity: a capability and a URI field each. Clients demand all of them."""

URI_ONLY: Final[Mapping[EntityKind, tuple[str, ...]]] = {
    EntityKind.AREA: ("components",),
    EntityKind.COMPONENT: (),
    EntityKind.APP: (),
    EntityKind.FUNCTION: ("x-medkit-graph",),
}
"""Collections that have a URI field but are no capability."""


class Ros2(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an entity is called in ROS."""

    node: str | None = None
    namespace: str | None = None


class Marks(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The `x-medkit` of a list item. `available` is only ever False: upstream takes absence for yes."""

    source: str
    description: str | None = None
    available: bool | None = None
    namespace: str | None = None
    fqn: str | None = None
    ros2: Ros2 | None = None
    component_id: str | None = None
    is_online: bool | None = None
    external: bool = False
    hosts: tuple[str, ...] | None = None


class Item(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A list item. Structs, because a list of thousands is rendered at every change of the tree."""

    id: str
    name: str
    href: str
    type: str
    description: str | None = None
    tags: tuple[str, ...] = ()
    translation_id: str | None = msgspec.field(default=None, name="translationId")
    source: str
    marks: Marks = msgspec.field(name="x-medkit")


@dataclass(frozen=True, slots=True)
class Extras:
    """What one entity's detail has beyond the fixed fields of its kind."""

    marks: Json
    uris: Json
    capabilities: tuple[str, ...]
    links: Json


@dataclass(frozen=True, slots=True)
class EntityJson:
    """Renders the entities of one tree: the federation's, or `own` alone.

    `for_upstream`: each says in a tag whose it is, and details who answered, so that copies of ours are known again.
    """

    view: FederatedView
    shown: TreeView
    prefix: str
    for_upstream: bool = False

    def href(self, kind: EntityKind, entity_id: str) -> str:
        """The path of an entity, or of one that should be there."""
        return f"{self.prefix}/{kind.value}/{entity_id}"

    def parent(self, one: MergedEntity) -> str | None:
        """The parent it is listed under; None for one that stands at the top, also because its parent is not listed."""
        structure = self.shown.structure
        if one.kind is EntityKind.AREA:
            parent = structure.area_parent.get(one.id)
        elif one.kind is EntityKind.COMPONENT:
            parent = structure.component_parent.get(one.id)
        else:
            return None
        return parent if parent is not None and self.shown.tree.of(one.kind)[parent].listed else None

    def item(self, one: MergedEntity) -> Item:
        """The list item."""
        entity = one.entity
        source = self.view.source_of(one)
        return Item(
            id=one.id,
            name=entity.name,
            href=self.href(one.kind, one.id),
            type=one.kind.singular,
            description=entity.description or None,
            tags=(*entity.tags, *self._origins(one)) if self.for_upstream else entity.tags,
            translation_id=entity.translation_id or None,
            source=source,
            marks=_marks(entity, source, available=one.available),
        )

    def _origins(self, one: MergedEntity) -> Iterator[str]:
        own_id = self.view.own_id(one.kind, one.id)
        return (origin_tag(instance, own_id) for instance in one.instances)

    def missing(self, kind: EntityKind, entity_id: str) -> Json:
        """The item for an entity that another one refers to and that is not listed here."""
        return {
            "id": entity_id,
            "name": entity_id,
            "href": self.href(kind, entity_id),
            "type": kind.singular,
            "x-medkit": {"missing": True},
        }

    def detail(self, one: MergedEntity) -> Json:
        """The detail document."""
        item = msgspec.to_builtins(self.item(one))
        base = self.href(one.kind, one.id)
        extras = self._extras(one, base)
        names = (*CAPABILITIES[one.kind], *extras.capabilities)
        capabilities = [{"name": name, "href": f"{base}/{name}"} for name in names]
        marks = {
            **item["x-medkit"],
            **_present(extras.marks),
            "contributors": self.view.contributors_of(one),
            **_present({"path": self._path(one)}),
            **({ANSWERED_BY: self.view.self_id} if self.for_upstream else {}),
        }
        if one.kind is EntityKind.COMPONENT:
            marks["capabilities"] = capabilities
        return {
            **item,
            **_present({"translation_id": one.entity.translation_id}),
            **{name: f"{base}/{name}" for name in (*CAPABILITIES[one.kind], *URI_ONLY[one.kind])},
            **extras.uris,
            "capabilities": capabilities,
            "_links": {"self": base, "collection": f"{self.prefix}/{one.kind.value}", **extras.links},
            "x-medkit": marks,
        }

    def _path(self, one: MergedEntity) -> list[str] | None:
        """The gateways from us to the one owner, both included; None for our own and for several contributors."""
        if len(one.contributions) != 1:
            return None
        topology, owner = self.view.topology, one.contributions[0].instance
        way = topology.live.get(owner) or topology.configured.get(owner)
        return None if way is None else [topology.self_id, *way.instances]

    def _extras(self, one: MergedEntity, base: str) -> Extras:
        match one.entity:
            case Area(parent_area_id=declared):
                parent = self._followed(one, declared)
                return Extras({"parent_area_id": parent}, {}, (), self._up(one.kind, parent))
            case Component() as component:
                return self._component_extras(one, component, base)
            case App() as app:
                return self._app_extras(app, base)
            case Function(depends_on=depends_on):
                links = {"depends-on": [self.href(one.kind, other) for other in depends_on]} if depends_on else {}
                return Extras({}, {}, (), links)

    def _followed(self, one: MergedEntity, declared: str | None) -> str | None:
        """The declared parent, here or not: who asked us as the owner may know it. None if it makes a cycle."""
        return None if (one.kind, one.id) in self.shown.structure.dropped_edges else declared

    def _up(self, kind: EntityKind, parent: str | None) -> Json:
        return {} if parent is None else {"parent": self.href(kind, parent)}

    def _component_extras(self, one: MergedEntity, component: Component, base: str) -> Extras:
        parent = self._followed(one, component.parent_component_id)
        depends_on = ("depends-on",) if component.depends_on else ()
        uris = {name: f"{base}/{name}" for name in depends_on}
        links = self._up(one.kind, parent)
        if component.area is not None:
            uris["belongs-to"] = links["area"] = self.href(EntityKind.AREA, component.area)
        marks = {
            "type": component.type or "Component",
            "variant": component.variant,
            "area": component.area,
            "parentComponentId": parent,
            "dependsOn": component.depends_on,
            "identity": component.identity,
        }
        return Extras(marks, uris, depends_on, links)

    def _app_extras(self, app: App, base: str) -> Extras:
        uris: Json = {}
        links: Json = {}
        if app.component_id is not None:
            uris["is-located-on"] = links["is-located-on"] = self.href(EntityKind.COMPONENT, app.component_id)
            uris["belongs-to"] = links["belongs-to"] = f"{base}/belongs-to"
        if app.depends_on:
            uris["depends-on"] = f"{base}/depends-on"
            links["depends-on"] = [self.href(EntityKind.APP, other) for other in app.depends_on]
        return Extras({}, uris, tuple(uris), links)


def _marks(entity: Entity, source: str, *, available: bool) -> Marks:
    description = entity.description or None
    silent = None if available else False
    match entity:
        case Area(namespace=namespace):
            ros2 = Ros2(namespace=namespace) if namespace else None
            return Marks(
                source=source, description=description, available=silent, namespace=namespace or None, ros2=ros2
            )
        case Component(namespace=namespace, fqn=fqn):
            return Marks(
                source=source,
                description=description,
                available=silent,
                namespace=namespace or None,
                fqn=fqn or None,
                ros2=Ros2(node=fqn or None, namespace=namespace or None) if fqn or namespace else None,
                external=entity.external,
            )
        case App():
            return Marks(
                source=source,
                description=description,
                available=silent,
                component_id=entity.component_id or None,
                is_online=entity.is_online and available,
                external=entity.external,
                ros2=Ros2(node=entity.node) if entity.node else None,
            )
        case Function(hosts=hosts):
            return Marks(source=source, description=description, available=silent, hosts=hosts)


def _present(fields: Json) -> Json:
    """The fields that have something in them."""
    return {name: value for name, value in fields.items() if value}
