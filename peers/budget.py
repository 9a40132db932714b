"""The process-wide count of peer bytes held in memory while their answer is unfinished."""


class ByteBudget:
    """So many bytes of unfinished answers may be held, all peers together; never waits, says no instead."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        # Mutable state: the bytes held now.
        self._held = 0

    def __repr__(self) -> str:
        return f"<ByteBudget {self._held} of {self.limit_bytes} bytes>"

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._held

    def take(self, count: int) -> bool:
        """Count `count` more bytes as held; False, and nothing counted, when they do not fit."""
        if self._held + count > self.limit_bytes:
            return False
        self._held += count
        return True

    def give(self, count: int) -> None:
        """Give back bytes taken before."""
        self._held -= count
