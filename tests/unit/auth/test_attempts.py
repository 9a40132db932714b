"""Guesses are limited by address and by client, within bounds; whoever is known to be right is not locked out."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.attempts import PLACES, AttemptLimits, Attempts
from gateway.site import site_of
from tests.unit.auth.gatekeeping import Clock

CLIENTS = frozenset({"ci", "boss"})


def attempts_of(clock: Clock, limits: AttemptLimits, clients: frozenset[str] = CLIENTS) -> Attempts:
    return Attempts(limits, is_known=clients.__contains__, clock=clock)


def wait_s(attempts: Attempts, client: str, address: str) -> int:
    """Seconds for which this attempt is not looked at."""
    hearing = attempts.hear(client, address)
    return 0 if hearing.is_heard else hearing.wait_s


def guess(attempts: Attempts, client: str, address: str) -> int:
    """What is told to somebody who tries a wrong secret: the seconds to wait, or 0 for that it is wrong."""
    hearing = attempts.hear(client, address)
    if hearing.is_heard:
        attempts.failed(client, address)
    return hearing.wait_s


def test_fault_077_guesses_from_many_addresses_lock_a_client_and_no_other() -> None:
    attempts = attempts_of(Clock(), AttemptLimits(per_address=10, per_client=5))
    for n in range(5):
        assert wait_s(attempts, "ci", f"10.0.0.{n}") == 0
        attempts.failed("ci", f"10.0.0.{n}")
    assert wait_s(attempts, "ci", "10.0.1.1") == 6
    assert wait_s(attempts, "boss", "10.0.1.1") == 0


def test_fault_077_a_client_is_not_locked_where_it_has_proven_itself() -> None:
    attempts = attempts_of(Clock(), AttemptLimits(per_address=10, per_client=5))
    attempts.succeeded("ci", "10.0.0.1")
    for n in range(20):
        attempts.failed("ci", f"10.0.1.{n}")
    assert wait_s(attempts, "ci", "10.0.0.1") == 0
    assert wait_s(attempts, "ci", "10.0.0.2") > 0
    for _ in range(10):
        attempts.failed("ci", "10.0.0.1")
    assert wait_s(attempts, "ci", "10.0.0.1") > 0


def test_a_failure_is_forgiven_after_its_time() -> None:
    clock = Clock()
    attempts = attempts_of(clock, AttemptLimits(per_address=2, forgiven_s=6))
    attempts.failed("ci", "a")
    assert attempts.failed("ci", "a")
    assert wait_s(attempts, "ci", "a") == 6
    clock.now += 5
    assert wait_s(attempts, "ci", "a") == 1
    clock.now += 1
    assert wait_s(attempts, "ci", "a") == 0
    clock.now += 1000
    assert not attempts.failed("ci", "a")


def test_an_address_of_ipv6_counts_for_its_whole_network() -> None:
    assert site_of("2001:db8::1") == site_of("2001:db8::ffff:1:2:3")
    assert site_of("2001:db8::1") != site_of("2001:db8:0:1::1")
    assert site_of("::ffff:10.0.0.1") == site_of("10.0.0.1")
    assert site_of("fe80::1%eth0") == site_of("fe80::2%eth1")
    assert site_of("not an address") == "not an address"


def test_only_so_many_are_remembered_and_whoever_goes_on_guessing_is_among_them() -> None:
    attempts = attempts_of(Clock(), AttemptLimits(per_address=3, per_client=3, remembered=10))
    for n in range(100):
        guess(attempts, "invented", "10.0.0.1")
        attempts.failed(f"c{n}", f"10.0.1.{n}")
        attempts.succeeded("ci", f"10.0.1.{n}")
    assert wait_s(attempts, "invented", "10.0.0.1") > 0
    assert len(attempts._by_address) == len(attempts._by_invented) == 10
    assert len(attempts._proven["ci"]) == PLACES


def test_invented_ids_push_out_no_client() -> None:
    attempts = attempts_of(Clock(), AttemptLimits(per_client=5, remembered=10))
    for n in range(5):
        guess(attempts, "ci", f"10.0.0.{n}")
    for n in range(1000):
        for _ in range(9):
            guess(attempts, f"invented {n}", f"10.1.{n // 250}.{n % 250}")
    assert wait_s(attempts, "ci", "10.0.1.1") == 6


def test_the_one_who_failed_more_is_remembered_however_many_come_after() -> None:
    attempts = attempts_of(Clock(), AttemptLimits(per_address=3, remembered=10))
    for _ in range(3):
        guess(attempts, "ci", "10.0.0.1")
    for n in range(1000):
        guess(attempts, "boss", f"10.1.{n // 250}.{n % 250}")
    assert wait_s(attempts, "invented", "10.0.0.1") == 6


def test_others_failures_at_its_address_do_not_lock_out_a_client_that_has_proven_itself_there() -> None:
    attempts = attempts_of(Clock(), AttemptLimits(per_address=3))
    attempts.succeeded("ci", "10.0.0.1")
    for n in range(50):
        guess(attempts, f"invented {n}", "10.0.0.1")
    assert wait_s(attempts, "ci", "10.0.0.1") == 0
    assert wait_s(attempts, "boss", "10.0.0.1") == 6


def test_where_a_client_has_proven_itself_its_secret_can_be_guessed_no_more_often() -> None:
    attempts = attempts_of(Clock(), AttemptLimits(per_address=3))
    attempts.succeeded("ci", "10.0.0.1")
    for n in range(3):
        guess(attempts, f"invented {n}", "10.0.0.1")
    for _ in range(3):
        assert attempts.hear("ci", "10.0.0.1").is_heard
        guess(attempts, "ci", "10.0.0.1")
        attempts.succeeded("ci", "10.0.0.1")  # which does not buy further guesses
    assert wait_s(attempts, "ci", "10.0.0.1") > 0


@dataclass(frozen=True)
class Step:
    """After a pause somebody tries something, somewhere."""

    pause_s: float
    client: str
    place: str
    is_right: bool


ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"])
STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([0.0, 0.0, 0.5, 6.0, 20.0]),
        st.sampled_from(["ci", "ci", "invented"]),
        ADDRESSES,
        st.booleans(),
    ),
    max_size=120,
)
SMALL = AttemptLimits(per_address=3, per_client=5)
FEW = AttemptLimits(per_address=100_000, per_client=5, remembered=2)


def told(steps: Sequence[Step], clients: frozenset[str]) -> list[int]:
    """What those who were wrong were told; where `ci` is no client, its right secret is nothing that anybody tries."""
    clock = Clock(0)
    attempts = attempts_of(clock, SMALL, clients)
    answers = []
    for step in steps:
        clock.now += step.pause_s
        if step.client == "ci" and step.is_right:
            if "ci" in clients and attempts.hear("ci", step.place).is_heard:
                attempts.succeeded("ci", step.place)
        else:
            answers.append(guess(attempts, step.client, step.place))
    return answers


@given(STEPS)
def test_nobody_who_guesses_learns_who_is_a_client_or_was_there(steps: list[Step]) -> None:
    assert told(steps, frozenset({"ci"})) == told(steps, frozenset())


@given(STEPS)
def test_no_secret_is_looked_at_more_often_than_the_limits_say(steps: list[Step]) -> None:
    clock = Clock(0)
    attempts = attempts_of(clock, SMALL)
    looked = 0
    places: set[str] = set()
    for step in steps:
        clock.now += step.pause_s
        if not attempts.hear(step.client, step.place).is_heard:
            continue
        if step.client == "ci" and step.is_right:
            attempts.succeeded("ci", step.place)
            places.add(step.place)
        else:
            attempts.failed(step.client, step.place)
            looked += step.client == "ci"
    forgiven = clock.now / 6 + 1
    assert looked <= SMALL.per_client + forgiven + len(places) * (SMALL.per_address + forgiven)


@given(STEPS, st.lists(st.tuples(st.integers(0, 10**6), ADDRESSES), min_size=1, max_size=60))
def test_invented_ids_take_nothing_off_what_counts_against_a_client(
    steps: list[Step], invented: list[tuple[int, str]]
) -> None:
    clock = Clock(0)
    few, alone = attempts_of(clock, FEW), attempts_of(clock, FEW)
    for step in steps:
        clock.now += step.pause_s
        for attempts in (few, alone):
            guess(attempts, "ci", f"far {step.place}")
        for number, place in invented:
            guess(few, f"invented {number}", place)
    assert wait_s(few, "ci", "elsewhere") == wait_s(alone, "ci", "elsewhere")


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 30)), max_size=60))
def test_no_more_than_the_burst_and_what_was_forgiven_is_ever_answered(steps: list[tuple[bool, float]]) -> None:
    limits = AttemptLimits(per_address=4, per_client=1000, forgiven_s=6)
    clock = Clock(0)
    attempts = attempts_of(clock, limits)
    answered = 0
    for tries, pause in steps:
        clock.now += pause
        if tries and wait_s(attempts, "ci", "a") == 0:
            attempts.failed("ci", "a")
            answered += 1
    assert answered <= limits.per_address + clock.now / limits.forgiven_s + 1


def test_a_long_attack_is_news_once_and_again_after_all_was_forgiven() -> None:
    clock = Clock()
    attempts = attempts_of(clock, AttemptLimits(per_address=3, forgiven_s=6))
    news = []
    for _ in range(50):
        if wait_s(attempts, "ci", "a") == 0:
            news.append(attempts.failed("ci", "a"))
        clock.now += 2
    assert news.count(True) == 1
    clock.now += 100
    assert [attempts.failed("ci", "a") for _ in range(3)] == [False, False, True]
