"""One request toward one gateway: whom to ask next, when to give up, and what a write may have done."""

import pytest

from entities.hops import Hops
from entities.routes import MAX_HOPS
from peers.attempt import Attempt, GiveUp, Step
from peers.errors import PeerError, PeerReason
from tests.unit.entities.sketch import instance, letters, record, seen_from

A, B, C, D = (instance(letter) for letter in "abcd")

DIAMOND = seen_from(record("a", "b c"), record("b", "d"), record("c", "d"), record("d"))
"""From a, gateway d stands behind b and behind c."""

REFUSED = PeerError(PeerReason.CONNECTION_REFUSED, "nobody listens", elapsed_ms=4)
LOST = PeerError(PeerReason.CONNECTION_TERMINATED, "cut", elapsed_ms=9, sent=True)
LATE = PeerError(PeerReason.HTTP_RESPONSE_TIMEOUT, "no answer", elapsed_ms=900, sent=True)


def attempt(hops: Hops | None = None, *, to: str = D, write: bool = False, replayable: bool = True) -> Attempt:
    return Attempt(DIAMOND, to, hops or Hops(), is_write=write, replayable=replayable)


def stepped(attempt: Attempt) -> Step:
    step = attempt.next()
    assert isinstance(step, Step), step
    return step


def given_up(outcome: Step | GiveUp | bool | None) -> GiveUp:
    assert isinstance(outcome, GiveUp), outcome
    return outcome


def test_a_step_tells_the_next_gateway_who_is_meant_and_who_was_passed() -> None:
    step = stepped(attempt(Hops(via=(instance("x"),), tried=(instance("y"),), deadline_ms=500, no_fan_out=True)))
    assert (step.peer, step.instance) == ("b", B)
    assert step.hops == Hops(
        via=(instance("x"), A), target=D, to=B, tried=(instance("y"),), deadline_ms=500, no_fan_out=True
    )


def test_the_next_way_leaves_out_the_link_that_failed() -> None:
    going = attempt()
    stepped(going)
    assert going.failed(REFUSED) is None
    step = stepped(going)
    assert (step.peer, step.instance) == ("c", C)
    assert step.hops.tried == ()  # only our own link is known to be broken: c may go by b


def test_a_gateway_that_says_it_cannot_reach_the_owner_is_told_to_the_next_as_tried() -> None:
    going = attempt()
    stepped(going)
    assert going.answered(502, "no_route", None) is False
    assert stepped(going).hops.tried == (B,)


def test_when_all_ways_failed_the_last_failure_is_the_reason() -> None:
    going = attempt()
    stepped(going)
    assert going.answered(504, "connection_timeout", None) is False
    stepped(going)
    assert going.failed(REFUSED) is None
    end = given_up(going.next())
    assert (end.gap.reason, end.gap.label, end.gap.instance, end.gap.elapsed_ms) == ("connection_refused", "b/d", D, 4)
    assert letters(end.tried) == "ba" == letters(end.gap.tried)
    assert not end.may_have_executed


def test_a_way_that_was_tried_or_passed_before_is_not_gone_again() -> None:
    assert stepped(attempt(Hops(via=(B,)))).peer == "c"
    assert stepped(attempt(Hops(tried=(B,)))).peer == "c"
    end = given_up(attempt(Hops(via=(B,), tried=(C,))).next())
    assert (end.gap.reason, letters(end.tried)) == ("no_route", "ca")


def test_the_owner_itself_is_never_among_the_tried() -> None:
    going = attempt(to=B)
    stepped(going)
    going.failed(REFUSED)
    end = given_up(going.next())
    assert letters(end.tried) == "a"


def test_a_gateway_nobody_knows_has_no_route() -> None:
    end = given_up(attempt(to=instance("q")).next())
    assert (end.gap.reason, end.gap.label, end.tried) == ("no_route", instance("q"), (A,))


@pytest.mark.parametrize(("passed", "is_loop"), [(MAX_HOPS - 1, False), (MAX_HOPS, True)])
def test_a_request_that_passed_too_many_gateways_is_a_loop(passed: int, is_loop: bool) -> None:
    outcome = attempt(Hops(via=tuple(f"v{number:021d}" for number in range(passed)))).next()
    assert isinstance(outcome, GiveUp) is is_loop
    if isinstance(outcome, GiveUp):
        assert (outcome.gap.reason, outcome.gap.status) == ("loop_detected", 508)


@pytest.mark.parametrize("error", [REFUSED, LOST, LATE])
def test_a_read_goes_on_after_any_failure_on_the_way(error: PeerError) -> None:
    going = attempt()
    stepped(going)
    assert going.failed(error) is None
    assert stepped(going).peer == "c"


