"""Reads what faults and fault rules have in common: severity, debounce, snapshot, symptoms."""

from collections.abc import Sequence

from gateway.local.fault_spec import MAX_FRAMES, Debounce, Severity
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule

MAX_DEBOUNCE = 1000
"""Reports in a row that may be asked for."""

NEVER = "never"


def read_severity(fields: Fields, default: Severity | None = None) -> Severity | None:
    """The `severity`, as a word or a number; required where there is no default."""
    if default is not None and not fields.has("severity"):
        fields.text("severity")
        return default
    if not fields.require("severity", "ERROR"):
        return None
    labels: Sequence[str] = [severity.name for severity in Severity]
    numbers = [str(severity.value) for severity in Severity]
    word = fields.choice("severity", [*labels, *numbers])
    if word is None:
        return None
    return Severity(int(word)) if word in numbers else Severity[word]


def read_debounce(fields: Fields, heal: int | None = 1) -> Debounce:
    """`fail` and `heal`: how many reports in a row confirm and heal; `heal: never`. `heal`: where nothing is said."""
    fail = _count(fields, "fail", 1)
    if fields.text("heal") == NEVER:
        return Debounce(fail, None)
    return Debounce(fail, _count(fields, "heal", heal) if fields.has("heal") else heal)


def read_snapshot(fields: Fields, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """`snapshot`: the data items whose values are noted."""
    if not fields.has("snapshot"):
        fields.texts("snapshot")
        return default
    found = fields.texts("snapshot")
    if len(found) > MAX_FRAMES:
        fields.problem(Rule.G009, "snapshot", f"found {len(found)} data items, allowed are {MAX_FRAMES}; remove some")
    return found


def _count(fields: Fields, key: str, default: int | None) -> int:
    value = fields.value(key)
    if value is None:
        return default or 1
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_DEBOUNCE:
        return value
    never = f" and '{NEVER}'" if key == "heal" else ""
    fields.problem(Rule.G003, key, f"found {value!r}, allowed are integers from 1 to {MAX_DEBOUNCE}{never}")
    return default or 1
