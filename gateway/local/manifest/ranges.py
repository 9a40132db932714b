"""Reads what a value may be beside its type: `min`, `max`, `step`, `enum`, `pattern`."""

import re
from typing import Any

from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule
from gateway.local.value_range import ValueRange
from gateway.local.values import DataType, MisfitError, conform

_NUMBERS = (DataType.INT, DataType.DOUBLE)


def read_range(fields: Fields, data_type: DataType | None) -> ValueRange:
    """The range of an item of this type; mistakes are in the report."""
    found = ValueRange(
        minimum=_number(fields, "min", data_type),
        maximum=_number(fields, "max", data_type),
        step=_number(fields, "step", data_type),
        choices=_choices(fields, data_type),
        pattern=_pattern(fields, data_type),
    )
    if found.minimum is not None and found.maximum is not None and found.maximum < found.minimum:
        fields.problem(Rule.G009, "max", f"found {found.maximum}, allowed are numbers from min, {found.minimum}")
    if found.step is not None and found.step <= 0:
        fields.problem(Rule.G003, "step", f"found {found.step}, allowed are numbers above 0")
        return ValueRange(found.minimum, found.maximum, None, found.choices, found.pattern)
    return found


def require_in_range(fields: Fields, key: str, value: Any, allowed: ValueRange) -> None:
    """Reports a value that its own range does not allow."""
    if value is None:
        return
    try:
        allowed.check(value)
    except MisfitError as error:
        fields.problem(Rule.G009, key, f"{error}; change '{key}' or what is allowed")


def _number(fields: Fields, key: str, data_type: DataType | None) -> float | None:
    value = fields.value(key)
    if value is None:
        return None
    if data_type is not None and data_type not in _NUMBERS:
        fields.problem(Rule.G009, key, f"found '{key}' on a value of type {data_type.value}; remove it")
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    fields.problem(Rule.G003, key, f"found {value!r}, allowed are numbers")
    return None


def _choices(fields: Fields, data_type: DataType | None) -> tuple[Any, ...]:
    listed = fields.value("enum")
    if listed is None:
        return ()
    if not isinstance(listed, list) or not listed:
        fields.problem(Rule.G003, "enum", "allowed is a list of the values allowed, for example '[auto, manual]'")
        return ()
    if data_type is None:
        return tuple(listed)
    try:
        return tuple(conform(choice, data_type) for choice in listed)
    except MisfitError as error:
        fields.problem(Rule.G003, "enum", f"{error}; change it or 'type'")
        return ()


def _pattern(fields: Fields, data_type: DataType | None) -> re.Pattern[str] | None:
    text = fields.text("pattern")
    if text is None:
        return None
    if data_type is not None and data_type is not DataType.STRING:
        fields.problem(Rule.G009, "pattern", f"found 'pattern' on a value of type {data_type.value}; remove it")
        return None
    try:
        return re.compile(text)
    except re.error as error:
        fields.problem(Rule.G003, "pattern", f"found {text!r}, allowed is a regular expression: {error}")
        return None
