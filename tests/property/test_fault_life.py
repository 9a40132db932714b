"""Laws of the life of a fault, whatever is reported and cleared in whatever order."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local.fault_life import HISTORY_LIMIT, SETTLED, Fault, cleared, failed, new_fault, passed
from gateway.local.fault_spec import Debounce, FaultStatus

DEBOUNCES = st.builds(Debounce, st.integers(1, 4), st.none() | st.integers(1, 4))
STEPS = st.lists(st.sampled_from(["fail", "fail again", "pass", "clear"]), max_size=60)


@dataclass
class Told:
    """What happened so far, counted as a person would."""

    fails: int = 0
    passes: int = 0
    occurrences: int = 0
    is_confirmed: bool = False


def walk(steps: list[str], debounce: Debounce) -> list[tuple[str, Fault, Fault, Told]]:
    """Every step with the fault before and after it, and what had been told until then."""
    fault, told, walked = new_fault("X", ("app",), 0), Told(), []
    for now, step in enumerate(steps, 1):
        before = fault
        match step:
            case "fail" | "fail again":
                fault = failed(fault, now, debounce, counted=step == "fail")
                told = Told(told.fails + 1, 0, told.occurrences + (step == "fail"), told.is_confirmed)
                told.is_confirmed = told.is_confirmed or told.fails >= debounce.fail
            case "pass":
                fault = passed(fault, now, debounce)
                passes = told.passes + 1
                heals = passes >= (debounce.heal or 1) and not (debounce.heal is None and told.is_confirmed)
                told = Told(0, passes, told.occurrences, told.is_confirmed and not heals)
            case _:
                fault = cleared(fault, now)
                told = Told(0, 0, told.occurrences, False)
        walked.append((step, before, fault, told))
    return walked


@given(STEPS, DEBOUNCES)
def test_a_fault_is_confirmed_by_enough_failures_in_a_row_and_by_nothing_else(
    steps: list[str], debounce: Debounce
) -> None:
    for _, _, after, told in walk(steps, debounce):
        assert after.confirmed is told.is_confirmed
        if after.status is FaultStatus.CONFIRMED:
            assert told.is_confirmed


@given(STEPS, DEBOUNCES)
def test_each_step_leads_to_the_statuses_it_may_lead_to(steps: list[str], debounce: Debounce) -> None:
    for step, before, after, told in walk(steps, debounce):
        match step:
            case "clear":
                assert after.status is FaultStatus.CLEARED
            case "pass":
                if before.status in SETTLED or (debounce.heal is None and before.confirmed):
                    assert after.status is before.status
                else:
                    healed = told.passes >= (debounce.heal or 1)
                    assert after.status is (FaultStatus.HEALED if healed else FaultStatus.PREPASSED)
            case _:
                assert after.status is (FaultStatus.CONFIRMED if told.is_confirmed else FaultStatus.PREFAILED)


@given(STEPS, DEBOUNCES)
def test_occurrences_are_counted_and_times_follow_the_reports(steps: list[str], debounce: Debounce) -> None:
    for now, (step, before, after, told) in enumerate(walk(steps, debounce), 1):
        assert after.occurrence_count == told.occurrences
        assert after.first_occurred_ns == before.first_occurred_ns
        assert after.last_occurred_ns == (now if step.startswith("fail") else before.last_occurred_ns)
        assert after.last_passed_ns == (now if step == "pass" else before.last_passed_ns)


@given(STEPS, DEBOUNCES)
def test_the_history_ends_with_the_status_and_is_bounded(steps: list[str], debounce: Debounce) -> None:
    for _, before, after, _ in walk(steps, debounce):
        assert len(after.history) <= HISTORY_LIMIT
        assert not after.history or after.history[-1].status is after.status
        assert [moment.at_ns for moment in after.history] == sorted(moment.at_ns for moment in after.history)
        assert (after.history == before.history) is (after.status is before.status)


@given(STEPS, DEBOUNCES, DEBOUNCES)
def test_a_clearing_forgets_what_was_counted(steps: list[str], debounce: Debounce, later: Debounce) -> None:
    before = new_fault("X", ("app",), 0) if not steps else walk(steps, debounce)[-1][2]
    fault = cleared(before, 100)
    for count in range(1, later.fail + 1):
        fault = failed(fault, 100 + count, later)
        assert (fault.status is FaultStatus.CONFIRMED) is (count == later.fail)


@pytest.mark.parametrize(
    ("steps", "statuses"),
    [
        ("fail fail", "PREFAILED CONFIRMED"),
        ("fail pass fail fail", "PREFAILED PREPASSED PREFAILED CONFIRMED"),
        ("fail fail pass fail", "PREFAILED CONFIRMED PREPASSED CONFIRMED"),
        ("fail fail pass pass fail", "PREFAILED CONFIRMED PREPASSED HEALED PREFAILED"),
        ("fail clear fail fail", "PREFAILED CLEARED PREFAILED CONFIRMED"),
        ("fail fail clear pass fail", "PREFAILED CONFIRMED CLEARED CLEARED PREFAILED"),
    ],
)
def test_two_failures_confirm_and_two_passes_heal(steps: str, statuses: str) -> None:
    walked = walk(steps.split(), Debounce(2, 2))
    assert " ".join(after.status for _, _, after, _ in walked) == statuses
