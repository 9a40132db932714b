"""Reads Grove's own part of the manifest: `data`, `configurations` and `faults` of a Component or App."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from entities.model import EntityKind
from gateway.local.bindings import (
    CATEGORIES,
    CONFIGURATION_ID_LIMIT,
    DATA_ID_LIMIT,
    DEFAULT_CATEGORY,
    FAULT_CODE_LIMIT,
    Configuration,
    DataBinding,
    DataSpec,
    DeclaredFault,
    FaultStatus,
    FileData,
    HeldData,
    Resources,
    Severity,
)
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule
from gateway.local.values import DataType, MisfitError, conform, infer_type

SECTIONS: Final = ("data", "configurations", "faults")
_TYPES: Final = tuple(data_type.value for data_type in DataType)
_LATEST_SECOND: Final = 9_000_000_000
"""A fault's times must stay below 2^63 ns; this is the year 2255."""

Item = TypeVar("Item")


def read_resources(fields: Fields, kind: EntityKind, base: Path) -> Resources:
    """The resources of one entity; relative `file:` names count from the folder `base`."""
    if kind not in {EntityKind.COMPONENT, EntityKind.APP}:
        _refuse_sections(fields, kind)
        return Resources()
    return Resources(
        data=_read_list(fields, "data", "id", lambda item: _read_data(item, base)),
        configurations=_read_list(fields, "configurations", "id", _read_configuration),
        faults=_read_list(fields, "faults", "code", _read_fault),
    )


def _refuse_sections(fields: Fields, kind: EntityKind) -> None:
    for section in SECTIONS:
        if fields.has(section):
            fields.problem(
                Rule.G009,
                section,
                f"found '{section}' on {kind.singular} {fields.text('id')!r}, allowed on components and apps;"
                f" move it to the one it belongs to",
            )


def _read_list(fields: Fields, section: str, key: str, read: Callable[[Fields], Item | None]) -> tuple[Item, ...]:
    items: dict[str, Item] = {}
    for item_fields in fields.mappings(section):
        item = read(item_fields)
        item_fields.refuse_unread()
        item_id = item_fields.text(key)
        if item is None or item_id is None:
            continue
        if item_id in items:
            item_fields.problem(Rule.G008, key, f"found {item_id!r} twice in this list; rename or remove one")
        items.setdefault(item_id, item)
    return tuple(items.values())


def _read_item_id(fields: Fields, key: str, limit: int, example: str) -> str | None:
    if not fields.require(key, example):
        return None
    item_id = fields.text(key)
    if item_id is not None and not 1 <= len(item_id) <= limit:
        fields.problem(Rule.G004, key, f"found {len(item_id)} characters, allowed are 1 to {limit}; shorten it")
        return None
    return item_id


def _read_data(fields: Fields, base: Path) -> DataBinding | None:
    item_id = _read_item_id(fields, "id", DATA_ID_LIMIT, "pressure")
    name, unit = fields.text("name"), fields.text("unit")
    category = _read_category(fields)
    value, file, data_type = fields.value("value"), fields.text("file"), _read_type(fields)
    writable = fields.flag("writable") or False
    if fields.has("file"):
        _refuse_beside_file(fields, writable=writable)
        value, data_type = None, data_type or DataType.STRING
    elif data_type is None and not fields.has("value"):
        _require_origin(fields)
    value, data_type = _fit(fields, value, data_type)
    if item_id is None or data_type is None:
        return None
    spec = DataSpec(item_id, name or item_id, data_type, category, unit, writable)
    return FileData(spec, base / file) if file else HeldData(spec, value)


def _read_category(fields: Fields) -> str:
    category = fields.text("category")
    if category is not None and category.startswith("x-"):
        return category
    return fields.choice("category", CATEGORIES) or DEFAULT_CATEGORY


def _read_type(fields: Fields) -> DataType | None:
    word = fields.choice("type", _TYPES)
    return None if word is None else DataType(word)


def _refuse_beside_file(fields: Fields, *, writable: bool) -> None:
    if not fields.text("file"):
        fields.problem(Rule.G009, "file", "found an empty file name; write the path of a file")
    if fields.has("value"):
        fields.problem(Rule.G009, "value", "found 'value' beside 'file', allowed is one of them; remove one")
    if writable:
        fields.problem(Rule.G009, "writable", "found 'writable: true' beside 'file', a file is only read; remove it")


def _require_origin(fields: Fields) -> None:
    """A data item must say where its value comes from, or at least what may be written to it."""
    if fields.has("type"):
        return  # its type is wrong, and already reported
    fields.problem(Rule.G006, "value", "found no 'value', no 'file' and no 'type'; write one, for example 'value: 4.2'")


def _fit(fields: Fields, value: Any, data_type: DataType | None) -> tuple[Any, DataType | None]:
    """The value as its type, the type inferred where it is not said."""
    data_type = data_type or infer_type(value)
    if value is None or data_type is None:
        return value, data_type
    try:
        return conform(value, data_type), data_type
    except MisfitError as error:
        fields.problem(Rule.G003, "value", f"{error}; change 'value' or 'type'")
        return None, None


def _read_configuration(fields: Fields) -> Configuration | None:
    item_id = _read_item_id(fields, "id", CONFIGURATION_ID_LIMIT, "offset")
    given = fields.require("value", "0.5")
    value, data_type = _fit(fields, fields.value("value"), _read_type(fields))
    read_only = fields.flag("read_only") or False
    description = fields.text("description", multiline=True) or ""
    if item_id is None or not given or data_type is None:
        return None
    return Configuration(item_id, value, data_type, read_only, description)


def _read_fault(fields: Fields) -> DeclaredFault | None:
    code = _read_item_id(fields, "code", FAULT_CODE_LIMIT, "P_LOW")
    severity = _read_severity(fields)
    description = fields.text("description", multiline=True) or ""
    status = fields.choice("status", tuple(FaultStatus)) or FaultStatus.CONFIRMED
    first, last = _read_time(fields, "first_occurred"), _read_time(fields, "last_occurred")
    count = _read_count(fields)
    if first is not None and last is not None and last < first:
        fields.problem(Rule.G009, "last_occurred", "found a time before first_occurred; exchange the two")
    if code is None or severity is None:
        return None
    return DeclaredFault(code, severity, description, FaultStatus(status), first, last, count)


def _read_severity(fields: Fields) -> Severity | None:
    if not fields.require("severity", "ERROR"):
        return None
    labels: Sequence[str] = [severity.name for severity in Severity]
    numbers = [str(severity.value) for severity in Severity]
    word = fields.choice("severity", [*labels, *numbers])
    if word is None:
        return None
    return Severity(int(word)) if word in numbers else Severity[word]


def _read_count(fields: Fields) -> int:
    count = fields.value("occurrence_count")
    if count is None:
        return 1
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return count
    fields.problem(Rule.G003, "occurrence_count", f"found {count!r}, allowed are integers from 0")
    return 1


def _read_time(fields: Fields, key: str) -> int | None:
    """A time in ns since 1970, from seconds since 1970 or ISO 8601 (UTC where no zone is given)."""
    value = fields.value(key)
    if value is None:
        return None
    seconds = _parse_seconds(value)
    if seconds is None or not 0 <= seconds <= _LATEST_SECOND:
        allowed = "allowed are seconds since 1970 and ISO 8601, for example 2026-08-12T13:20:11Z"
        fields.problem(Rule.G003, key, f"found {value!r}, {allowed}")
        return None
    return round(seconds * 1_000_000) * 1000  # a double holds today's seconds to the microsecond, not to the ns


def _parse_seconds(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
