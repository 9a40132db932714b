"""Fault 87: the wall clock jumps by a day. Only what is made for people, and tokens, may notice."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.http.rate_limits import RateLimiter
from gateway.settings import RateLimitingSettings
from peers.errors import PeerError, PeerReason
from peers.health import Health, HealthSettings
from peers.sickness import OwnSickness, SicknessSettings
from tests.architecture.source import ROOT, modules

DAY_S = 86_400.0
REFUSED = PeerError(PeerReason.CONNECTION_REFUSED, "refused")
MUTE = PeerError(PeerReason.HTTP_RESPONSE_TIMEOUT, "mute")

READS_THE_WALL_CLOCK = {
    "gateway.composition": "stamps of answers and of values, told to people",
    "gateway.lifecycle": "the end of certificates and tokens",
    "gateway.own_sources": "stamps of values",
    "gateway.state_dir": "the epoch, which is above the last one whatever the clock says",
    "gateway.http.answer": "the Date of answers",
    "peers.federation": "since when a peer has its state, told to people",
    "discovery.manager": "when a source was read, told to people",
}
"""The modules that ask for it, and what for. Whoever decides anything by time is given a steady clock."""


class Walls:
    """The wall clock, which jumps, over a steady one, which does not."""

    def __init__(self, jumps: list[float]) -> None:
        self.now = 1000.0
        self._offset = 1_700_000_000.0
        self._jumps = jumps

    def steady(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self._offset

    def step(self, seconds: float) -> None:
        self.now += seconds
        if self._jumps:
            self._offset += self._jumps.pop()


def states(evidence: list[tuple[float, str]], jumps: list[float]) -> list[tuple[str, str | None]]:
    """What a peer's health makes of all this."""
    walls = Walls([*jumps])
    sick = OwnSickness(SicknessSettings(), clock=walls.steady, peers=lambda: 5)
    health = Health(HealthSettings(), wall=walls.wall, clock=walls.steady, sick=sick)
    seen = []
    for pause, what in evidence:
        walls.step(pause)
        match what:
            case "ok":
                health.ok(1.0)
            case "slow":
                health.ok(900.0)
            case "answered":
                health.answered()
            case "late":
                sick.timer_was_late(1.0)
            case "mute":
                sick.peer_timed_out("b")
                health.failed(MUTE)
            case _:
                health.failed(REFUSED)
        seen.append((health.state.value, health.reason))
    return seen


KINDS = st.sampled_from(("ok", "slow", "answered", "late", "mute", "refused"))
JUMPS = st.lists(st.sampled_from((DAY_S, -DAY_S, 0.0)), min_size=1, max_size=50)


@given(st.lists(st.tuples(st.floats(0.01, 30), KINDS), max_size=50), JUMPS)
def test_fault_087_a_jump_of_the_wall_clock_changes_nothing_of_what_is_thought_of_a_peer(
    evidence: list[tuple[float, str]], jumps: list[float]
) -> None:
    assert states(evidence, jumps) == states(evidence, [])


def test_fault_087_rate_limits_have_no_way_to_see_it() -> None:
    limits = RateLimiter(RateLimitingSettings(enabled=True, client_requests_per_minute=2), 0.0)
    assert [limits.take("10.0.0.1", (), 0.0) is not None for _ in range(3)] == [True, True, True]


def test_fault_087_only_what_needs_it_asks_for_the_wall_clock() -> None:
    asks = {
        name
        for name, path in modules().items()
        if "time.time" in path.read_text()
        and not name.startswith(("gateway.auth", "gateway.commands", "gateway.local", "gateway.demo", "grove."))
    }
    assert asks - READS_THE_WALL_CLOCK.keys() == set(), f"in {ROOT}: decide by a steady clock, or say why not"
    assert READS_THE_WALL_CLOCK.keys() - asks == set()
