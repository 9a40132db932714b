"""The gateways behind an upstream one come and go: that is heeded at once, and less and less often while they flap."""

from peers.foreign_health import UpstreamHealth


class Pace:
    """Lets something happen at once, then after pauses that double, until it was quiet for as long as the last one."""

    def __init__(self, *, pause_ms: int, max_pause_ms: int) -> None:
        """`pause_ms`: the first pause."""
        self._first = pause_ms / 1000
        self._longest = max_pause_ms / 1000
        # Mutable: the last pause, and when it is over.
        self._pause = 0.0
        self._over = 0.0

    def take(self, now: float) -> bool:
        """Whether it may happen now, in monotonic seconds; if so, the next pause begins."""
        if now < self._over:
            return False
        was_quiet = now - self._over >= self._pause
        self._pause = self._first if was_quiet else min(2 * self._pause, self._longest)
        self._over = now + self._pause
        return True


class Behind:
    """Tells when those whom one upstream gateway lost are to be named, and when it is to be read for a change."""

    def __init__(self, *, pause_ms: int, max_pause_ms: int) -> None:
        """Both pauses as those of `Pace`."""
        self._namings = Pace(pause_ms=pause_ms, max_pause_ms=max_pause_ms)
        self._readings = Pace(pause_ms=pause_ms, max_pause_ms=max_pause_ms)
        # Mutable: whom it had lost when it was looked at last, and what is still to be done about it.
        self._lost: frozenset[str] = frozenset()
        self._to_name = False
        self._to_read = False

    def look(self, upstream: UpstreamHealth) -> None:
        """Takes note of what its `/health` told."""
        lost = frozenset(one.name for one in upstream.peers if not one.is_online)
        self._to_name = self._to_name or not lost <= self._lost
        self._to_read = self._to_read or lost != self._lost
        self._lost = lost

    def should_name(self, now: float) -> bool:
        """Whether its links should tell now whom it lost; True once for a loss."""
        should = self._to_name and self._namings.take(now)
        self._to_name = self._to_name and not should
        return should

    def should_read(self, now: float) -> bool:
        """Whether it should be read now because somebody behind it came or went; True once for a change."""
        should = self._to_read and self._readings.take(now)
        self._to_read = self._to_read and not should
        return should

    def is_read(self) -> None:
        """It is read anyway, for another reason."""
        self._to_read = False
