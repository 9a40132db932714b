"""Arguments are checked by a closed vocabulary, and told as a JSON Schema that says the same."""

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.operation_arguments import Argument, ArgumentProblem, arguments_schema, fit_arguments
from gateway.local.values import DataType

ARGUMENTS = (
    Argument("speed", DataType.DOUBLE, required=True, minimum=0, maximum=10),
    Argument("times", DataType.INT, default=3, minimum=1),
    Argument("mode", DataType.STRING, choices=("slow", "fast")),
    Argument("note", DataType.STRING, max_length=5),
    Argument("dry", DataType.BOOL),
    Argument("label", DataType.STRING, pattern=re.compile("s|lo+")),
    Argument("points", DataType.ARRAY),
    Argument("extra", DataType.OBJECT),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"speed": 3}, {"speed": 3.0, "times": 3}),
        ({"speed": 0.5, "times": 1, "mode": "fast"}, {"speed": 0.5, "times": 1, "mode": "fast"}),
        ({"speed": 1, "note": None}, {"speed": 1.0, "times": 3}),
        ({"speed": 1, "dry": False, "points": [], "extra": {}}, None),
    ],
)
def test_what_fits_is_passed_on_with_the_defaults(given: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert fit_arguments(ARGUMENTS, given) == (expected or {"times": 3, **given, "speed": 1.0})


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({}, "speed", "missing, a value of type double"),
        ({"speed": 11}, "speed", "found 11.0, allowed are values from 0 up to 10"),
        ({"speed": -1}, "speed", "found -1.0, allowed are values from 0 up to 10"),
        ({"speed": "3"}, "speed", "found string, allowed is double"),
        ({"speed": 1, "times": 1.5}, "times", "found double, allowed is int"),
        ({"speed": 1, "times": True}, "times", "found bool, allowed is int"),
        ({"speed": 1, "mode": "Fast"}, "mode", "found 'Fast', allowed are 'slow', 'fast'"),
        ({"speed": 1, "note": "123456"}, "note", "found 6 characters, allowed are at most 5"),
        ({"speed": 1, "label": "slo"}, "label", "found 'slo', allowed is text like s|lo+"),
        ({"speed": 1, "points": {}}, "points", "found object, allowed is array"),
        ({"speed": 1, "spede": 2}, "spede", "unknown, allowed are speed, times, mode, note, dry, label, points, extra"),
    ],
)
def test_what_does_not_fit_is_told_with_what_is_allowed(given: dict[str, Any], field: str, message: str) -> None:
    assert fit_arguments(ARGUMENTS, given) == [ArgumentProblem(field, message)]


def test_steps_count_from_the_minimum() -> None:
    arguments = (Argument("level", DataType.INT, minimum=1, step=5),)
    assert fit_arguments(arguments, {"level": 11}) == {"level": 11}
    assert fit_arguments(arguments, {"level": 10}) == [
        ArgumentProblem("level", "found 10, allowed are steps of 5 from 1")
    ]


def test_all_problems_come_at_once_but_not_without_end() -> None:
    problems = fit_arguments(ARGUMENTS, {"times": 0, **{f"x{number}": 1 for number in range(100)}})
    assert isinstance(problems, list)
    assert len(problems) == 20
    assert [problem.field for problem in problems[:3]] == ["speed", "times", "x0"]


def test_an_operation_without_arguments_takes_none_and_one_that_says_nothing_takes_all() -> None:
    assert fit_arguments((), {}) == {}
    assert fit_arguments((), {"x": 1}) == [ArgumentProblem("x", "unknown, the operation takes no arguments")]
    assert fit_arguments(None, {"x": [1]}) == {"x": [1]}
    assert arguments_schema(None) == {}


json_values = st.recursive(
    st.booleans()
    | st.integers(-20, 20)
    | st.floats(-20, 20)
    | st.sampled_from(["slow", "fast", "", "s", "loo", "longer text"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=3,
)


@given(st.dictionaries(st.sampled_from([*(argument.name for argument in ARGUMENTS), "other"]), json_values))
def test_the_schema_takes_what_is_taken_and_refuses_what_is_refused(values: dict[str, Any]) -> None:
    # JSON Schema does not know 1.0 from 1; we do, where an integer is asked for.
    values = {name: value for name, value in values.items() if not (name == "times" and isinstance(value, float))}
    is_valid = jsonschema.Draft202012Validator(arguments_schema(ARGUMENTS)).is_valid(values)
    assert is_valid == isinstance(fit_arguments(ARGUMENTS, values), dict)
