"""How long a client may keep us waiting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.pace import Pace, PaceRule

RULE = PaceRule(grace_s=5.0, bytes_per_s=1000.0, most_s=60.0)
STEPS = st.lists(st.tuples(st.floats(0.01, 10), st.integers(0, 100_000)), max_size=50)


def lasted(rule: PaceRule, steps: list[tuple[float, int]]) -> float | None:
    """When the time was over, if it ever was; a step is (seconds, bytes that came in them)."""
    now, moved = 0.0, 0
    pace = Pace(rule, now, moved)
    for seconds, count in steps:
        now, moved = now + seconds, moved + count
        if not pace.look(now, moved):
            return now
    return None


def test_a_client_that_sends_nothing_has_the_grace() -> None:
    assert lasted(RULE, [(1.0, 0)] * 10) == 5.0


def test_a_client_at_the_least_rate_may_go_on_for_ever() -> None:
    assert lasted(RULE, [(1.0, 1000)] * 10_000) is None


def test_a_client_below_the_least_rate_is_caught() -> None:
    assert lasted(RULE, [(1.0, 900)] * 100) == pytest.approx(50.0, abs=1.0)


def test_what_came_fast_buys_a_rest_but_no_more_than_the_most() -> None:
    fast = [(0.001, 10_000_000)]
    assert lasted(RULE, fast + [(1.0, 0)] * 59) is None
    assert lasted(RULE, fast + [(1.0, 0)] * 61) is not None


def test_time_in_which_nobody_waited_for_it_is_not_its_fault() -> None:
    pace = Pace(RULE, 0.0, 0)
    assert pace.look(1000.0, 0, is_waited_for=False)
    assert pace.look(1004.0, 0)
    assert not pace.look(1006.0, 0)


@given(STEPS)
def test_whoever_is_at_the_least_rate_in_every_step_is_never_caught(steps: list[tuple[float, int]]) -> None:
    fair = [(min(seconds, RULE.grace_s * 0.9), count) for seconds, count in steps]
    assert lasted(RULE, [(seconds, count + int(seconds * RULE.bytes_per_s) + 1) for seconds, count in fair]) is None


@given(STEPS)
def test_nobody_holds_out_longer_than_the_grace_and_what_the_bytes_bought(steps: list[tuple[float, int]]) -> None:
    end = lasted(RULE, steps)
    bought = sum(count for _, count in steps) / RULE.bytes_per_s
    total = sum(seconds for seconds, _ in steps)
    if total > RULE.grace_s + bought:
        assert end is not None
