"""Guesses are limited by address and by client, within bounds; whoever is known to be right is not locked out."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.attempts import AttemptLimits, Attempts, network_of
from tests.unit.auth.gatekeeping import Clock


def test_fault_077_guesses_from_many_addresses_lock_a_client_and_no_other() -> None:
    attempts = Attempts(AttemptLimits(per_address=10, per_client=5), clock=Clock())
    for n in range(5):
        assert attempts.retry_after_s("ci", f"10.0.0.{n}") == 0
        attempts.failed("ci", f"10.0.0.{n}")
    assert attempts.retry_after_s("ci", "10.0.1.1") == 6
    assert attempts.retry_after_s("boss", "10.0.1.1") == 0


def test_fault_077_a_client_is_not_locked_where_it_has_proven_itself() -> None:
    attempts = Attempts(AttemptLimits(per_address=10, per_client=5), clock=Clock())
    attempts.succeeded("ci", "10.0.0.1")
    for n in range(20):
        attempts.failed("ci", f"10.0.1.{n}")
    assert attempts.retry_after_s("ci", "10.0.0.1") == 0
    assert attempts.retry_after_s("ci", "10.0.0.2") > 0
    for _ in range(10):
        attempts.failed("ci", "10.0.0.1")
    assert attempts.retry_after_s("ci", "10.0.0.1") > 0


def test_a_failure_is_forgiven_after_its_time() -> None:
    clock = Clock()
    attempts = Attempts(AttemptLimits(per_address=2, forgiven_s=6), clock=clock)
    attempts.failed("ci", "a")
    assert attempts.failed("ci", "a")
    assert attempts.retry_after_s("ci", "a") == 6
    clock.now += 5
    assert attempts.retry_after_s("ci", "a") == 1
    clock.now += 1
    assert attempts.retry_after_s("ci", "a") == 0
    clock.now += 1000
    assert not attempts.failed("ci", "a")


def test_an_address_of_ipv6_counts_for_its_whole_network() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1:2:3")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1")
    assert network_of("fe80::1%eth0") == network_of("fe80::2%eth1")
    assert network_of("not an address") == "not an address"


def test_only_so_many_are_remembered_and_whoever_goes_on_guessing_is_among_them() -> None:
    attempts = Attempts(AttemptLimits(per_address=3, per_client=3, remembered=10), clock=Clock())
    for n in range(100):
        attempts.failed("ci", "10.0.0.1")
        attempts.failed(f"c{n}", f"10.0.1.{n}")
        attempts.succeeded(f"c{n}", f"10.0.1.{n}")
    assert attempts.retry_after_s("ci", "10.0.0.1") > 0
    assert len(attempts._by_address._counts) == len(attempts._by_client._counts) == len(attempts._proven) == 10


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 30)), max_size=60))
def test_no_more_than_the_burst_and_what_was_forgiven_is_ever_answered(steps: list[tuple[bool, float]]) -> None:
    limits = AttemptLimits(per_address=4, per_client=1000, forgiven_s=6)
    clock = Clock(0)
    attempts = Attempts(limits, clock=clock)
    answered = 0
    for tries, pause in steps:
        clock.now += pause
        if tries and attempts.retry_after_s("ci", "a") == 0:
            attempts.failed("ci", "a")
            answered += 1
    assert answered <= limits.per_address + clock.now / limits.forgiven_s + 1


def test_a_long_attack_is_news_once_and_again_after_all_was_forgiven() -> None:
    clock = Clock()
    attempts = Attempts(AttemptLimits(per_address=3, forgiven_s=6), clock=clock)
    news = []
    for _ in range(50):
        if attempts.retry_after_s("ci", "a") == 0:
            news.append(attempts.failed("ci", "a"))
        clock.now += 2
    assert news.count(True) == 1
    clock.now += 100
    assert [attempts.failed("ci", "a") for _ in range(3)] == [False, False, True]
