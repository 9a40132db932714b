"""What the merged tree's edges mean: parents and children, owners of members, warnings. Pure, linear.

An edge to nobody, to oneself, on a cycle or too deep is left out: the entity is a root then. Source:
docs/architecture.md, "Classification".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from entities.merge import MergedEntity, MergedTree
from entities.model import App, Area, Component, EntityKind, Function

MAX_DEPTH: Final = 32
"""Most edges from an entity up to its root. Every entity counts for all above it, so depth is what bounds the work."""

Dropped = Literal["cycle", "too_deep"]


@dataclass(frozen=True, slots=True)
class Structure:
    """Indexes over a merged tree; every value lists ids in tree order, known entities included.

    `owners`: per kind and id all gateways that contribute to the entity or own a member of it, contributors first.
    """

    area_parent: Mapping[str, str] = field(default_factory=dict)
    component_parent: Mapping[str, str] = field(default_factory=dict)
    subareas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    area_components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subcomponents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    component_apps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owners: Mapping[EntityKind, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    dropped_edges: Mapping[tuple[EntityKind, str], Dropped] = field(default_factory=dict)
    """Entities whose parent edge was left out, and why."""


def classify(tree: MergedTree) -> Structure:
    """The structure of `tree`."""
    area_edges = {one.id: one.entity.parent_area_id for one in tree.areas.values() if isinstance(one.entity, Area)}
    component_edges = {
        one.id: one.entity.parent_component_id for one in tree.components.values() if isinstance(one.entity, Component)
    }
    area_parent, bad_areas = _forest(area_edges)
    component_parent, bad_components = _forest(component_edges)
    area_components: dict[str, list[str]] = {}
    for one in tree.components.values():
        area = one.entity.area if isinstance(one.entity, Component) else None
        if area is not None and area in tree.areas:
            area_components.setdefault(area, []).append(one.id)
    component_apps: dict[str, list[str]] = {}
    for one in tree.apps.values():
        if isinstance(one.entity, App) and one.entity.component_id is not None:
            component_apps.setdefault(one.entity.component_id, []).append(one.id)
    structure = Structure(
        area_parent=area_parent,
        component_parent=component_parent,
        subareas=_children(area_parent),
        area_components=_frozen(area_components),
        subcomponents=_children(component_parent),
        component_apps=_frozen(component_apps),
        dropped_edges={(EntityKind.AREA, one): why for one, why in bad_areas.items()}
        | {(EntityKind.COMPONENT, one): why for one, why in bad_components.items()},
    )
    return replace(structure, owners=_owners(tree, structure))


def _forest(edges: Mapping[str, str | None]) -> tuple[dict[str, str], dict[str, Dropped]]:
    """Parent by child without edges to nobody, on a cycle or too deep; and who lost an edge for the latter two."""
    depth: dict[str, int] = {}
    dropped: dict[str, Dropped] = {}
    for start in edges:
        trail: dict[str, None] = {}
        at: str | None = start
        while at is not None and at in edges and at not in depth and at not in trail:
            trail[at] = None
            at = edges[at]
        upwards = list(trail)
        if at in trail:
            for one in upwards[upwards.index(at) :]:
                dropped[one] = "cycle"
        for one in reversed(upwards):
            parent = edges[one]
            if parent is None or parent not in edges or one in dropped:
                depth[one] = 0
            elif depth[parent] == MAX_DEPTH:
                depth[one] = 0
                dropped[one] = "too_deep"
            else:
                depth[one] = depth[parent] + 1
    parents = {child: parent for child, parent in edges.items() if parent is not None and depth[child]}
    return parents, dict(sorted(dropped.items()))


def _children(parents: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = {}
    for child, parent in parents.items():
        grouped.setdefault(parent, []).append(child)
    return _frozen(grouped)


def _frozen(grouped: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(ids) for key, ids in grouped.items()}


def _owners(tree: MergedTree, structure: Structure) -> dict[EntityKind, Mapping[str, tuple[str, ...]]]:
    components = {
        one.id: dict.fromkeys((*one.instances, *_app_owners(tree, structure.component_apps.get(one.id, ()))))
        for one in tree.components.values()
    }
    _push_up(components, structure.component_parent)
    areas = {one.id: dict.fromkeys(one.instances) for one in tree.areas.values()}
    for area, ids in structure.area_components.items():
        for component in ids:
            areas[area].update(components[component])
    _push_up(areas, structure.area_parent)
    of_components = {one: tuple(owners) for one, owners in components.items()}
    return {
        EntityKind.AREA: {one: tuple(owners) for one, owners in areas.items()},
        EntityKind.COMPONENT: of_components,
        EntityKind.APP: {one.id: one.instances for one in tree.apps.values()},
        EntityKind.FUNCTION: FunctionOwners(tree, of_components),
    }


@dataclass(frozen=True, slots=True)
class FunctionOwners(Mapping[str, tuple[str, ...]]):
    """The owners of Functions, found when asked for: any number of Functions may have one host of many owners."""

    tree: MergedTree
    components: Mapping[str, tuple[str, ...]]

    def __getitem__(self, function_id: str) -> tuple[str, ...]:
        one = self.tree.functions[function_id]
        owners = dict.fromkeys(one.instances)
        for host in known_hosts(one):
            if host in self.tree.apps:
                owners.update(dict.fromkeys(self.tree.apps[host].instances))
            else:
                owners.update(dict.fromkeys(self.components.get(host, ())))
        return tuple(owners)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tree.functions)

    def __len__(self) -> int:
        return len(self.tree.functions)


def _app_owners(tree: MergedTree, apps: Iterable[str]) -> Iterable[str]:
    for app in apps:
        yield from tree.apps[app].instances


def _push_up(owners: dict[str, dict[str, None]], parents: Mapping[str, str]) -> None:
    """Gives every parent the owners of all below it: leaves first, each edge once."""
    waiting: dict[str, int] = {}
    for parent in parents.values():
        waiting[parent] = waiting.get(parent, 0) + 1
    ready = [one for one in owners if not waiting.get(one)]
    while ready:
        child = ready.pop()
        if child not in parents:
            continue
        parent = parents[child]
        owners[parent].update(owners[child])
        waiting[parent] -= 1
        if not waiting[parent]:
            ready.append(parent)


def descendants(children: Mapping[str, tuple[str, ...]], roots: Iterable[str]) -> tuple[str, ...]:
    """`roots` and everything below them, each once, parents before children."""
    found = dict.fromkeys(roots)
    queue = list(found)
    for one in queue:
        for child in children.get(one, ()):
            if child not in found:
                found[child] = None
                queue.append(child)
    return tuple(found)


def leaf_collisions(tree: MergedTree, structure: Structure, self_id: str) -> dict[str, tuple[str, ...]]:
    """Leaf Components that two or more other gateways claim: id -> their instances, live or not."""
    found = {}
    for one in tree.components.values():
        claimants = tuple(instance for instance in one.instances if instance != self_id)
        if len(claimants) > 1 and one.id not in structure.subcomponents:
            found[one.id] = claimants
    return found


def known_hosts(one: MergedEntity) -> tuple[str, ...]:
    """The hosts that all known contributors of a Function name, live or not; what is shown names the live ones'."""
    parts = (contribution.entity for contribution in one.contributions)
    return tuple(dict.fromkeys(host for part in parts if isinstance(part, Function) for host in part.hosts))


