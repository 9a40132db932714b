"""The configurations of all own entities: listed, read, written, reset (docs/api.md, "Configurations")."""

from collections.abc import Mapping
from typing import Any

from entities.model import EntityKind
from gateway.local.answers import (
    NO_CONTENT,
    ConfigurationList,
    EntityRef,
    ItemAnswer,
    ResourceError,
)
from gateway.local.bindings import Configuration
from gateway.local.values import MisfitError, conform


class ConfigurationStore:
    """Configurations by entity and id, held in memory; `nodes` gives the ROS node of an App, if it has one."""

    def __init__(self, declared: Mapping[EntityRef, tuple[Configuration, ...]], nodes: Mapping[str, str]) -> None:
        # Mutable: what is declared, and the values that are not the default.
        self._changed: dict[tuple[EntityRef, str], Any] = {}
        self.declare(declared, nodes)

    def declare(self, declared: Mapping[EntityRef, tuple[Configuration, ...]], nodes: Mapping[str, str]) -> None:
        """What there is from now on; values that were set stay."""
        self._declared = {ref: {item.id: item for item in items} for ref, items in declared.items()}
        self._nodes = nodes

    def items(self, ref: EntityRef) -> ConfigurationList:
        """The configurations of one entity in the order they were declared."""
        declared = self._of(ref).values()
        return ConfigurationList(
            items=tuple({"id": item.id, "name": item.id, "type": "parameter"} for item in declared),
            parameters=tuple(self._parameter(ref, item) for item in declared),
        )

    def item(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """One configuration; 404 unknown."""
        item = self._of(ref).get(item_id)
        return _unknown(ref, item_id) if item is None else self._answer(ref, item)

    def write(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Set from {data} or {value}; answers as `item`. 400 bad body or type, 403 read-only, 404 unknown."""
        if not isinstance(body, Mapping) or not ("data" in body or "value" in body):
            return ResourceError(400, "invalid-request", "Request body must contain a 'data' field")
        item = self._of(ref).get(item_id)
        if item is None:
            return _unknown(ref, item_id)
        if item.read_only:
            return _read_only(ref, item)
        try:
            value = conform(body["data"] if "data" in body else body["value"], item.type)
        except MisfitError as error:
            return _misfit(ref, item, error)
        self._changed[ref, item_id] = value
        return self._answer(ref, item)

    def reset(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """Back to the default; 404 unknown. A read-only one is at its default already."""
        if item_id not in self._of(ref):
            return _unknown(ref, item_id)
        self._changed.pop((ref, item_id), None)
        return NO_CONTENT

    def reset_all(self, ref: EntityRef) -> ItemAnswer:
        """All of one entity back to their defaults."""
        for item_id in self._of(ref):
            self._changed.pop((ref, item_id), None)
        return NO_CONTENT

    def _of(self, ref: EntityRef) -> Mapping[str, Configuration]:
        return self._declared.get(ref, {})

    def _parameter(self, ref: EntityRef, item: Configuration) -> dict[str, Any]:
        return {
            "name": item.id,
            "value": self._changed.get((ref, item.id), item.value),
            "type": item.type.value,
            "read_only": item.read_only,
            "description": item.description,
        }

    def _answer(self, ref: EntityRef, item: Configuration) -> ItemAnswer:
        parameter = self._parameter(ref, item)
        medkit: dict[str, Any] = {"entity_id": ref.id, "source": "runtime", "parameter": parameter}
        node = self._nodes.get(ref.id) if ref.kind is EntityKind.APP else None
        if node is not None:
            medkit["ros2"] = {"node": node}
        return ItemAnswer(200, {"id": item.id, "data": parameter["value"], "x-medkit": medkit})


def _parameters(ref: EntityRef, item_id: str) -> dict[str, Any]:
    return {"entity_id": ref.id, "id": item_id}


def _unknown(ref: EntityRef, item_id: str) -> ResourceError:
    return ResourceError(404, "resource-not-found", "Configuration not found", _parameters(ref, item_id))


def _read_only(ref: EntityRef, item: Configuration) -> ResourceError:
    message = f"Configuration '{item.id}' is read-only"
    vendor_code = "x-medkit-ros2-parameter-read-only"
    return ResourceError(403, "vendor-error", message, _parameters(ref, item.id), vendor_code=vendor_code)


def _misfit(ref: EntityRef, item: Configuration, error: MisfitError) -> ResourceError:
    message = f"The value does not fit configuration '{item.id}': {error}"
    return ResourceError(400, "invalid-parameter", message, {**_parameters(ref, item.id), "details": str(error)})
