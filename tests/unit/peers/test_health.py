"""Health of one peer, with clocks that the tests turn."""

import pytest

from peers.errors import PeerError, PeerReason
from peers.health import FLAPPING, Health, HealthSettings, PeerState
from peers.sickness import OwnSickness, SicknessSettings

REFUSED = PeerError(PeerReason.CONNECTION_REFUSED, "nobody listens")
MUTE = PeerError(PeerReason.HTTP_RESPONSE_TIMEOUT, "no answer")
BAD_CERTIFICATE = PeerError(PeerReason.TLS_CERTIFICATE_ERROR, "expired")
NO_SLOT = PeerError(PeerReason.CONNECTION_LIMIT_REACHED, "no free slot")


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(HealthSettings(), wall=clock, clock=clock, sick=lambda: False)


def state_of(health: Health) -> PeerState:
    return health.state


def bring_down(health: Health) -> None:
    health.failed(REFUSED)
    health.failed(REFUSED)


def test_a_peer_is_up_after_one_good_probe(health: Health) -> None:
    assert health.ok(3) is True
    assert (health.state, health.linked, health.last_ok) == (PeerState.UP, True, 1000.0)


def test_one_refusal_makes_it_suspect_and_the_second_brings_it_down(health: Health) -> None:
    health.ok(3)
    assert health.failed(REFUSED) is False
    assert (health.state, health.linked) == (PeerState.SUSPECT, True)
    assert health.failed(REFUSED) is True
    assert (health.state, health.reason) == (PeerState.DOWN, "connection_refused")


def test_what_is_wrong_is_told_until_a_probe_succeeds(health: Health) -> None:
    health.failed(PeerError(PeerReason.AUTH, "signing in as a answered 401", status=401))
    assert health.why == "signing in as a answered 401"
    health.ok(1.0)
    assert health.why is None


def test_silence_takes_three_probes_to_bring_it_down(health: Health) -> None:
    health.ok(3)
    states = []
    for _ in range(3):
        health.failed(MUTE)
        states.append(health.state)
    assert states == [PeerState.SUSPECT, PeerState.SUSPECT, PeerState.DOWN]


def test_an_answer_in_between_starts_the_count_anew(health: Health, clock: Clock) -> None:
    health.ok(3)
    health.failed(MUTE)
    health.failed(MUTE)
    assert health.answered() is False
    assert state_of(health) is PeerState.UP
    clock.now += 60
    health.failed(MUTE)
    assert state_of(health) is PeerState.SUSPECT


def test_probes_that_run_out_of_time_do_not_outweigh_answered_requests(health: Health, clock: Clock) -> None:
    health.ok(3)
    for _ in range(10):
        health.answered()
        clock.now += 1
        assert health.failed(MUTE) is False
    assert (health.state, health.linked) == (PeerState.DEGRADED, True)
    clock.now += 5
    for _ in range(3):
        health.failed(MUTE)
    assert state_of(health) is PeerState.DOWN


def test_a_slow_peer_is_degraded_and_stays_linked_until_it_is_quick_again(health: Health) -> None:
    health.ok(3)
    for _ in range(3):
        health.ok(900)
    assert (health.state, health.reason, health.linked) == (PeerState.DEGRADED, "slow", True)
    health.ok(3)
    assert state_of(health) is PeerState.DEGRADED, "one quick answer is not steady yet"
    health.ok(3)
    health.ok(3)
    assert state_of(health) is PeerState.UP


def test_a_peer_that_flaps_is_held_down_until_it_stays(health: Health, clock: Clock) -> None:
    ups = 0
    for _ in range(30):
        ups += health.ok(3)
        bring_down(health)
        clock.now += 1
    assert ups <= 4
    assert health.ok(3) is False
    assert (health.state, health.reason) == (PeerState.DOWN, FLAPPING)
    clock.now += HealthSettings().max_hold_s
    assert health.ok(3) is True


def test_flaps_long_ago_are_forgotten(health: Health, clock: Clock) -> None:
    for _ in range(10):
        health.ok(3)
        bring_down(health)
        clock.now += HealthSettings().flap_window_s + 1
        assert health.ok(3) is True


def test_our_own_full_pool_is_never_charged(health: Health) -> None:
    health.ok(3)
    for _ in range(10):
        health.failed(NO_SLOT)
    assert state_of(health) is PeerState.UP


def test_being_asked_to_ask_less_often_is_no_failure(health: Health) -> None:
    health.ok(1)
    busy = PeerError(PeerReason.HTTP_REQUEST_ERROR, "/health answered 429", status=429)
    assert not any(health.failed(busy) for _ in range(10))
    assert health.state is PeerState.UP


def test_our_own_sickness_is_never_charged(clock: Clock) -> None:
    health = Health(HealthSettings(), wall=clock, clock=clock, sick=lambda: True)
    health.ok(3)
    for _ in range(10):
        health.failed(MUTE)
    assert state_of(health) is PeerState.UP


def test_a_bad_certificate_is_a_state_of_its_own(health: Health) -> None:
    health.ok(3)
    assert health.failed(BAD_CERTIFICATE) is True
    assert (health.state, health.linked) == (PeerState.TLS_ERROR, False)


def sickness(clock: Clock, peers: int) -> OwnSickness:
    return OwnSickness(SicknessSettings(), clock=clock, peers=lambda: peers)


def test_a_late_timer_excuses_failures_for_a_moment(clock: Clock) -> None:
    own = sickness(clock, 3)
    own.timer_was_late(0.1)
    assert own() is False
    own.timer_was_late(2.0)
    assert own() is True
    clock.now += 1.5
    assert own() is False


def test_most_peers_falling_silent_at_once_is_excused_but_not_for_long(clock: Clock) -> None:
    own = sickness(clock, 10)
    for number in range(6):
        own.peer_timed_out(f"p{number}")
    assert own() is True
    clock.now += 2.5
    for number in range(6):
        own.peer_timed_out(f"p{number}")
    assert own() is False


def test_half_of_the_peers_falling_silent_is_their_own_affair(clock: Clock) -> None:
    own = sickness(clock, 10)
    for number in range(5):
        own.peer_timed_out(f"p{number}")
    assert own() is False


def test_few_peers_are_never_a_mass(clock: Clock) -> None:
    own = sickness(clock, 2)
    own.peer_timed_out("a")
    own.peer_timed_out("b")
    assert own() is False


def test_a_peer_that_says_that_it_stops_is_asked_nothing_more_and_is_up_again_at_once(health: Health) -> None:
    leaving = PeerError(PeerReason.DRAINING, "it is about to stop", status=503)
    for _ in range(10):
        health.ok(1.0)
        assert health.failed(leaving)
        assert (health.state, health.reason) == (PeerState.DOWN, "draining")
        assert not health.answered()  # what was begun is still answered
        assert not health.linked
        assert health.ok(1.0)  # to leave in good order is no flapping
