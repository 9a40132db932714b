"""How much of what is said on the network is listened to, and how often the same is said. Pure: the clock is the
caller's.
"""

from collections.abc import Hashable, Iterable


class SenderBudget:
    """A burst of records of each sender, then so many a second; a packet that is beyond is not read at all.

    An honest host sends a few records now and then; a flood costs no more than this, and only the one who floods is
    not heard. All senders together have `together` times as much, for the address of a sender can be made up. Of more
    senders than `senders` at a time, the first ones are forgotten.
    """

    def __init__(self, *, burst: int, per_s: float, senders: int, together: int) -> None:
        self._burst = burst
        self._per_s = per_s
        self._most_senders = senders
        self._together = together
        # Mutable: what each sender has left, and when that was so; the one longest unheard first.
        self._left: dict[str, tuple[float, float]] = {}
        # Mutable: what all of them together have left, likewise.
        self._left_together: tuple[float, float] | None = None

    def allows(self, sender: str, records: int, now: float) -> bool:
        """Whether a packet of so many records of `sender` is read; `now`: monotonic seconds."""
        own = self._refilled(self._left.pop(sender, None), 1, now)
        everybody = self._refilled(self._left_together, self._together, now)
        allowed = records <= own and records <= everybody
        if len(self._left) >= self._most_senders:
            del self._left[next(iter(self._left))]
        self._left[sender] = (own - records if allowed else own, now)
        self._left_together = (everybody - records if allowed else everybody, now)
        return allowed

    def _refilled(self, before: tuple[float, float] | None, share: int, now: float) -> float:
        """What is left by now; `share`: how many senders' worth it is."""
        full = float(self._burst * share)
        return full if before is None else min(before[0] + (now - before[1]) * self._per_s * share, full)


class Repetition:
    """When the same may be said again: `pause_s` after the last time, and no more than once a second for long.

    RFC 6762, section 6: once a second, but 250 ms after the last time for somebody who probes whether a name is free.
    Which of them it is, the one who answers does not know here; so `burst` times come before the second counts.
    """

    def __init__(self, burst: int, pause_s: float) -> None:
        self._burst = burst
        self._pause_s = pause_s
        # Mutable: what was said within the time that counts: how often it may be said yet, and when it was said.
        self._left: dict[Hashable, tuple[float, float]] = {}

    def allows(self, things: Iterable[Hashable], now: float) -> bool:
        """Whether these are said together: if one of them may be; `now`: monotonic seconds."""
        self._left = {thing: left for thing, left in self._left.items() if now - left[1] < self._burst}
        wanted = list(things)
        if not any(self._may_be_said(thing, now) for thing in wanted):
            return False
        for thing in wanted:
            self._left[thing] = (max(self._now_left(thing, now) - 1, 0.0), now)
        return True

    def _may_be_said(self, thing: Hashable, now: float) -> bool:
        before = self._left.get(thing)
        return before is None or (now - before[1] >= self._pause_s and self._now_left(thing, now) >= 1)

    def _now_left(self, thing: Hashable, now: float) -> float:
        left, at = self._left.get(thing, (float(self._burst), now))
        return min(left + now - at, self._burst)
