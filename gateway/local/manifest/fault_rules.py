"""Reads the fault rules of an entity and of its data items (docs/manifest.md, "Fault rules")."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.local.fault_rule import (
    DEFAULT_EVERY_S,
    LONGEST_S,
    PLACEHOLDERS,
    SHORTEST_EVERY_S,
    Above,
    Below,
    Changes,
    Condition,
    Differs,
    Equals,
    FaultRule,
    Outside,
    Stale,
    Unreadable,
    unknown_placeholders,
)
from gateway.local.fault_spec import FAULT_CODE_LIMIT, FaultSpec, Severity
from gateway.local.manifest.fault_specs import read_debounce, read_severity, read_snapshot
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.items import read_item_id
from gateway.local.manifest.problem import Rule
from gateway.local.values import DataType

_NUMBERS: Final = (DataType.INT, DataType.DOUBLE)
_WITH_HYSTERESIS: Final = frozenset({"above", "below", "outside"})

Types = Mapping[str, DataType]
"""The types of an entity's data items."""


def read_item_rules(fields: Fields, item: str, data_type: DataType) -> tuple[FaultRule, ...]:
    """The rules that stand at a data item."""
    found = (_read_rule(each, item, data_type) for each in fields.mappings("rules"))
    return tuple(rule for rule in found if rule is not None)


def read_entity_rules(fields: Fields, types: Types) -> tuple[FaultRule, ...]:
    """The rules that stand at an entity and name a data item of it."""
    found = []
    for each in fields.mappings("rules"):
        item = each.text("item") if each.require("item", "pressure") else None
        if item is not None and item not in types:
            known = ", ".join(types) or "none"
            each.problem(Rule.G009, "item", f"found {item!r}, data items of this entity are {known}; name one of them")
        rule = _read_rule(each, item or "", types.get(item or ""))
        found += [rule] if rule is not None and item in types else []
    return tuple(found)


def _read_rule(fields: Fields, item: str, data_type: DataType | None) -> FaultRule | None:
    code = read_item_id(fields, "code", FAULT_CODE_LIMIT, "P_LOW")
    severity = read_severity(fields, Severity.ERROR) or Severity.ERROR
    description = fields.text("description", multiline=True) or ""
    for name in unknown_placeholders(description):
        allowed = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
        fields.problem(Rule.G003, "description", f"found {{{name}}}, allowed are {allowed}")
    condition = _read_condition(fields, data_type)
    debounce = read_debounce(fields, heal=None if isinstance(condition, Changes) else 1)
    snapshot = read_snapshot(fields, (item,))
    hold_s = _seconds(fields, "hold_s", 0.0, 0.0)
    every_s = _seconds(fields, "every_s", DEFAULT_EVERY_S, SHORTEST_EVERY_S)
    symptoms = fields.texts("symptoms")
    fields.refuse_unread()
    if code is None or condition is None:
        return None
    fault = FaultSpec(code, severity, description, debounce, snapshot, symptoms)
    return FaultRule(item, condition, fault, hold_s, every_s)


def _read_condition(fields: Fields, data_type: DataType | None) -> Condition | None:
    readers: Mapping[str, Callable[[], Condition | None]] = {
        "above": lambda: _threshold(fields, "above", data_type, Above),
        "below": lambda: _threshold(fields, "below", data_type, Below),
        "outside": lambda: _outside(fields, data_type),
        "equals": lambda: Equals(fields.value("equals")),
        "differs": lambda: Differs(fields.value("differs")),
        "stale_s": lambda: Stale(_seconds(fields, "stale_s", 1.0, SHORTEST_EVERY_S)),
        "changes": lambda: Changes() if fields.flag("changes") else None,
        "unreadable": lambda: Unreadable() if fields.flag("unreadable") else None,
    }
    said = [name for name in readers if fields.has(name)]
    for name in (*readers, "hysteresis"):
        fields.value(name)  # known keys, whichever is said
    if len(said) == 1:
        condition = readers[said[0]]()
        if said[0] not in _WITH_HYSTERESIS and fields.has("hysteresis"):
            fields.problem(Rule.G009, "hysteresis", f"found 'hysteresis' beside '{said[0]}', it has none; remove it")
        return condition
    names = ", ".join(readers)
    if not said:
        fields.problem(Rule.G006, "above", f"found no condition, allowed is one of {names}; write one of them")
    else:
        fields.problem(Rule.G009, said[1], f"found {' and '.join(said)}, allowed is one of {names}; remove the others")
    return None


def _threshold(
    fields: Fields, key: str, data_type: DataType | None, make: Callable[[float, float], Above | Below]
) -> Condition | None:
    limit = _number(fields, key, fields.value(key), data_type)
    return None if limit is None else make(limit, _hysteresis(fields))


def _outside(fields: Fields, data_type: DataType | None) -> Condition | None:
    listed = fields.value("outside")
    if not isinstance(listed, list) or len(listed) != 2:
        fields.problem(Rule.G003, "outside", f"found {listed!r}, allowed is a list of two numbers, such as [2, 6]")
        return None
    low, high = (_number(fields, "outside", each, data_type) for each in listed)
    if low is None or high is None:
        return None
    if high < low:
        fields.problem(Rule.G009, "outside", f"found {low} to {high}; exchange the two")
        return None
    return Outside(low, high, _hysteresis(fields))


def _hysteresis(fields: Fields) -> float:
    found = _number(fields, "hysteresis", fields.value("hysteresis"), None) if fields.has("hysteresis") else 0.0
    if found is not None and found < 0:
        fields.problem(Rule.G003, "hysteresis", f"found {found}, allowed are numbers from 0")
    return found or 0.0


def _number(fields: Fields, key: str, value: Any, data_type: DataType | None) -> float | None:
    if data_type is not None and data_type not in _NUMBERS:
        message = f"found '{key}' on a data item of type {data_type.value}; only numbers have limits"
        fields.problem(Rule.G009, key, message)
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    fields.problem(Rule.G003, key, f"found {value!r}, allowed are numbers")
    return None


def _seconds(fields: Fields, key: str, default: float, least: float) -> float:
    value = fields.value(key)
    if value is None:
        return default
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= LONGEST_S:
        return float(value)
    fields.problem(Rule.G003, key, f"found {value!r}, allowed are seconds from {least:g} to {LONGEST_S:g}")
    return default
