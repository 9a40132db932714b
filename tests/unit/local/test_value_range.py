"""A range says what a value may be, refuses the rest with what is allowed, and tells itself to clients."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.value_range import ANY_VALUE, ValueRange
from gateway.local.values import MisfitError

NUMBERS = st.integers(-1000, 1000) | st.floats(-1000, 1000)


def fits(value: Any, allowed: ValueRange) -> bool:
    try:
        allowed.check(value)
    except MisfitError:
        return False
    return True


@given(NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS)
def test_a_number_fits_exactly_between_its_bounds(value: float, low: float | None, high: float | None) -> None:
    expected = (low is None or value >= low) and (high is None or value <= high)
    assert fits(value, ValueRange(minimum=low, maximum=high)) is expected


@given(st.integers(-500, 500), st.sampled_from([0.1, 0.25, 0.5, 1, 3]), st.none() | st.integers(-10, 10))
def test_whole_steps_fit_and_half_ones_do_not(count: int, step: float, start: int | None) -> None:
    allowed = ValueRange(minimum=start, step=step)
    base = start or 0
    lowest = -500 if start is None else 0
    whole = base + max(count, lowest) * step
    assert fits(whole, allowed)
    assert not fits(whole + step / 2, allowed)


@given(st.none() | st.booleans() | NUMBERS | st.text() | st.lists(st.integers()))
def test_without_a_range_everything_fits(value: Any) -> None:
    assert fits(value, ANY_VALUE)


@pytest.mark.parametrize(
    ("value", "allowed", "message"),
    [
        (0.1, ValueRange(minimum=1, maximum=5), "found 0.1, allowed are values from 1 up to 5"),
        (9, ValueRange(minimum=1, maximum=5), "found 9, allowed are values from 1 up to 5"),
        (9, ValueRange(maximum=5), "found 9, allowed are values up to 5"),
        (0, ValueRange(minimum=1), "found 0, allowed are values from 1"),
        (1.3, ValueRange(minimum=1, step=0.5), "found 1.3, allowed are steps of 0.5 from 1"),
        ("red", ValueRange(choices=("auto", "manual")), "found 'red', allowed are 'auto', 'manual'"),
        (True, ValueRange(choices=(0, 1)), "found True, allowed are 0, 1"),
        ("ab", ValueRange(pattern=re.compile("[a]+")), "found 'ab', allowed is text like [a]+"),
        ("a" * 1025, ValueRange(pattern=re.compile("a*")), "found 1025 characters, allowed are 1024"),
    ],
)
def test_a_misfit_says_what_was_found_and_what_is_allowed(value: Any, allowed: ValueRange, message: str) -> None:
    with pytest.raises(MisfitError) as misfit:
        allowed.check(value)
    assert str(misfit.value) == message


def test_clients_are_told_what_is_said_and_no_more() -> None:
    assert ANY_VALUE.told() == {}
    whole = ValueRange(minimum=0, maximum=4.5, step=0.5, choices=(1, 2), pattern=re.compile("x"))
    assert whole.told() == {"min": 0, "max": 4.5, "step": 0.5, "enum": [1, 2], "pattern": "x"}
