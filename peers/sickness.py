"""Our own trouble, for which no peer is blamed: a loop that lagged, or a network that is gone for most at once.

Source: docs/architecture.md, "Health"; the idea is that of Lifeguard (arXiv 1707.00788) and Envoy's panic threshold.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SicknessSettings:
    """When failures are taken for our own."""

    lag_s: float = 0.25
    """Seconds by which a timer may be late before its verdict does not count."""
    lag_holds_s: float = 1.0
    """Seconds for which a lag excuses failures."""
    mass_share: float = 0.5
    """More than this share of the peers failing at once is a sign of our own network."""
    mass_window_s: float = 1.0
    """Seconds that count as at once."""
    mass_peers: int = 4
    """Fewer peers than this are never a mass."""
    mass_excuse_s: float = 2.0
    """Seconds for which a mass failure is excused; what fails longer is believed."""
    mass_again_s: float = 30.0
    """Seconds after which another mass failure is excused again."""


class OwnSickness:
    """Calls itself sick while failures should not be charged to peers."""

    def __init__(self, settings: SicknessSettings, *, clock: Callable[[], float], peers: Callable[[], int]) -> None:
        """`clock`: monotonic seconds; `peers`: how many there are."""
        self._settings = settings
        self._clock = clock
        self._peers = peers
        # Mutable: the last lag, who failed when, when a mass failure began.
        self._lagged_at: float | None = None
        self._failed_at: dict[str, float] = {}
        self._mass_since: float | None = None

    def timer_was_late(self, late_s: float) -> None:
        """A timer fired `late_s` seconds after its time."""
        if late_s > self._settings.lag_s:
            self._lagged_at = self._clock()

    def peer_timed_out(self, peer: str) -> None:
        """A peer could not be reached or did not answer; a refused connection is no such thing, it came back."""
        self._failed_at[peer] = self._clock()

    def peer_answered(self, peer: str) -> None:
        """A peer answered, so the network is there."""
        self._failed_at.pop(peer, None)

    def __call__(self) -> bool:
        """Whether we are sick now."""
        now = self._clock()
        if self._lagged_at is not None and now - self._lagged_at < self._settings.lag_holds_s:
            return True
        recent = sum(now - at < self._settings.mass_window_s for at in self._failed_at.values())
        total = self._peers()
        if total < self._settings.mass_peers or recent <= total * self._settings.mass_share:
            if self._mass_since is not None and now - self._mass_since > self._settings.mass_again_s:
                self._mass_since = None
            return False
        if self._mass_since is None:
            self._mass_since = now
        return now - self._mass_since < self._settings.mass_excuse_s
