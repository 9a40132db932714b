"""What is answered about a data item, in the shapes of docs/api.md, "Data". Pure."""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from gateway.local.answers import EntityRef, ResourceError
from gateway.local.bindings import DataSpec
from gateway.local.data_items import Fate, ReadFailure, Reading, Sample, WriteFailure
from gateway.local.value_range import ANY_VALUE
from gateway.local.values import MisfitError

_WITHOUT_TYPE: Final = '; {"value": ...} needs no type'


def parse_body(body: Any) -> Mapping[str, Any] | ResourceError:
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
        problems.append("type: missing required field" + (_WITHOUT_TYPE if "data" in body else ""))
    elif not isinstance(body["type"], str):
        problems.append("type: expected a string")
    if "data" not in body:
        problems.append("data: missing required field")
    if problems:
        return ResourceError(400, "invalid-request", "; ".join(problems))
    return {"data": body["data"]}


def described_item(spec: DataSpec) -> dict[str, Any]:
    """What a list item always has."""
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
    return item


def list_item(described: Mapping[str, Any], spec: DataSpec, reading: Reading) -> dict[str, Any]:
    """A list item of now."""
    medkit = dict(described["x-medkit"])
    item = {**described, "x-medkit": medkit}
    match reading:
        case Sample():
            item["value"] = reading.value
            medkit.update(_taken(spec, reading))
        case ReadFailure():
            medkit["error"] = {"error_code": "service-unavailable", "message": _failure_message(spec, reading)}
        case None:
            pass
        case _:
            assert_never(reading)
    return item


def read_item(ref: EntityRef, asked_id: str, spec: DataSpec, sample: Sample, status: str = "data") -> dict[str, Any]:
    """`id` echoes what was asked for; `value` is the older spelling of `data`."""
    body: dict[str, Any] = {
        "id": asked_id,
        "data": sample.value,
        "value": sample.value,
        "x-medkit": {
            "entity_id": ref.id,
            "status": status,
            **_described(spec),
            **_taken(spec, sample),
        },
    }
    if spec.unit is not None:
        body["unit"] = spec.unit
    return body


def written_item(ref: EntityRef, asked_id: str, value: Any) -> dict[str, Any]:
    """The answer to a write, in both spellings."""
    medkit = {"entity_id": ref.id, "status": "written"}
    return {"id": asked_id, "data": value, "value": value, "x-medkit": medkit}


def _described(spec: DataSpec) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": spec.type.value,
        "access": "read-write" if spec.writable else "read-only",
        "direction": "both" if spec.writable else "publish",
    }
    return described | spec.range.told()


def _taken(spec: DataSpec, sample: Sample) -> dict[str, Any]:
    """When the value was read; a value out of the range is shown, and marked."""
    taken: dict[str, Any] = {"timestamp": sample.timestamp_ns}
    if spec.range is ANY_VALUE:
        return taken
    try:
        spec.range.check(sample.value)
    except MisfitError:
        taken["out_of_range"] = True
    return taken


def _parameters(ref: EntityRef, item_id: str) -> dict[str, Any]:
    return {"entity_id": ref.id, "id": item_id}


def unknown(ref: EntityRef, item_id: str) -> ResourceError:
    return ResourceError(404, "resource-not-found", "Data item not found", _parameters(ref, item_id))


def unreadable(ref: EntityRef, spec: DataSpec, failure: ReadFailure) -> ResourceError:
    parameters = {**_parameters(ref, spec.id), "details": failure.reason}
    return ResourceError(503, "service-unavailable", _failure_message(spec, failure), parameters)


def _failure_message(spec: DataSpec, failure: ReadFailure) -> str:
    return f"Data item '{spec.id}' has no value now: {failure.reason}"


def read_only(ref: EntityRef, spec: DataSpec) -> ResourceError:
    message = f"Data item '{spec.id}' is read-only"
    parameters = _parameters(ref, spec.id)
    return ResourceError(403, "vendor-error", message, parameters, vendor_code="x-medkit-data-read-only")


def misfit(ref: EntityRef, spec: DataSpec, error: MisfitError) -> ResourceError:
    message = f"The value does not fit data item '{spec.id}': {error}"
    return ResourceError(400, "invalid-parameter", message, {**_parameters(ref, spec.id), "details": str(error)})


def unwritten(ref: EntityRef, spec: DataSpec, failure: WriteFailure) -> ResourceError:
    """400 for a value that can never be written there, 409 when the program does not want it, 502 when what it writes
    to said no, 503 when that could not be asked, 504 when nobody knows.
    """
    message = f"Data item '{spec.id}' was not written: {failure.reason}"
    parameters = {**_parameters(ref, spec.id), "details": failure.reason}
    match failure.fate:
        case Fate.UNFIT:
            return ResourceError(400, "invalid-parameter", message, parameters)
        case Fate.NOT_TRIED:
            return ResourceError(503, "service-unavailable", message, parameters)
        case Fate.DECLINED:
            return ResourceError(409, "precondition-not-fulfilled", message, parameters)
        case Fate.REFUSED:
            return ResourceError(502, "vendor-error", message, parameters, vendor_code="x-medkit-data-write-failed")
        case Fate.UNKNOWN:
            message = f"Data item '{spec.id}' may not have been written: {failure.reason}"
            return ResourceError(504, "not-responding", message, {**parameters, "may_have_executed": True})
        case _:
            assert_never(failure.fate)
