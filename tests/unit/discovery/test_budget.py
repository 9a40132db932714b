from discovery.budget import SenderBudget


def allowed(budget: SenderBudget, sender: str, packets: int, now: float) -> int:
    return sum(budget.allows(sender, now) for _ in range(packets))


def test_fault_048_a_flood_is_read_up_to_the_burst_and_then_at_the_rate() -> None:
    budget = SenderBudget(burst=10, per_s=2, senders=4)
    assert allowed(budget, "a", 1000, now=0) == 10
    assert allowed(budget, "a", 1000, now=1) == 2
    assert allowed(budget, "a", 1000, now=100) == 10


def test_the_flood_of_one_takes_nothing_from_another() -> None:
    budget = SenderBudget(burst=10, per_s=2, senders=4)
    allowed(budget, "a", 1000, now=0)
    assert allowed(budget, "b", 5, now=0) == 5


def test_packets_that_come_too_fast_do_not_put_off_those_that_come_later() -> None:
    budget = SenderBudget(burst=2, per_s=1, senders=4)
    assert sum(budget.allows("a", tick / 100) for tick in range(1000)) == 2 + 9


def test_the_senders_remembered_are_not_without_end() -> None:
    budget = SenderBudget(burst=1, per_s=0, senders=3)
    assert [budget.allows(sender, 0) for sender in "abcd"] == [True] * 4
    assert [budget.allows(sender, 0) for sender in "dcb"] == [False] * 3
    assert budget.allows("a", 0), "the oldest was forgotten"
