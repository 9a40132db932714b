"""What the manifest declares, with the places the rules need. Built by the reader, judged by the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from entities.model import App, Area, Component, Entity, EntityKind, Function
from gateway.local.answers import EntityRef
from gateway.local.bindings import Resources
from gateway.local.manifest.problem import Place, Rule


@dataclass(frozen=True, slots=True)
class Declared:
    """An entity and where it stands."""

    kind: EntityKind
    entity: Entity
    place: Place


@dataclass(frozen=True, slots=True)
class Link:
    """An id that must be declared among `targets`, else `rule` is broken. `word` is its key."""

    rule: Rule
    word: str
    targets: tuple[EntityKind, ...]
    id: str
    place: Place


@dataclass(frozen=True, slots=True)
class RosBinding:
    """The node an App stands for. `namespace` may be `*`, any."""

    node_name: str
    namespace: str
    topic_namespace: str
    place: Place

    @property
    def key(self) -> str | None:
        """What two Apps must not both be bound to; None for a binding that names nothing."""
        if self.node_name:
            return f"node {self.node_name!r} in namespace {self.namespace!r}"
        return f"topics below {self.topic_namespace!r}" if self.topic_namespace else None

    @property
    def fqn(self) -> str | None:
        """The node's full name; None where the namespace is a pattern."""
        if not self.node_name or "*" in self.namespace:
            return None
        return f"/{self.namespace.strip('/')}/{self.node_name}".replace("//", "/")


@dataclass(slots=True)
class Declarations:
    """All of one manifest, in the order of the file."""

    entities: list[Declared] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    bindings: list[tuple[App, RosBinding]] = field(default_factory=list)
    scripts: list[tuple[str, Place]] = field(default_factory=list)
    resources: dict[EntityRef, Resources] = field(default_factory=dict)
    """The Components with faults, and where these stand."""

    @property
    def areas(self) -> Sequence[Area]:
        return [declared.entity for declared in self.entities if isinstance(declared.entity, Area)]

    @property
    def components(self) -> Sequence[Component]:
        return [declared.entity for declared in self.entities if isinstance(declared.entity, Component)]

    @property
    def apps(self) -> Sequence[App]:
        return [declared.entity for declared in self.entities if isinstance(declared.entity, App)]

    @property
    def functions(self) -> Sequence[Function]:
        return [declared.entity for declared in self.entities if isinstance(declared.entity, Function)]
