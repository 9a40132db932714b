"""The entity tree: the four kinds, and what one gateway owns of them. Frozen, no I/O.

Entities hold text alone and can be in no cycle: `gc=False` spares the garbage collector a hundred thousand visits.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import Any, Final

import msgspec

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""Entity ids, whole string. Use `is_valid_id`, never `match` with `$`."""

ID_RULE: Final = "allowed are 1 to 256 of letters, digits, '_' and '-'"
"""The same in words."""


def is_valid_id(text: object) -> bool:
    """Whether the whole of `text` is an entity id: 1 to 256 of letters, digits, `_` and `-`."""
    return isinstance(text, str) and ID_PATTERN.fullmatch(text) is not None


class EntityKind(Enum):
    """The four kinds; the value is the collection's segment in the path."""

    AREA = "areas"
    COMPONENT = "components"
    APP = "apps"
    FUNCTION = "functions"

    __hash__ = object.__hash__  # Enum's own is Python code, and kinds are keys everywhere

    @property
    def singular(self) -> str:
        """The wire's `type` word: area, component, app, function."""
        return self.value[:-1]

    @property
    def title(self) -> str:
        """The word of error messages: Area, Component, App, Function."""
        return self.singular.capitalize()


class Identity(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A Component's nameplate; wire names are camelCase."""

    manufacturer: str | None = None
    model: str | None = None
    order_code: str | None = msgspec.field(default=None, name="orderCode")
    serial_number: str | None = msgspec.field(default=None, name="serialNumber")
    hardware_revision: str | None = msgspec.field(default=None, name="hardwareRevision")
    firmware_version: str | None = msgspec.field(default=None, name="firmwareVersion")
    software_version: str | None = msgspec.field(default=None, name="softwareVersion")
    network_endpoint: str | None = msgspec.field(default=None, name="networkEndpoint")
    role: str | None = None
    extra: Mapping[str, str] = msgspec.field(default_factory=dict)


class Area(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A place in the hierarchy. `namespace` is the ROS namespace or empty."""

    id: str
    name: str = ""
    description: str | None = None
    tags: tuple[str, ...] = ()
    translation_id: str | None = None
    namespace: str | None = None
    parent_area_id: str | None = None
    source: str = "manifest"
    declared: bool = False
    data: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


class Component(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A piece of hardware or a computer; may stand in an Area and below another Component."""

    id: str
    name: str = ""
    description: str | None = None
    tags: tuple[str, ...] = ()
    translation_id: str | None = None
    type: str | None = None
    variant: str | None = None
    namespace: str | None = None
    fqn: str | None = None
    area: str | None = None
    parent_component_id: str | None = None
    depends_on: tuple[str, ...] = ()
    external: bool = False
    available: bool = True
    """False when its owner only remembers it, from a gateway behind itself that is silent."""
    identity: Identity | None = None
    source: str = "manifest"
    declared: bool = False
    data: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


class App(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A program. `component_id` is the Component it is located on; `node` its ROS node name."""

    id: str
    name: str = ""
    description: str | None = None
    tags: tuple[str, ...] = ()
    translation_id: str | None = None
    component_id: str | None = None
    depends_on: tuple[str, ...] = ()
    external: bool = False
    available: bool = True
    """As of a Component."""
    is_online: bool = True
    node: str | None = None
    source: str = "manifest"
    declared: bool = False
    data: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


class Function(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A capability, hosted by Apps or Components (their ids, the owner's own)."""

    id: str
    name: str = ""
    description: str | None = None
    tags: tuple[str, ...] = ()
    translation_id: str | None = None
    hosts: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    source: str = "manifest"
    declared: bool = False
    data: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


Entity = Area | Component | App | Function

KIND_OF: Final[Mapping[type[Any], EntityKind]] = {
    Area: EntityKind.AREA,
    Component: EntityKind.COMPONENT,
    App: EntityKind.APP,
    Function: EntityKind.FUNCTION,
}


class GatewayTree(msgspec.Struct, frozen=True, dict=True):
    """What one gateway owns, under its own ids. Each kind in the order its source gave.

    `dict=True` lets the indexes below be computed once and kept.
    """

    areas: tuple[Area, ...] = ()
    components: tuple[Component, ...] = ()
    apps: tuple[App, ...] = ()
    functions: tuple[Function, ...] = ()

    def of(self, kind: EntityKind) -> tuple[Entity, ...]:
        """All entities of one kind, in order."""
        match kind:
            case EntityKind.AREA:
                return self.areas
            case EntityKind.COMPONENT:
                return self.components
            case EntityKind.APP:
                return self.apps
            case EntityKind.FUNCTION:
                return self.functions

    def all(self) -> Iterator[Entity]:
        """Every entity, Areas first, then Components, Apps, Functions."""
        yield from self.areas
        yield from self.components
        yield from self.apps
        yield from self.functions

    @cached_property
    def _index(self) -> Mapping[EntityKind, Mapping[str, Entity]]:
        return {kind: {entity.id: entity for entity in self.of(kind)} for kind in EntityKind}

    @cached_property
    def app_by_node(self) -> Mapping[str, App]:
        """Each App by the name of its ROS node, or else its id; of several with the same one, the first."""
        return {app.node or app.id: app for app in reversed(self.apps)}

    @cached_property
    def apps_by_component(self) -> Mapping[str, Sequence[App]]:
        """The Apps of each Component, in order."""
        found: dict[str, list[App]] = {}
        for app in self.apps:
            if app.component_id is not None:
                found.setdefault(app.component_id, []).append(app)
        return found

    def find(self, kind: EntityKind, entity_id: str) -> Entity | None:
        """The entity of this kind and id, or None."""
        return self._index[kind].get(entity_id)

    def __len__(self) -> int:
        return len(self.areas) + len(self.components) + len(self.apps) + len(self.functions)
