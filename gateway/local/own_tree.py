"""The own entities of all sources as one tree, and who of them reports faults. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

import msgspec

from entities.model import KIND_OF, App, Area, Component, Entity, Function, GatewayTree
from gateway.local.answers import EntityRef


def merge_own(offered: Sequence[GatewayTree]) -> GatewayTree:
    """The trees of all sources as one. An entity of several has the first one's fields, its gaps filled by the
    others', and the data and operations of all. Kinds keep the order of their last source first, so that the
    machine stands before what is declared on it.
    """
    return GatewayTree(
        areas=_merge([tree.areas for tree in offered]),
        components=_merge([tree.components for tree in offered]),
        apps=_merge([tree.apps for tree in offered]),
        functions=_merge([tree.functions for tree in offered]),
    )


def list_operations(tree: GatewayTree, operations: Mapping[EntityRef, Iterable[str]]) -> GatewayTree:
    """The tree with the ids of the operations in its entities, so that other gateways know whose they are."""

    def listed(entities: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            _listing(entity, operations.get(EntityRef(KIND_OF[type(entity)], entity.id), ())) for entity in entities
        )

    return GatewayTree(
        areas=listed(tree.areas),
        components=listed(tree.components),
        apps=listed(tree.apps),
        functions=listed(tree.functions),
    )


def _listing(entity: Entity, operations: Iterable[str]) -> Entity:
    ids = tuple(dict.fromkeys((*entity.operations, *operations)))
    return entity if ids == entity.operations else msgspec.structs.replace(entity, operations=ids)


def _merge(offered: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """Entities of one kind; the earlier source counts, the later one stands in front."""
    found: dict[str, Any] = {}
    for entities in offered:
        new = {entity.id: entity for entity in entities if entity.id not in found}
        for entity in entities:
            if entity.id in found:
                found[entity.id] = _combine(found[entity.id], entity)
        found = {**new, **found}
    return tuple(found.values())


def _combine(first: Any, second: Any) -> Any:
    gaps: dict[str, Any] = {
        field: value
        for field, value in msgspec.structs.asdict(second).items()
        if getattr(first, field) in (None, "", ())
    }
    if isinstance(first, App):
        gaps["is_online"] = first.is_online and second.is_online  # what is declared is online unless somebody looks
    for listed in ("data", "operations"):
        gaps[listed] = tuple(dict.fromkeys((*getattr(first, listed), *getattr(second, listed))))
    return msgspec.structs.replace(first, **gaps)


def fault_sources(tree: GatewayTree, ref: EntityRef) -> list[str]:
    """Under which names an entity itself reports faults; its members' names come on top, above.

    An App reports under its ROS node's name, without one under its id; an external App always under its id, even
    if it is bound to a node. A Component reports under its id. Nobody else reports.
    """
    entity = tree.find(ref.kind, ref.id)
    match entity:
        case App():
            return [entity.node if entity.node and not entity.external else entity.id]
        case Component():
            return [entity.id]
        case Area() | Function() | None:
            return []
        case _:
            assert_never(entity)
