"""The count of peer bytes held in memory while their answer is unfinished: of all peers, and of each."""


class ByteBudget:
    """So many bytes of unfinished answers may be held; never waits, says no instead.

    What a `share` of it takes counts in the whole too, so that one peer leaves room for the others.
    """

    def __init__(self, limit_bytes: int, whole: "ByteBudget | None" = None) -> None:
        self.limit_bytes = limit_bytes
        self._whole = whole
        # Mutable state: the bytes held now.
        self._held = 0

    def __repr__(self) -> str:
        return f"<ByteBudget {self._held} of {self.limit_bytes} bytes>"

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._held

    @property
    def terms(self) -> str:
        """What is allowed, for people."""
        if self._whole is None:
            return f"{self.limit_bytes} bytes, all peers together"
        return f"{self.limit_bytes} bytes of one peer, {self._whole.terms}"

    def share(self, limit_bytes: int) -> "ByteBudget":
        """A budget of its own for one peer, of at most so many bytes of this one."""
        return ByteBudget(limit_bytes, self)

    def take(self, count: int) -> bool:
        """Count `count` more bytes as held; False, and nothing counted, when they do not fit."""
        if self._held + count > self.limit_bytes or (self._whole is not None and not self._whole.take(count)):
            return False
        self._held += count
        return True

    def give(self, count: int) -> None:
        """Give back bytes taken before."""
        self._held -= count
        if self._whole is not None:
            self._whole.give(count)
