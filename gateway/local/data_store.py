"""The data items of all own entities: listed, read and written (docs/api.md, "Data")."""

from collections.abc import Mapping
from typing import Any, assert_never

from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import DataSpec
from gateway.local.data_items import DataItem, HeldItem, ReadFailure, Reading, Sample
from gateway.local.shared_read import Clock
from gateway.local.values import MisfitError, conform

Items = Mapping[str, DataItem]


class DataStore:
    """Data items by entity and id. The values are the items' own; an unknown entity has none.

    One item is also found by its name, and without a leading slash: the web UI asks so.
    """

    def __init__(self, items: Mapping[EntityRef, Items], clock: Clock) -> None:
        self._items = items
        self._words = {ref: _words(of_entity) for ref, of_entity in items.items()}
        self._clock = clock

    async def items(self, ref: EntityRef) -> list[dict[str, Any]]:
        """The list; an item that fails carries its error, the others are not touched by it."""
        return [_list_item(item.spec, await item.listed()) for item in self._items.get(ref, {}).values()]

    async def item(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """One item with its value now. 404 unknown, 503 when it cannot be read."""
        item = self._find(ref, item_id)
        if item is None:
            return _unknown(ref, item_id)
        reading = await item.read()
        match reading:
            case ReadFailure():
                return _unreadable(ref, item.spec, reading)
            case Sample():
                return ItemAnswer(200, _body(ref, item_id, item.spec, reading))
            case None:
                return ItemAnswer(200, _body(ref, item_id, item.spec, Sample({}, self._clock()), "metadata_only"))
            case _:
                assert_never(reading)

    def write(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Replace a held value. 400 bad body or type, 403 read-only, 404 unknown."""
        written = _parse_body(body)
        if isinstance(written, ResourceError):
            return written
        item = self._find(ref, item_id)
        if item is None:
            return _unknown(ref, item_id)
        if not isinstance(item, HeldItem) or not item.spec.writable:
            return _read_only(ref, item.spec)
        try:
            value = conform(written["data"], item.spec.type)
        except MisfitError as error:
            return _misfit(ref, item.spec, error)
        item.hold(value)
        medkit = {"entity_id": ref.id, "status": "written"}
        return ItemAnswer(200, {"id": item_id, "data": value, "value": value, "x-medkit": medkit})

    def _find(self, ref: EntityRef, word: str) -> DataItem | None:
        exact = self._items.get(ref, {}).get(word)
        return exact or self._words.get(ref, {}).get(word.lstrip("/"))


def _words(items: Items) -> Items:
    """The items by id and name, both without a leading slash; an id goes before a name."""
    words: dict[str, DataItem] = {}
    for item_id, item in items.items():
        words.setdefault(item_id.lstrip("/"), item)
    for item in items.values():
        words.setdefault(item.spec.name.lstrip("/"), item)
    return words


def _parse_body(body: Any) -> Mapping[str, Any] | ResourceError:
    """The `data` of {type, data}, {value: x} or {value: {type, data}}: newest clients and the web UI differ."""
    if not isinstance(body, Mapping):
        message = "Request body must be a JSON object: {type, data} or {value}"
        return ResourceError(400, "invalid-request", message)
    if "value" in body and "data" not in body:
        inner = body["value"]
        wrapped = isinstance(inner, Mapping) and inner.keys() == {"type", "data"}
        return {"data": inner["data"] if wrapped else inner}
    problems = []
    if body.get("type") is None:
        problems.append("type: missing required field")
    elif not isinstance(body["type"], str):
        problems.append("type: expected a string")
    if "data" not in body:
        problems.append("data: missing required field")
    if problems:
        return ResourceError(400, "invalid-request", "; ".join(problems))
    return {"data": body["data"]}


def _list_item(spec: DataSpec, reading: Reading) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": spec.id,
        "name": spec.name,
        "category": spec.category,
        "data_type": spec.type.value,
        "writable": spec.writable,
        "x-medkit": _described(spec),
    }
    if spec.unit is not None:
        item["unit"] = spec.unit
    match reading:
        case Sample():
            item["value"] = reading.value
        case ReadFailure():
            item["x-medkit"]["error"] = {
                "error_code": "service-unavailable",
                "message": _failure_message(spec, reading),
            }
        case None:
            pass
        case _:
            assert_never(reading)
    return item


def _body(ref: EntityRef, asked_id: str, spec: DataSpec, sample: Sample, status: str = "data") -> dict[str, Any]:
    """`id` echoes what was asked for; `value` is the older spelling of `data`."""
    body: dict[str, Any] = {
        "id": asked_id,
        "data": sample.value,
        "value": sample.value,
        "x-medkit": {
            "entity_id": ref.id,
            "timestamp": sample.timestamp_ns,
            "status": status,
            **_described(spec),
        },
    }
    if spec.unit is not None:
        body["unit"] = spec.unit
    return body


def _described(spec: DataSpec) -> dict[str, Any]:
    return {
        "type": spec.type.value,
        "access": "read-write" if spec.writable else "read-only",
        "direction": "both" if spec.writable else "publish",
    }


def _parameters(ref: EntityRef, item_id: str) -> dict[str, Any]:
    return {"entity_id": ref.id, "id": item_id}


def _unknown(ref: EntityRef, item_id: str) -> ResourceError:
    return ResourceError(404, "resource-not-found", "Data item not found", _parameters(ref, item_id))


def _unreadable(ref: EntityRef, spec: DataSpec, failure: ReadFailure) -> ResourceError:
    parameters = {**_parameters(ref, spec.id), "details": failure.reason}
    return ResourceError(503, "service-unavailable", _failure_message(spec, failure), parameters)


def _failure_message(spec: DataSpec, failure: ReadFailure) -> str:
    return f"Data item '{spec.id}' has no value now: {failure.reason}"


def _read_only(ref: EntityRef, spec: DataSpec) -> ResourceError:
    message = f"Data item '{spec.id}' is read-only"
    parameters = _parameters(ref, spec.id)
    return ResourceError(403, "vendor-error", message, parameters, vendor_code="x-medkit-data-read-only")


def _misfit(ref: EntityRef, spec: DataSpec, error: MisfitError) -> ResourceError:
    message = f"The value does not fit data item '{spec.id}': {error}"
    return ResourceError(400, "invalid-parameter", message, {**_parameters(ref, spec.id), "details": str(error)})
