from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from discovery.budget import Repetition, SenderBudget


def budget(burst: int, per_s: float, senders: int = 4, together: int = 100) -> SenderBudget:
    return SenderBudget(burst=burst, per_s=per_s, senders=senders, together=together)


def allowed(budget: SenderBudget, sender: str, packets: int, now: float) -> int:
    """How many of so many packets of one record."""
    return sum(budget.allows(sender, 1, now) for _ in range(packets))


def test_fault_048_a_flood_is_read_up_to_the_burst_and_then_at_the_rate() -> None:
    one = budget(burst=10, per_s=2)
    assert allowed(one, "a", 1000, now=0) == 10
    assert allowed(one, "a", 1000, now=1) == 2
    assert allowed(one, "a", 1000, now=100) == 10


def test_a_packet_costs_as_many_as_it_has_records_and_one_that_is_too_long_costs_nothing() -> None:
    one = budget(burst=10, per_s=0)
    assert not one.allows("a", 11, 0)
    assert [one.allows("a", 4, 0) for _ in range(3)] == [True, True, False]
    assert allowed(one, "a", 10, now=0) == 2


def test_the_flood_of_one_takes_nothing_from_another() -> None:
    one = budget(burst=10, per_s=2)
    allowed(one, "a", 1000, now=0)
    assert allowed(one, "b", 5, now=0) == 5


def test_a_thousand_made_up_senders_cost_no_more_than_a_few() -> None:
    one = budget(burst=10, per_s=2, senders=1024, together=4)
    assert sum(allowed(one, str(number), 10, now=0) for number in range(1000)) == 4 * 10
    assert sum(allowed(one, str(number), 10, now=1) for number in range(1000)) == 4 * 2


def test_packets_that_come_too_fast_do_not_put_off_those_that_come_later() -> None:
    one = budget(burst=2, per_s=1)
    assert sum(one.allows("a", 1, tick / 100) for tick in range(1000)) == 2 + 9


def test_the_senders_remembered_are_not_without_end() -> None:
    one = budget(burst=1, per_s=0, senders=3)
    assert [one.allows(sender, 1, 0) for sender in "abcd"] == [True] * 4
    assert [one.allows(sender, 1, 0) for sender in "dcb"] == [False] * 3
    assert one.allows("a", 1, 0), "the oldest was forgotten"


def test_an_answer_is_repeated_for_those_who_probe_and_then_once_a_second() -> None:
    one = Repetition(burst=4, pause_s=0.25)
    assert [one.allows("a", tick / 100) for tick in range(100)].count(True) == 4
    assert [one.allows("a", 1 + tick / 100) for tick in range(1000)].count(True) == 10
    assert one.allows("a", 100)


def test_answers_with_something_new_in_them_are_given() -> None:
    one = Repetition(burst=1, pause_s=0.25)
    assert one.allows(["ptr", "srv"], 0)
    assert not one.allows(["ptr"], 0.1)
    assert not one.allows([], 0.1)
    assert one.allows(["ptr", "txt"], 0.1)
    assert not one.allows(["txt"], 0.1)


@given(st.lists(st.tuples(st.floats(0, 2), st.sets(st.sampled_from("abc"), min_size=1)), max_size=60))
def test_nothing_is_said_more_often_than_it_may_be(asked: list[tuple[float, set[str]]]) -> None:
    one, now = Repetition(burst=4, pause_s=0.25), 0.0
    said: dict[str, deque[float]] = {thing: deque() for thing in "abc"}
    for pause, things in asked:
        now += pause
        if one.allows(things, now):
            assert any(not said[thing] or now - said[thing][-1] >= 0.25 for thing in things)
            for thing in things:
                said[thing].append(now)
    for thing, times in said.items():
        # Told together with others a thing may come more often, but no more often than these.
        assert len(times) <= 3 * (4 + now + 1), thing
