"""Whether one peer is there: a state machine fed with evidence, with an injected clock. Pure.

unknown -> up -> suspect -> down -> up; `self`, `refused` and `tls_error` are verdicts about who or what
answers there, not about whether. Source: docs/architecture.md, "Health".
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
    DOWN = "down"
    SELF = "self"
    REFUSED = "refused"
    TLS_ERROR = "tls_error"


LINKED = frozenset({PeerState.UP, PeerState.SUSPECT})
"""States in which requests go there: the link is up."""

_HARD = frozenset({PeerReason.CONNECTION_REFUSED, PeerReason.DESTINATION_IP_PROHIBITED})
_TLS = frozenset({PeerReason.TLS_CERTIFICATE_ERROR, PeerReason.TLS_PROTOCOL_ERROR})
_OURS = frozenset({PeerReason.CONNECTION_LIMIT_REACHED})


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """When a peer is called down."""

    refusals: int = 2
    """Refused connections in a row before it is down."""
    failures: int = 3
    """Other failures in a row before it is down."""


class Health:
    """The state of one peer. Every method returns whether the link went up or down by it."""

    def __init__(self, settings: HealthSettings, *, wall: Callable[[], float], sick: Callable[[], bool]) -> None:
        """`wall`: Unix seconds, for `since`; `sick`: our own trouble, during which nobody is charged."""
        self._settings = settings
        self._wall = wall
        self._sick = sick
        # Mutable: the state and the evidence behind it.
        self.state = PeerState.UNKNOWN
        self.since = wall()
        self.reason: str | None = None
        self.last_ok: float | None = None
        self.rtt_ms: float | None = None
        self._refusals = 0
        self._failures = 0

    @property
    def linked(self) -> bool:
        """Whether requests go there now."""
        return self.state in LINKED

    def ok(self, rtt_ms: float) -> bool:
        """The probe was answered: up at once, whatever was before."""
        self.rtt_ms = rtt_ms
        self.last_ok = self._wall()
        self._refusals = self._failures = 0
        return self._become(PeerState.UP, None)

    def answered(self) -> bool:
        """A request was answered: a link that is up is not suspect; one that is down waits for its probe."""
        self._refusals = self._failures = 0
        return self._become(PeerState.UP, None) if self.state is PeerState.SUSPECT else False

    def failed(self, error: PeerError) -> bool:
        """A probe or request failed; answers of any kind are no failure of health."""
        if error.reason in _OURS or self._sick():
            return False
        if error.reason in _TLS:
            return self._become(PeerState.TLS_ERROR, error.reason.value)
        if error.reason in _HARD:
            self._refusals += 1
        self._failures += 1
        if self._refusals >= self._settings.refusals or self._failures >= self._settings.failures:
            return self._become(PeerState.DOWN, error.reason.value)
        if self.state in LINKED:
            return self._become(PeerState.SUSPECT, error.reason.value)
        self.reason = error.reason.value
        return False

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
