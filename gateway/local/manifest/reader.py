"""Reads the entities of a manifest: areas, components, assets, apps, functions (docs/manifest.md)."""

from pathlib import Path
from typing import Any, Final

from entities.model import App, Area, Component, Entity, EntityKind, Function
from gateway.local.answers import EntityRef
from gateway.local.manifest.declarations import Declarations, Declared, Link, RosBinding
from gateway.local.manifest.fields import Fields, Reference
from gateway.local.manifest.nameplate import read_asset_identity, read_identity
from gateway.local.manifest.problem import Place, Rule
from gateway.local.manifest.resources import read_resources

_AREAS: Final = (EntityKind.AREA,)
_COMPONENTS: Final = (EntityKind.COMPONENT,)
_APPS: Final = (EntityKind.APP,)
_FUNCTIONS: Final = (EntityKind.FUNCTION,)
_HOSTS: Final = (EntityKind.APP, EntityKind.COMPONENT)
_FROM_MANIFEST: Final = "manifest"
_FROM_INVENTORY: Final = "inventory"


class EntityReader:
    """Turns the sections of one manifest into `Declarations`; `base` is the folder of relative files."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._found = Declarations()

    def read(self, root: Fields) -> Declarations:
        """All entities of the document. What is wrong with one does not hide the next."""
        for fields in root.mappings("areas"):
            self._read_area(fields, None)
        for fields in root.mappings("components"):
            self._read_component(fields)
        for fields in root.mappings("assets"):
            self._read_asset(fields)
        for fields in root.mappings("apps"):
            self._read_app(fields)
        for fields in root.mappings("functions"):
            self._read_function(fields)
        for fields in root.mappings("scripts"):
            self._found.scripts.append((fields.entity_id(), fields.place_of("id")))
        return self._found

    def _read_area(self, fields: Fields, enclosing: str | None) -> None:
        named = self._link(fields, "parent_area", Rule.R006, _AREAS)
        if enclosing is not None and named is not None and named != enclosing:
            message = f"found {named!r}, but the area stands below {enclosing!r}; remove parent_area"
            fields.problem(Rule.R006, "parent_area", message)
        common = self._read_common(fields, EntityKind.AREA)
        area = Area(
            **common,
            namespace=fields.text("namespace") or f"/{common['id']}",
            parent_area_id=enclosing or named,
        )
        self._declare(EntityKind.AREA, area, fields)
        subareas = fields.mappings("subareas")
        fields.ignore_unread()
        for subarea in subareas:
            self._read_area(subarea, area.id)

    def _read_component(self, fields: Fields) -> None:
        component = self._component(fields, _FROM_MANIFEST)
        identity = fields.mapping("identity")
        if identity is not None:
            component["identity"] = read_identity(identity)
        fields.ignore_unread()
        self._declare(EntityKind.COMPONENT, Component(**component), fields)

    def _read_asset(self, fields: Fields) -> None:
        component = self._component(fields, _FROM_INVENTORY)
        component["identity"] = read_asset_identity(fields)
        fields.ignore_unread()
        self._declare(EntityKind.COMPONENT, Component(**component), fields)

    def _component(self, fields: Fields, source: str) -> dict[str, Any]:
        common = self._read_common(fields, EntityKind.COMPONENT)
        namespace = fields.text("namespace")
        return {
            **common,
            "source": source,
            "type": fields.text("type"),
            "variant": fields.text("variant"),
            "namespace": namespace,
            "fqn": f"{namespace.rstrip('/')}/{common['id']}" if namespace else None,
            "area": self._link(fields, "area", Rule.R006, _AREAS),
            "parent_component_id": self._link(fields, "parent_component_id", Rule.R006, _COMPONENTS),
            "depends_on": self._links(fields, "depends_on", Rule.R008, _COMPONENTS),
            "external": fields.flag("external") or False,
        }

    def _read_app(self, fields: Fields) -> None:
        binding = _read_binding(fields)
        external = fields.flag("external") or False
        app = App(
            **self._read_common(fields, EntityKind.APP),
            component_id=self._link(fields, "is_located_on", Rule.R007, _COMPONENTS),
            depends_on=self._links(fields, "depends_on", Rule.R008, _APPS),
            external=external,
            node=binding.fqn if binding else None,
        )
        fields.ignore_unread()
        self._declare(EntityKind.APP, app, fields)
        if binding is not None:
            self._found.bindings.append((app, binding))
        if external and binding is not None:
            message = f"app {app.id!r} is external and has a ros_binding; remove one, external wins"
            fields.problem(Rule.R013, "ros_binding", message)

    def _read_function(self, fields: Fields) -> None:
        key = "hosted_by" if fields.has("hosted_by") or not fields.has("hosts") else "hosts"
        function = Function(
            **self._read_common(fields, EntityKind.FUNCTION),
            hosts=self._links(fields, key, Rule.R009, _HOSTS),
            depends_on=self._links(fields, "depends_on", Rule.R008, _FUNCTIONS),
        )
        fields.ignore_unread()
        self._declare(EntityKind.FUNCTION, function, fields)

    def _read_common(self, fields: Fields, kind: EntityKind) -> dict[str, Any]:
        """The fields every entity has, and its resources."""
        entity_id = fields.entity_id()
        resources = read_resources(fields, kind, self._base)
        if resources:
            self._found.resources.setdefault(EntityRef(kind, entity_id), resources)
        return {
            "id": entity_id,
            "name": fields.text("name") or entity_id,
            "description": fields.text("description", multiline=True),
            "tags": fields.texts("tags"),
            "translation_id": fields.text("translation_id"),
            "source": _FROM_MANIFEST,
            "declared": True,
            "data": tuple(binding.spec.id for binding in resources.data),
        }

    def _declare(self, kind: EntityKind, entity: Entity, fields: Fields) -> None:
        self._found.entities.append(Declared(kind, entity, fields.place_of("id")))

    def _link(self, fields: Fields, key: str, rule: Rule, targets: tuple[EntityKind, ...]) -> str | None:
        reference = fields.reference(key)
        if reference is None:
            return None
        self._found.links.append(Link(rule, key, targets, reference.id, reference.place))
        return reference.id

    def _links(self, fields: Fields, key: str, rule: Rule, targets: tuple[EntityKind, ...]) -> tuple[str, ...]:
        references: tuple[Reference, ...] = fields.references(key)
        self._found.links.extend(Link(rule, key, targets, reference.id, reference.place) for reference in references)
        return tuple(dict.fromkeys(reference.id for reference in references))


def _read_binding(fields: Fields) -> RosBinding | None:
    binding = fields.mapping("ros_binding")
    if binding is None:
        return None
    read = RosBinding(
        node_name=binding.text("node_name") or "",
        namespace=binding.text("namespace") or "*",
        topic_namespace=binding.text("topic_namespace") or "",
        place=Place(binding.place.line, binding.place.path),
    )
    binding.ignore_unread()
    return read
