"""How much of what one sender says is listened to. Pure: the clock is the caller's."""


class SenderBudget:
    """A burst of packets of each sender, then so many a second; what is beyond is not read at all.

    An honest host sends a few packets now and then; a flood costs no more than this, and only the one who floods is
    not heard. Of more senders than `senders` at a time, the first ones are forgotten.
    """

    def __init__(self, *, burst: int, per_s: float, senders: int) -> None:
        self._burst = burst
        self._per_s = per_s
        self._most_senders = senders
        # Mutable: what each sender has left, and when that was so; the one longest unheard first.
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, sender: str, now: float) -> bool:
        """Whether one more packet of `sender` is read; `now`: monotonic seconds."""
        left, since = self._left.pop(sender, (float(self._burst), now))
        left = min(left + (now - since) * self._per_s, self._burst)
        if len(self._left) >= self._most_senders:
            del self._left[next(iter(self._left))]
        self._left[sender] = (left - 1 if left >= 1 else left, now)
        return left >= 1
