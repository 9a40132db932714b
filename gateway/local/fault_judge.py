"""What a fault rule makes of a reading: whether its check failed, and how the fault is described. Pure."""

from dataclasses import dataclass, replace
from typing import Any, assert_never

from gateway.local.data_items import ReadFailure, Reading, Sample
from gateway.local.fault_rule import (
    PLACEHOLDER,
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
)
from gateway.local.values import excerpt


@dataclass(frozen=True, slots=True)
class Watched:
    """What a rule remembers from one look to the next. Times in seconds of a clock that never jumps.

    `holds`: whether its condition did; `since_s`: since when; `sample`: the last value; `new_s`: when it was new.
    """

    holds: bool = False
    since_s: float = 0.0
    sample: Sample | None = None
    new_s: float | None = None


def judge(rule: FaultRule, watched: Watched, reading: Reading, now_s: float) -> tuple[Watched, bool | None]:
    """What to remember, and whether the check failed (True) or passed (False); None where nobody can say."""
    is_new = isinstance(reading, Sample) and (
        watched.sample is None or reading.timestamp_ns != watched.sample.timestamp_ns
    )
    new_s = now_s if is_new or watched.new_s is None else watched.new_s
    holds = _holds(rule.condition, watched, reading, now_s - new_s)
    sample = reading if isinstance(reading, Sample) else watched.sample
    if holds is None:
        return replace(watched, sample=sample, new_s=new_s), None
    since_s = watched.since_s if holds and watched.holds else now_s
    after = Watched(holds, since_s, sample, new_s)
    if holds and now_s - since_s < rule.hold_s:
        return after, None
    return after, holds


def _holds(condition: Condition, watched: Watched, reading: Reading, age_s: float) -> bool | None:
    """Whether the condition holds; None where the reading does not tell."""
    match condition:
        case Stale(seconds):
            return age_s >= seconds
        case Unreadable():
            return isinstance(reading, ReadFailure)
        case _ if not isinstance(reading, Sample):
            return None
        case Changes():
            return None if watched.sample is None else not _is_same(reading.value, watched.sample.value)
        case Equals(value):
            return _is_same(reading.value, value)
        case Differs(value):
            return not _is_same(reading.value, value)
        case Above() | Below() | Outside():
            if not isinstance(reading.value, int | float) or isinstance(reading.value, bool):
                return None
            return _beyond(condition, reading.value, still=watched.holds)
        case _:
            assert_never(condition)


def _beyond(condition: Above | Below | Outside, value: float, *, still: bool) -> bool:
    """Whether a number is beyond its limit, which is nearer while it `still` is."""
    nearer = condition.hysteresis if still else 0.0
    match condition:
        case Above(limit):
            return value > limit - nearer
        case Below(limit):
            return value < limit + nearer
        case Outside(low, high):
            return value < low + nearer or value > high - nearer


def _is_same(one: Any, other: Any) -> bool:
    """Equal, and not just because True is 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def describe(rule: FaultRule, entity_id: str, reading: Reading, unit: str | None) -> str:
    """The description of the fault: the rule's own, with its placeholders filled in, else one that says what is."""
    words = {
        "value": _shown(reading.value) if isinstance(reading, Sample) else "no value",
        "unit": unit or "",
        "limit": _limit(rule.condition),
        "item": rule.item,
        "entity": entity_id,
        "reason": reading.reason if isinstance(reading, ReadFailure) else "",
    }
    template = rule.fault.description or _default(rule.condition)
    text = PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), template)
    return " ".join(text.split())


def _default(condition: Condition) -> str:
    match condition:
        case Above():
            return "{item} is {value} {unit}, above {limit} {unit}"
        case Below():
            return "{item} is {value} {unit}, below {limit} {unit}"
        case Outside():
            return "{item} is {value} {unit}, outside {limit} {unit}"
        case Equals():
            return "{item} is {value} {unit}"
        case Differs():
            return "{item} is {value} {unit}, not {limit}"
        case Stale():
            return "{item} has had no new value for {limit}"
        case Changes():
            return "{item} changed to {value} {unit}"
        case Unreadable():
            return "{item} cannot be read: {reason}"


def _limit(condition: Condition) -> str:
    match condition:
        case Above(limit) | Below(limit):
            return _shown(limit)
        case Outside(low, high):
            return f"{_shown(low)} to {_shown(high)}"
        case Equals(value) | Differs(value):
            return _shown(value)
        case Stale(seconds):
            return f"{seconds:g} s"
        case Changes() | Unreadable():
            return ""


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value:.6g}" if isinstance(value, float) else str(value)
        case str():
            return excerpt(value)
        case _:
            return excerpt(str(value))
