"""Whether one peer is there: a state machine fed with evidence, with injected clocks. Pure.

unknown -> up -> suspect -> down -> up, and `degraded`: it answers, but late or not to probes. `self`, `refused` and
`tls_error` are verdicts about who or what answers there, not about whether. Source: docs/architecture.md, "Health".
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from peers.errors import PeerError, PeerReason


class PeerState(StrEnum):
    """What `/health` and the log say of a peer."""

    UNKNOWN = "unknown"
    UP = "up"
    SUSPECT = "suspect"
    DEGRADED = "degraded"
    DOWN = "down"
    SELF = "self"
    REFUSED = "refused"
    TLS_ERROR = "tls_error"


LINKED = frozenset({PeerState.UP, PeerState.SUSPECT, PeerState.DEGRADED})
"""States in which requests go there: the link is up."""

_HARD = frozenset({PeerReason.CONNECTION_REFUSED, PeerReason.DESTINATION_IP_PROHIBITED})
_TLS = frozenset({PeerReason.TLS_CERTIFICATE_ERROR, PeerReason.TLS_PROTOCOL_ERROR})
_OURS = frozenset({PeerReason.CONNECTION_LIMIT_REACHED})

_TOO_MANY = 429
"""The status of a peer that is there, and asked more often than it likes."""

FLAPPING = "flapping"
"""The reason of a peer that answers again but is held down until it stays."""


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """When a peer is called down, slow, or unsteady."""

    refusals: int = 2
    """Refused connections in a row before it is down."""
    failures: int = 3
    """Other failures in a row before it is down."""
    slow_ms: int = 500
    """A probe that takes longer, `slow_probes` times in a row, makes it degraded."""
    slow_probes: int = 3
    """Probes in a row that call it slow, or well again."""
    in_band_s: float = 2.0
    """Seconds for which an answered request outweighs a probe that ran out of time."""
    flap_window_s: float = 60.0
    """Seconds without going down after which earlier flaps are forgotten."""
    free_flaps: int = 3
    """Times it may go down within the window and be up again after one good probe."""
    max_hold_s: float = 10.0
    """Longest it must answer before it is up again; 2 s at first, doubled with every flap."""


class Health:
    """The state of one peer. Every method returns whether the link went up or down by it."""

    def __init__(
        self,
        settings: HealthSettings,
        *,
        wall: Callable[[], float],
        clock: Callable[[], float],
        sick: Callable[[], bool],
    ) -> None:
        """`wall`: Unix seconds, for people; `clock`: monotonic seconds; `sick`: our own trouble, nobody is charged."""
        self._settings = settings
        self._wall = wall
        self._clock = clock
        self._sick = sick
        # Mutable: the state and the evidence behind it.
        self.state = PeerState.UNKNOWN
        self.since = wall()
        self.reason: str | None = None
        self.why: str | None = None
        """What the last look that failed found, for people; None once one succeeds."""
        self.last_ok: float | None = None
        self.rtt_ms: float | None = None
        self._refusals = 0
        self._failures = 0
        self._slow = 0
        self._answered_at: float | None = None
        self._flaps = 0
        self._down_at: float | None = None
        self._steady_since: float | None = None

    @property
    def linked(self) -> bool:
        """Whether requests go there now."""
        return self.state in LINKED

    def ok(self, rtt_ms: float) -> bool:
        """The probe was answered: up at once, unless it flapped; degraded if it is slow for a while."""
        self.rtt_ms, self.why = rtt_ms, None
        self.last_ok = self._wall()
        self._refusals = self._failures = 0
        if self.state is PeerState.DOWN and self._is_held():
            self.reason = FLAPPING
            return False
        return self._become(*self._pace(rtt_ms))

    def _pace(self, rtt_ms: float) -> tuple[PeerState, str | None]:
        """Up or degraded, changed only by several probes in a row."""
        limit = self._settings.slow_probes
        self._slow = min(self._slow + 1, limit) if rtt_ms > self._settings.slow_ms else max(self._slow - 1, 0)
        is_slow = self._slow >= limit or (self.state is PeerState.DEGRADED and self._slow > 0)
        return (PeerState.DEGRADED, "slow") if is_slow else (PeerState.UP, None)

    def _is_held(self) -> bool:
        """Whether a peer that answers again must first show that it stays."""
        now = self._clock()
        if self._steady_since is None:
            self._steady_since = now
        beyond = self._flaps - self._settings.free_flaps
        hold = min(2.0**beyond, self._settings.max_hold_s) if beyond > 0 else 0.0
        return now - self._steady_since < hold

    def answered(self) -> bool:
        """A request was answered: a link that is up is not suspect; one that is down waits for its probe."""
        self._refusals = self._failures = 0
        self.why = None
        self._answered_at = self._clock()
        return self._become(PeerState.UP, None) if self.state is PeerState.SUSPECT else False

    def failed(self, error: PeerError) -> bool:
        """A probe failed, or a request was refused; being told to ask less often is no failure of health."""
        self.why = error.detail
        if error.status == _TOO_MANY:
            if not self.linked:
                self.reason = error.reason.value
            return False
        if error.reason is PeerReason.DRAINING:
            # It says so itself: whatever it still answers, what is sent to it from now on may come too late.
            return self._become(PeerState.DOWN, error.reason.value)
        self._steady_since = None
        if error.reason in _OURS or self._sick():
            return False
        if error.reason in _TLS:
            return self._become(PeerState.TLS_ERROR, error.reason.value)
        if error.is_timeout and self.linked and self._serves_requests():
            return self._become(PeerState.DEGRADED, error.reason.value)
        if error.reason in _HARD:
            self._refusals += 1
        self._failures += 1
        if self._refusals >= self._settings.refusals or self._failures >= self._settings.failures:
            return self._go_down(error.reason.value)
        if self.linked:
            return self._become(PeerState.SUSPECT, error.reason.value)
        self.reason = error.reason.value
        return False

    def _serves_requests(self) -> bool:
        """Answers given a moment ago weigh more than a probe that ran out of time."""
        return self._answered_at is not None and self._clock() - self._answered_at < self._settings.in_band_s

    def _go_down(self, reason: str) -> bool:
        if self.linked:
            now = self._clock()
            recent = self._down_at is not None and now - self._down_at < self._settings.flap_window_s
            self._flaps = self._flaps + 1 if recent else 1
            self._down_at = now
        return self._become(PeerState.DOWN, reason)

    def doubt(self, reason: str) -> bool:
        """Somebody says that it leaves: suspect until the next probe."""
        return self._become(PeerState.SUSPECT, reason) if self.linked else False

    def refuse(self, reason: str) -> bool:
        """What answers there must not be a peer: not a Grove, a clone, ourselves under another boot."""
        return self._become(PeerState.REFUSED, reason)

    def is_self(self) -> bool:
        """It is ourselves who answer there."""
        return self._become(PeerState.SELF, "self")

    def _become(self, state: PeerState, reason: str | None) -> bool:
        before = self.linked
        if state is not self.state:
            self.since = self._wall()
        self.state = state
        self.reason = reason
        return self.linked != before
