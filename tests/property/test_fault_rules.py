"""Laws of fault rules, whatever a data item says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.data_items import ReadFailure, Reading, Sample
from gateway.local.fault_judge import Watched, describe, judge
from gateway.local.fault_rule import (
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
from gateway.local.fault_spec import FaultSpec

LIMITS = st.builds(Above, st.just(5.0), st.sampled_from([0.0, 2.0])) | st.builds(
    Below, st.just(5.0), st.sampled_from([0.0, 2.0])
)
RANGES = st.builds(Outside, st.just(3.0), st.just(7.0), st.sampled_from([0.0, 1.0]))
CONDITIONS = LIMITS | RANGES | st.sampled_from([Equals(5), Differs(5), Stale(3.0), Changes(), Unreadable()])
VALUES = st.floats(0, 10).map(lambda value: round(value, 1)) | st.integers(0, 10)
READINGS: st.SearchStrategy[list[Any]] = st.lists(VALUES | st.sampled_from(["text", True, None, "fails"]), max_size=40)


def read(value: Any, now: int) -> Reading:
    if value is None:
        return None
    return ReadFailure("gone") if value == "fails" else Sample(value, now)


def verdicts(condition: Condition, values: list[Any], hold_s: float = 0.0) -> list[bool | None]:
    """What the rule says of each value, one a second."""
    rule, watched, found = FaultRule("x", condition, FaultSpec("X"), hold_s), Watched(), []
    for now, value in enumerate(values):
        watched, verdict = judge(rule, watched, read(value, now), now)
        found.append(verdict)
    return found


@given(CONDITIONS, READINGS)
def test_without_a_hold_time_a_rule_says_what_its_condition_says(condition: Condition, values: list[Any]) -> None:
    for value, verdict in zip(values, verdicts(condition, values), strict=True):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        match condition:
            case Above(limit, hysteresis) if is_number:
                assert verdict is True if value > limit else verdict is False or value > limit - hysteresis
            case Below(limit, hysteresis) if is_number:
                assert verdict is True if value < limit else verdict is False or value < limit + hysteresis
            case Outside(low, high, hysteresis) if is_number:
                beyond = not low <= value <= high
                near = not low + hysteresis <= value <= high - hysteresis
                assert verdict is True if beyond else verdict is False or near
            case Above() | Below() | Outside():
                assert verdict is None
            case Unreadable():
                assert verdict is (value == "fails")
            case Stale():
                assert verdict is not None
            case _ if value in (None, "fails"):
                assert verdict is None
            case Equals(wanted):
                assert verdict is (is_number and value == wanted)
            case Differs(wanted):
                assert verdict is not (is_number and value == wanted)
            case _:
                pass


@given(st.sampled_from([2.0, 5.0]), READINGS)
def test_with_hysteresis_a_rule_changes_its_mind_only_beyond_both_limits(width: float, values: list[Any]) -> None:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    found = verdicts(Above(5.0, width), list(numbers))
    for value, before, after in zip(numbers[1:], found, found[1:], strict=False):
        if before is False and after is True:
            assert value > 5.0
        if before is True and after is False:
            assert value <= 5.0 - width


@given(CONDITIONS, READINGS, st.integers(1, 10))
def test_a_hold_time_only_delays(condition: Condition, values: list[Any], hold: int) -> None:
    at_once, held = verdicts(condition, values), verdicts(condition, values, float(hold))
    for now, verdict in enumerate(held):
        if verdict is False:
            assert at_once[now] is False
        if verdict is True:
            since = max((at for at in range(now + 1) if at_once[at] is False), default=-1)
            assert at_once[now] is True
            assert now - since >= hold


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (Above(5), [4, 6, 5, 6], [False, True, False, True]),
        (Above(5, 2), [6, 4, 3, 4, 6], [True, True, False, False, True]),
        (Stale(3), [1, "fails", "fails", "fails", None, 2], [False, False, False, True, True, False]),
        (Changes(), [1, 1, "fails", 2, 2, None], [None, False, None, True, False, None]),
        (Equals("off"), ["on", "off", None, "on"], [False, True, None, False]),
        (Equals(1), [True, 1], [False, True]),
        (Differs({"a": 1}), [{"a": 1}, {"a": 2}], [False, True]),
    ],
)
def test_rules_by_example(condition: Condition, values: list[Any], expected: list[bool | None]) -> None:
    assert verdicts(condition, values) == expected


def test_a_value_that_is_held_and_not_written_again_is_stale() -> None:
    rule, watched = FaultRule("x", Stale(3.0), FaultSpec("X")), Watched()
    found = []
    for now, written in ((0, 0), (1, 0), (2, 2), (3, 2), (4, 2), (5, 2)):
        watched, verdict = judge(rule, watched, Sample(7, written), now)
        found.append(verdict)
    assert found == [False, False, False, False, False, True]


def test_what_has_held_long_enough_counts_until_it_is_over() -> None:
    assert verdicts(Above(5), [6, 6, 6, 6, 1, 6], hold_s=2.0) == [None, None, True, True, False, None]


@pytest.mark.parametrize(
    ("condition", "description", "reading", "text"),
    [
        (Above(5.0), "", Sample(6.25, 0), "p is 6.25 bar, above 5 bar"),
        (Outside(2, 6), "", Sample(7, 0), "p is 7 bar, outside 2 to 6 bar"),
        (Differs("ok"), "", Sample("broken", 0), "p is 'broken' bar, not 'ok'"),
        (Stale(3), "", ReadFailure("gone"), "p has had no new value for 3 s"),
        (Unreadable(), "", ReadFailure("its file is gone"), "p cannot be read: its file is gone"),
        (Above(5.0), "{entity}/{item}: {value} > {limit} {unknown}", Sample(1 / 3, 0), "a/p: 0.333333 > 5 {unknown}"),
    ],
)
def test_a_fault_is_described(condition: Condition, description: str, reading: Reading, text: str) -> None:
    rule = FaultRule("p", condition, FaultSpec("X", description=description))
    assert describe(rule, "a", reading, "bar") == text


def test_placeholders_that_mean_nothing_are_found() -> None:
    assert unknown_placeholders("{value} {valeu} {__class__} {}") == ["valeu", "__class__"]
