"""How much may come on one event line: lines and bytes, some at once and then so many a second. Pure."""

from dataclasses import dataclass

from peers.settings import MIB


@dataclass(frozen=True, slots=True)
class LineRule:
    """What was said while the line was broken comes at once: 1000 changes of faults of four lines and 16 KiB each."""

    lines: int = 40_000
    lines_per_s: int = 4_000
    size_bytes: int = 20 * MIB
    bytes_per_s: int = MIB

    def __str__(self) -> str:
        return f"{self.lines_per_s} lines or {self.bytes_per_s} bytes a second"


class LineAllowance:
    """What is left of it. It outlasts the line: opening it again gives nobody more."""

    def __init__(self, rule: LineRule, now: float) -> None:
        """`now`: seconds of a steady clock."""
        self._rule = rule
        # Mutable: what is left, and when that was so.
        self._lines: float = rule.lines
        self._bytes: float = rule.size_bytes
        self._now = now

    def take(self, piece: bytes, now: float) -> bool:
        """Whether `piece` may still be read; a piece without a line end counts as a line."""
        rule, passed = self._rule, now - self._now
        self._now = now
        lines = max(1, piece.count(b"\n") + piece.count(b"\r"))
        self._lines = min(self._lines + passed * rule.lines_per_s, rule.lines) - lines
        self._bytes = min(self._bytes + passed * rule.bytes_per_s, rule.size_bytes) - len(piece)
        if self._lines >= 0 <= self._bytes:
            return True
        self._lines, self._bytes = max(0.0, self._lines), max(0.0, self._bytes)
        return False