def members_of(tree: MergedTree, structure: Structure, one: MergedEntity) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(Components, Apps) that belong to an entity here: the subtree below it, itself included if a Component."""
    components: tuple[str, ...]
    match one.entity:
        case App():
            return (), (one.id,)
        case Component():
            components = descendants(structure.subcomponents, (one.id,))
        case Area():
            areas = descendants(structure.subareas, (one.id,))
            direct = [component for area in areas for component in structure.area_components.get(area, ())]
            components = descendants(structure.subcomponents, direct)
        case Function():
            hosts = known_hosts(one)
            hosted = [host for host in hosts if host not in tree.apps and host in tree.components]
            components = descendants(structure.subcomponents, hosted)
            apps = [host for host in hosts if host in tree.apps]
            return components, tuple(dict.fromkeys((*apps, *_apps_on(structure, components))))
    return components, tuple(_apps_on(structure, components))


def _apps_on(structure: Structure, components: Iterable[str]) -> Iterable[str]:
    for component in components:
        yield from structure.component_apps.get(component, ())


def own_members(
    tree: MergedTree, structure: Structure, kind: EntityKind, entity_id: str, scope: Iterable[str]
) -> tuple[tuple[EntityKind, str], ...]:
    """What one gateway answers for an entity from its own `tree`: its contribution, Components in scope, their Apps.

    `scope`: the merged Components that belong to the entity as the asker sees it. Empty if it has none of these.
    """
    found: dict[tuple[EntityKind, str], None] = {}
    one = tree.of(kind).get(entity_id)
    if one is not None:
        found[kind, entity_id] = None
    for component in dict.fromkeys((*((entity_id,) if kind is EntityKind.COMPONENT else ()), *scope)):
        if component in tree.components:
            found[EntityKind.COMPONENT, component] = None
        found.update(dict.fromkeys((EntityKind.APP, app) for app in structure.component_apps.get(component, ())))
    if one is not None and isinstance(one.entity, Function):
        found.update(dict.fromkeys((EntityKind.APP, host) for host in one.entity.hosts if host in tree.apps))
    return tuple(found)
