"""How much of what is said on the network is listened to. Pure: the clock is the caller's."""


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
