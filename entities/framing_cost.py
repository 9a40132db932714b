"""What the framing of a chunked body costs us: tiny chunks and their extensions take time, and say nothing. Pure.

Source: docs/configuration.md, "Limits".
"""

from typing import Final

SPARE_BYTES: Final = 64 * 1024
"""Of framing in one message, beyond a quarter of its body."""

SPARE_BYTES_PER_S: Final = 1024
"""By which what was spent of these comes back: streams of small events go on for days."""

LEAST_CHUNK_BYTES: Final = 5
"""Of framing that the smallest chunk has: its length in one digit, and two line ends."""

MAX_CHUNKS: Final = SPARE_BYTES // LEAST_CHUNK_BYTES
"""Of so many chunks the framing alone is all that is spare."""


class FramingCost:
    """That of one message."""

    def __init__(self, now: float) -> None:
        """`now`: seconds of a steady clock."""
        # Mutable: what is left, and when that was so.
        self._left: float = SPARE_BYTES
        self._now = now

    def take(self, received: int, of_body: int, now: float) -> bool:
        """Whether there may be more after so many bytes more, some of them of the body itself."""
        earned = (now - self._now) * SPARE_BYTES_PER_S + of_body / 4
        self._now = now
        self._left = min(self._left + earned, SPARE_BYTES) - (received - of_body)
        return self._left >= 0
