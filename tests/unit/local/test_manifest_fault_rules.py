"""Fault rules as the manifest declares them, at data items and at entities."""

import pytest

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
)
from gateway.local.fault_spec import Debounce, FaultSpec, Severity
from tests.unit.local.conftest import Load, accepted, app, refused

ABOVE = "[{code: X, above: 6}]"


def rules(load: Load, keys: str) -> tuple[FaultRule, ...]:
    text = f"apps: [{{id: a, data: [{{id: p, value: 4.2, rules: [{{code: X, {keys}}}]}}]}}]"
    return accepted(load(text)).resources[app("a")].rules


@pytest.mark.parametrize(
    ("keys", "condition"),
    [
        ("above: 6", Above(6)),
        ("below: 2.5, hysteresis: 0.5", Below(2.5, 0.5)),
        ("outside: [2, 6], hysteresis: 1", Outside(2, 6, 1)),
        ("equals: 4", Equals(4)),
        ("differs: false", Differs(False)),
        ("stale_s: 10", Stale(10.0)),
        ("unreadable: true", Unreadable()),
    ],
)
def test_each_condition_is_read(load: Load, keys: str, condition: Condition) -> None:
    assert rules(load, keys) == (FaultRule("p", condition, FaultSpec("X", snapshot=("p",))),)


def test_a_rule_has_all_its_keys(load: Load) -> None:
    keys = """above: 6, severity: WARN, description: "{value} is too much", fail: 3, heal: never, snapshot: [p, q],
              symptoms: [Y], hold_s: 5, every_s: 0.5"""
    spec = FaultSpec("X", Severity.WARN, "{value} is too much", Debounce(3, None), ("p", "q"), ("Y",))
    assert rules(load, keys) == (FaultRule("p", Above(6), spec, 5.0, 0.5),)


@pytest.mark.parametrize(("keys", "heal"), [("changes: true", None), ("changes: true, heal: 1", 1)])
def test_a_change_is_not_over_by_itself(load: Load, keys: str, heal: int | None) -> None:
    (rule,) = rules(load, keys)
    assert (rule.condition, rule.fault.debounce) == (Changes(), Debounce(1, heal))


def test_a_rule_of_the_entity_names_its_item(load: Load) -> None:
    text = "apps: [{id: a, data: [{id: p, value: 1}], rules: [{code: X, item: p, above: 6}]}]"
    (rule,) = accepted(load(text)).resources[app("a")].rules
    assert (rule.item, rule.condition) == ("p", Above(6))


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("severity: WARN", "G006"),
        ("above: 6, below: 2", "G009"),
        ("above: high", "G003"),
        ("above: high, hysteresis: 2", "G003"),
        ("outside: [6, 2]", "G009"),
        ("outside: 6", "G003"),
        ("outside: [1, x]", "G003"),
        ("above: 6, hysteresis: -1", "G003"),
        ("unreadable: true, hysteresis: 1", "G009"),
        ("stale_s: 0", "G003"),
        ("above: 6, hold_s: -1", "G003"),
        ("above: 6, every_s: 0.01", "G003"),
        ("above: 6, fail: 0", "G003"),
        ("above: 6, heal: soon", "G003"),
        ('above: 6, description: "{valeu}"', "G003"),
        ("above: 6, every: 1", "G007"),
        ("above: 6, severity: BAD", "G003"),
    ],
)
def test_a_mistake_is_a_problem(load: Load, keys: str, code: str) -> None:
    text = f"apps: [{{id: a, data: [{{id: p, value: 4.2, rules: [{{code: X, {keys}}}]}}]}}]"
    assert [problem.code for problem in refused(load(text))] == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("apps: [{id: a, rules: [{code: X, item: q, above: 6}]}]", "G009"),
        ("apps: [{id: a, rules: [{code: X, above: 6}]}]", "G006"),
        ("apps: [{id: a, data: [{id: p, value: text, rules: [{code: X, above: 6}]}]}]", "G009"),
        ("apps: [{id: a, data: [{id: p, value: 1, rules: [{code: X, above: 6}, {code: X, below: 6}]}]}]", "G008"),
        (f"apps: [{{id: a, faults: [{{code: X, severity: 1}}], data: [{{id: p, value: 1, rules: {ABOVE}}}]}}]", "G008"),
        ("areas: [{id: a, rules: []}]", "G009"),
        ("apps: [{id: a, data: [{id: p, rules: [{code: X, above: 6}]}]}]", "G006"),
    ],
)
def test_a_rule_that_does_not_fit_its_entity_is_a_problem(load: Load, text: str, code: str) -> None:
    assert [problem.code for problem in refused(load(text))] == [code]