@pytest.mark.parametrize("error", [LOST, LATE])
def test_a_write_whose_answer_was_lost_ends_as_a_timeout_that_may_have_executed(error: PeerError) -> None:
    going = attempt(write=True)
    stepped(going)
    end = given_up(going.failed(error))
    assert (end.may_have_executed, end.gap.is_timeout, end.gap.reason) == (True, True, error.reason.value)


def test_a_write_that_was_never_sent_goes_another_way_also_with_a_body_that_cannot_be_sent_twice() -> None:
    going = attempt(write=True, replayable=False)
    stepped(going)
    assert going.failed(REFUSED) is None
    assert stepped(going).peer == "c"


def test_a_write_for_which_the_next_gateway_had_no_time_left_goes_another_way() -> None:
    going = attempt(write=True)
    stepped(going)
    assert going.answered(504, PeerReason.NOT_ASKED.value, None) is False
    assert stepped(going).peer == "c"


@pytest.mark.parametrize(("error", "is_timeout"), [(LATE, True), (LOST, False)])
def test_a_read_whose_body_is_spent_ends_with_what_went_wrong(error: PeerError, is_timeout: bool) -> None:
    going = attempt(replayable=False)
    stepped(going)
    end = given_up(going.failed(error))
    assert (end.may_have_executed, end.gap.is_timeout, end.gap.reason) == (False, is_timeout, error.reason.value)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, None), (404, None), (500, None), (502, None), (503, None), (504, None), (404, "no_route"), (200, "x")],
)
def test_an_answer_of_the_owner_is_delivered_whatever_it_says(status: int, reason: str | None, write: bool) -> None:
    going = attempt(write=write)
    stepped(going)
    assert going.answered(status, reason, None) is True


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(
    ("status", "reason"),
    [(421, None), (508, None), (502, "no_route"), (502, "connection_refused"), (502, "dns_timeout"), (421, "nonsense")],
)
def test_what_the_owner_never_saw_goes_another_way(status: int, reason: str | None, write: bool) -> None:
    going = attempt(write=write)
    stepped(going)
    assert going.answered(status, reason, None) is False
    assert stepped(going).peer == "c"


@pytest.mark.parametrize("reason", ["http_response_timeout", "connection_terminated", "invalid_json", "a_new_word"])
def test_a_write_that_another_gateway_lost_may_have_executed(reason: str) -> None:
    going = attempt(write=True)
    stepped(going)
    end = given_up(going.answered(502, reason, f"{C}"))
    assert (end.may_have_executed, end.gap.is_timeout, end.gap.reason, end.gap.status) == (True, True, reason, 502)
    assert letters(end.tried) == "cba"


@pytest.mark.parametrize("reason", ["", "no words", "NO_ROUTE", "no_route ", "x" * 100, "n\xf6"])
def test_a_reason_that_is_no_word_does_not_prove_that_a_write_was_never_sent(reason: str) -> None:
    going = attempt(write=True)
    stepped(going)
    end = given_up(going.answered(502, reason, None))
    assert (end.may_have_executed, end.gap.is_timeout, end.gap.reason) == (True, True, "connection_terminated")


@pytest.mark.parametrize("reason", ["http_response_timeout", "a_new_word", "no words", ""])
def test_a_read_that_another_gateway_lost_goes_another_way(reason: str) -> None:
    going = attempt()
    stepped(going)
    assert going.answered(504, reason, None) is False
    assert stepped(going).peer == "c"


def test_ways_that_the_gateway_asked_has_tried_are_not_tried_again() -> None:
    going = attempt()
    stepped(going)
    assert going.answered(502, "no_route", f"{C},{B}") is False
    end = given_up(going.next())
    assert (end.gap.reason, end.gap.status, letters(end.tried)) == ("no_route", 502, "cba")


def test_an_unreadable_list_of_the_tried_counts_as_none() -> None:
    going = attempt()
    stepped(going)
    assert going.answered(508, None, "../../etc/passwd") is False
    assert stepped(going).hops.tried == (B,)


def test_a_body_that_is_spent_is_not_sent_to_another_gateway() -> None:
    going = attempt(write=True, replayable=False)
    stepped(going)
    end = given_up(going.answered(421, None, None))
    assert (end.gap.reason, end.gap.status, end.may_have_executed) == ("http_request_denied", 421, False)


def test_a_deadline_between_two_steps_is_told_with_the_failure_before_it() -> None:
    going = attempt()
    end = going.out_of_time()
    assert (end.gap.reason, end.gap.is_timeout) == ("not_asked", True)
    stepped(going)
    going.failed(REFUSED)
    end = going.out_of_time()
    assert (end.gap.reason, end.gap.is_timeout, letters(end.tried)) == ("connection_refused", False, "a")
