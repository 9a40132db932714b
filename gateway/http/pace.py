"""How long a client may keep us waiting for its bytes: a time at first, then a least rate. Pure.

Source: docs/configuration.md, "The server". The idea is that of mod_reqtimeout: every byte buys time.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaceRule:
    """`grace_s` seconds without a byte are borne, each byte buys 1/`bytes_per_s` seconds more, `most_s` at most."""

    grace_s: float
    bytes_per_s: float
    most_s: float


class Pace:
    """The time that one client has left for one body."""

    def __init__(self, rule: PaceRule, now: float, moved: int) -> None:
        """`moved`: the count of bytes at `now`, seconds of a steady clock."""
        self._rule = rule
        # Mutable: seconds left, and when and at which count that was so.
        self.left_s = rule.grace_s
        self._now = now
        self._moved = moved

    def look(self, now: float, moved: int, *, is_waited_for: bool = True) -> bool:
        """Whether there is time left; `moved`: the count of bytes by now.

        Time in which nobody waited for the client (`is_waited_for` is False) is not taken off.
        """
        earned = (moved - self._moved) / self._rule.bytes_per_s
        spent = now - self._now if is_waited_for else 0.0
        self.left_s = min(self.left_s + earned, max(self._rule.most_s, self.left_s)) - spent
        self._now, self._moved = now, moved
        return self.left_s > 0
