"""Buckets of tokens: how many requests a client may make."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.rate_limits import MAX_CLIENTS, Allowance, EndpointLimit, RateLimiter
from gateway.settings import RateLimitingSettings

ANY = ("api", "v1", "apps")
LIMITS = RateLimitingSettings(enabled=True, global_requests_per_minute=600, client_requests_per_minute=60)


def limiter(settings: RateLimitingSettings = LIMITS) -> RateLimiter:
    return RateLimiter(settings, 0.0)


def taken(limits: RateLimiter, client: str, now: float, times: int, segments: tuple[str, ...] = ANY) -> int:
    """How many of so many requests at once were let through."""
    allowances = [limits.take(client, segments, now) for _ in range(times)]
    return sum(each is None or each.retry_in_s is None for each in allowances)


def test_a_minute_s_requests_may_come_at_once_and_then_one_a_second() -> None:
    limits = limiter()
    assert taken(limits, "10.0.0.1", 0.0, 100) == 60
    assert taken(limits, "10.0.0.1", 0.9, 10) == 0
    assert taken(limits, "10.0.0.1", 1.1, 10) == 1
    assert taken(limits, "10.0.0.1", 1000.0, 100) == 60


def test_an_allowance_tells_what_is_left_and_when_to_come_again() -> None:
    limits = limiter()
    assert limits.take("10.0.0.1", ANY, 0.0) == Allowance(60, 59, 1.0)
    taken(limits, "10.0.0.1", 0.0, 59)
    assert limits.take("10.0.0.1", ANY, 0.25) == Allowance(60, 0, 59.75, 0.75)


def test_clients_have_buckets_of_their_own_and_one_together() -> None:
    limits = limiter()
    clients = [f"10.0.0.{number}" for number in range(20)]
    assert sum(taken(limits, client, 0.0, 60) for client in clients) == 600
    refused = limits.take("10.0.1.1", ANY, 0.0)
    assert refused is not None
    assert refused.limit == 600
    assert refused.retry_in_s == pytest.approx(0.1)


def test_whom_all_together_left_nothing_has_used_nothing_of_its_own() -> None:
    limits = limiter(RateLimitingSettings(enabled=True, global_requests_per_minute=2, client_requests_per_minute=2))
    taken(limits, "10.0.0.1", 0.0, 2)
    assert taken(limits, "10.0.0.2", 0.0, 5) == 0
    assert taken(limits, "10.0.0.2", 60.0, 5) == 2


def test_a_pattern_has_a_bucket_of_its_own_for_each_client() -> None:
    settings = RateLimitingSettings(
        enabled=True, client_requests_per_minute=60, endpoint_limits=("/api/v1/*/*/operations/*:2", "/api/v1/*:1")
    )
    limits, operation = limiter(settings), ("api", "v1", "apps", "cam", "operations", "zoom")
    assert taken(limits, "10.0.0.1", 0.0, 5, operation) == 2
    assert taken(limits, "10.0.0.1", 0.0, 5, (*operation[:5], "other")) == 0
    assert taken(limits, "10.0.0.2", 0.0, 5, operation) == 2
    assert taken(limits, "10.0.0.1", 0.0, 70, (*operation, "executions")) == 60
    assert taken(limits, "10.0.0.1", 0.0, 5) == 1


def test_all_addresses_of_an_ipv6_site_are_one_client() -> None:
    limits = limiter()
    assert taken(limits, "2001:db8::1", 0.0, 60) == 60
    assert taken(limits, "2001:db8::ffff:1", 0.0, 60) == 0
    assert taken(limits, "2001:db8:0:1::1", 0.0, 60) == 60


def test_one_s_own_gateways_are_not_counted() -> None:
    limits = limiter(RateLimitingSettings(enabled=True, exempt_clients=("10.1.0.0/16", "fd00::1")))
    for client in ("10.1.2.3", "fd00::1", "::ffff:10.1.2.3"):
        assert limits.take(client, ANY, 0.0) is None
        assert taken(limits, client, 0.0, 1000) == 1000
    assert taken(limits, "10.2.0.1", 0.0, 1000) == 60


def test_silent_clients_are_forgotten_and_those_who_ask_are_not() -> None:
    limits = limiter(RateLimitingSettings(enabled=True, client_cleanup_interval_seconds=10, client_max_idle_seconds=20))
    limits.take("10.0.0.1", ANY, 0.0)
    limits.take("10.0.0.2", ANY, 15.0)
    limits.take("10.0.0.3", ANY, 21.0)
    assert len(limits) == 3  # it was looked at 15 s, and again not before 25 s
    limits.take("10.0.0.3", ANY, 26.0)
    assert len(limits) == 2


def test_many_clients_take_no_more_memory_than_their_most() -> None:
    limits = limiter()
    for number in range(MAX_CLIENTS + 100):
        limits.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", ANY, 0.0)
    assert len(limits) == MAX_CLIENTS


def test_a_clock_that_stands_or_goes_back_gives_nothing_away() -> None:
    limits = limiter()
    taken(limits, "10.0.0.1", 100.0, 60)
    assert taken(limits, "10.0.0.1", 50.0, 10) == 0


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/api/v1/apps", "api/v1/apps", True),
        ("/api/v1/apps/*", "api/v1/apps", False),
        ("/api/v1/apps/*", "api/v1/apps/cam", True),
        ("/api/v1/apps/*", "api/v1/apps/cam/data", False),
        ("/api/v1/*/*/data/*", "api/v1/apps/cam/data/x", True),
        ("/api/v1/apps/c*", "api/v1/apps/cam", False),
    ],
)
def test_a_star_is_one_segment(pattern: str, path: str, matches: bool) -> None:
    assert EndpointLimit.parse(f"{pattern}:5").matches(path.split("/")) is matches


@given(
    st.integers(1, 200),
    st.integers(1, 2000),
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 3)), min_size=1, max_size=200),
)
def test_no_client_gets_more_than_its_burst_and_its_rate_nor_all_more_than_theirs(
    own: int, everybody: int, asked: list[tuple[float, int]]
) -> None:
    limits = limiter(
        RateLimitingSettings(enabled=True, client_requests_per_minute=own, global_requests_per_minute=everybody)
    )
    times = [*itertools.accumulate(pause for pause, _ in asked)]
    got: dict[int, int] = {}
    for now, (_, client) in zip(times, asked, strict=True):
        got[client] = got.get(client, 0) + taken(limits, f"10.0.0.{client}", now, 1)
    elapsed = times[-1]
    assert all(count <= own + elapsed * own / 60 + 1e-6 for count in got.values())
    assert sum(got.values()) <= everybody + elapsed * everybody / 60 + 1e-6
