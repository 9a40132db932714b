"""The own entities of all sources as one tree, and who of them reports faults. Pure."""

from typing import Any, assert_never

import msgspec

from entities.model import App, Area, Component, Function, GatewayTree
from gateway.local.answers import EntityRef


def merge_own(host: Component | None, declared: GatewayTree) -> GatewayTree:
    """Host and manifest in one tree. A Component of both has the manifest's fields, the gaps filled by the
    host's, and the data of both.
    """
    if host is None:
        return declared
    if not any(component.id == host.id for component in declared.components):
        return msgspec.structs.replace(declared, components=(host, *declared.components))
    components = (
        _combine(component, host) if component.id == host.id else component for component in declared.components
    )
    return msgspec.structs.replace(declared, components=tuple(components))


def _combine(declared: Component, host: Component) -> Component:
    gaps: dict[str, Any] = {
        field: value
        for field, value in msgspec.structs.asdict(host).items()
        if getattr(declared, field) in (None, "", ())
    }
    gaps["data"] = tuple(dict.fromkeys((*declared.data, *host.data)))
    return msgspec.structs.replace(declared, **gaps)


def fault_sources(tree: GatewayTree, ref: EntityRef) -> list[str]:
    """Under which names an entity itself reports faults; its members' names come on top, above.

    An App reports under its ROS node's name, without one under its id; an external App always under its id, even
    if it is bound to a node. An external Component without Apps on it reports under its id. Nobody else reports.
    """
    entity = tree.find(ref.kind, ref.id)
    match entity:
        case App():
            return [entity.node if entity.node and not entity.external else entity.id]
        case Component():
            own = entity.external and not any(app.component_id == entity.id for app in tree.apps)
            return [entity.id] if own else []
        case Area() | Function() | None:
            return []
        case _:
            assert_never(entity)
