"""Reads the faults an entity starts with (docs/manifest.md, "Faults")."""

from datetime import UTC, datetime
from typing import Any, Final

from gateway.local.fault_spec import FAULT_CODE_LIMIT, DeclaredFault, FaultSpec, FaultStatus
from gateway.local.manifest.fault_specs import read_debounce, read_severity, read_snapshot
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.items import read_item_id
from gateway.local.manifest.problem import Rule

_LATEST_SECOND: Final = 9_000_000_000
"""A fault's times must stay below 2^63 ns; this is the year 2255."""


def read_fault(fields: Fields) -> DeclaredFault | None:
    """One fault; None when it cannot be used, with the reason in the report."""
    code = read_item_id(fields, "code", FAULT_CODE_LIMIT, "P_LOW")
    severity = read_severity(fields)
    description = fields.text("description", multiline=True) or ""
    status = fields.choice("status", tuple(FaultStatus)) or FaultStatus.CONFIRMED
    first, last = _read_time(fields, "first_occurred"), _read_time(fields, "last_occurred")
    count = _read_count(fields)
    debounce, snapshot, symptoms = read_debounce(fields), read_snapshot(fields), fields.texts("symptoms")
    if first is not None and last is not None and last < first:
        fields.problem(Rule.G009, "last_occurred", "found a time before first_occurred; exchange the two")
    if code is None or severity is None:
        return None
    spec = FaultSpec(code, severity, description, debounce, snapshot, symptoms)
    return DeclaredFault(spec, FaultStatus(status), first, last, count)


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
