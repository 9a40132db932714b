"""Event streams of clients: how many there may be at a time. The lines of other gateways are not counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.http import errors

RETRY_S: Final = 5
"""Seconds after which a client may come again."""


class StreamSlots:
    """`limit` of them (`sse.max_clients`)."""

    def __init__(self, limit: int) -> None:
        """All are free."""
        self.limit = limit
        # Mutable: how many are taken.
        self.taken = 0

    @contextmanager
    def held(self, *, is_stream: bool = True) -> Iterator[None]:
        """One slot, for as long as the context lasts, if this is a stream. Raises ApiError: 503 when all are taken."""
        if not is_stream:
            yield
            return
        if self.taken >= self.limit:
            raise errors.busy(f"{self.limit} event streams are open, no more are allowed (sse.max_clients)", RETRY_S)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
