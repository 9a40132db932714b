"""Reads the data items of an entity (docs/manifest.md, "Data")."""

from pathlib import Path
from typing import Final

from gateway.local.bindings import (
    CATEGORIES,
    DATA_ID_LIMIT,
    DEFAULT_CATEGORY,
    READ_TIMEOUT_S,
    WRITE_TIMEOUT_S,
    BoundData,
    DataBinding,
    DataSpec,
    HeldData,
)
from gateway.local.manifest.calls import read_timeout
from gateway.local.manifest.decodings import read_decoding
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.items import fit, read_item_id, read_type
from gateway.local.manifest.origins import DEFAULT_REFRESH_S, ORIGINS, read_origin
from gateway.local.manifest.problem import Rule
from gateway.local.manifest.ranges import read_range, require_in_range
from gateway.local.manifest.targets import read_target
from gateway.local.origins import Origin, SensorOrigin
from gateway.local.psutil_readings import READINGS
from gateway.local.values import DataType

LONGEST_READ_TIMEOUT_S: Final = 60.0
"""Seconds a reading may take at most."""

LONGEST_REFRESH_S: Final = 86_400.0
"""Seconds for which a reading may count as new at most."""

_OF_NUMBERS: Final = ("min", "max", "step", "scale", "offset")


def read_data(fields: Fields, base: Path) -> DataBinding | None:
    """One data item; None when it cannot be used, with the reason in the report."""
    item_id = read_item_id(fields, "id", DATA_ID_LIMIT, "pressure") or ""
    found = [key for key in ("value", *ORIGINS) if fields.has(key)]
    if len(found) > 1:
        named = " and ".join(repr(key) for key in found)
        fields.problem(Rule.G009, found[1], f"found {named}, allowed is one of them; remove the others")
    origin_key = next((key for key in found if key != "value"), None)
    binding = _read_held(fields, item_id) if origin_key is None else _read_bound(fields, item_id, origin_key, base)
    return binding if item_id else None


def _read_held(fields: Fields, item_id: str) -> HeldData | None:
    value, data_type = fields.value("value"), read_type(fields)
    if data_type is None and not fields.has("value"):
        _require_origin(fields)
    value, data_type = fit(fields, value, data_type)
    spec = _read_spec(fields, item_id, data_type, writable=fields.flag("writable") or False)
    if data_type is None:
        return None
    require_in_range(fields, "value", value, spec.range)
    return HeldData(spec, value)


def _require_origin(fields: Fields) -> None:
    """A data item must say where its value comes from, or at least what may be written to it."""
    if fields.has("type"):
        return  # its type is wrong, and already reported
    origins = ", ".join(f"no '{key}'" for key in ORIGINS)
    fields.problem(
        Rule.G006, "value", f"found no 'value', {origins} and no 'type'; write one, for example 'value: 4.2'"
    )


def _read_bound(fields: Fields, item_id: str, key: str, base: Path) -> BoundData | None:
    origin = read_origin(fields, key, base)
    data_type = _read_bound_type(fields, origin)
    decoding = read_decoding(fields, key, data_type)
    target = read_target(fields, key, origin, base, is_part=decoding.is_part)
    unit = READINGS[origin.reading].unit if isinstance(origin, SensorOrigin) and not decoding.scales else None
    spec = _read_spec(fields, item_id, data_type, writable=target is not None, unit=unit)
    refresh = fields.number("refresh", 0, LONGEST_REFRESH_S)
    timeout = read_timeout(fields, LONGEST_READ_TIMEOUT_S)
    if origin is None:
        return None
    return BoundData(
        spec,
        origin,
        decoding,
        None if target is None else target.target,
        refresh_s=DEFAULT_REFRESH_S[key] if refresh is None else refresh,
        read_timeout_s=timeout or READ_TIMEOUT_S,
        write_timeout_s=(None if target is None else target.timeout_s) or WRITE_TIMEOUT_S,
    )


def _read_bound_type(fields: Fields, origin: Origin | None) -> DataType:
    data_type = read_type(fields)
    if not isinstance(origin, SensorOrigin):
        return data_type or (DataType.DOUBLE if any(map(fields.has, _OF_NUMBERS)) else DataType.STRING)
    said = READINGS[origin.reading].type
    rounded = fields.has("scale") or fields.has("offset")
    if data_type in {None, said, DataType.DOUBLE} or (data_type is DataType.INT and rounded):
        return data_type or (DataType.DOUBLE if rounded else said)
    fields.problem(Rule.G009, "type", f"found {data_type.value}, the reading is of type {said.value}; remove 'type'")
    return said


def _read_spec(
    fields: Fields, item_id: str, data_type: DataType | None, *, writable: bool, unit: str | None = None
) -> DataSpec:
    return DataSpec(
        item_id,
        fields.text("name") or item_id,
        data_type or DataType.STRING,
        _read_category(fields),
        fields.text("unit") or unit,
        writable,
        read_range(fields, data_type),
    )


def _read_category(fields: Fields) -> str:
    category = fields.text("category")
    if category is not None and category.startswith("x-"):
        return category
    return fields.choice("category", CATEGORIES) or DEFAULT_CATEGORY
