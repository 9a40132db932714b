"""Event streams of clients: how many there may be at a time, and their common end when the gateway stops.

The lines of other gateways are not counted here.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from gateway.http import errors

RETRY_S: Final = 5
"""Seconds after which a client may come again."""

BYE: Final = b"event: bye\ndata: {}\n\n"
"""The last event of a stream that ends because the gateway stops."""


class Ending:
    """The moment at which one stream has to end."""

    def __init__(self, *, has_come: bool) -> None:
        """`has_come`: it must end as soon as it begins."""
        # Mutable: whether it is now, and what waits for it.
        self.has_come = has_come
        self._until: asyncio.Timeout | None = None

    def come(self) -> None:
        """It is now: whoever is `within` stops what it waits for."""
        self.has_come = True
        if self._until is not None:
            self._until.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def within(self) -> AsyncIterator[None]:
        """Until it comes, which ends the block with TimeoutError."""
        async with asyncio.timeout(0 if self.has_come else None) as until:
            self._until = until
            try:
                yield
            finally:
                self._until = None


class StreamSlots:
    """`limit` of them (`sse.max_clients`)."""

    def __init__(self, limit: int) -> None:
        """All are free."""
        self.limit = limit
        # Mutable: the streams that are open, and whether all have to end.
        self._open: set[Ending] = set()
        self._is_over = False

    @property
    def taken(self) -> int:
        """How many are."""
        return len(self._open)

    @contextmanager
    def held(self) -> Iterator[Ending]:
        """One slot, for as long as the context lasts. Raises ApiError: 503 when all are taken."""
        if len(self._open) >= self.limit:
            raise errors.busy(f"{self.limit} event streams are open, no more are allowed (sse.max_clients)", RETRY_S)
        ending = Ending(has_come=self._is_over)
        self._open.add(ending)
        try:
            yield ending
        finally:
            self._open.discard(ending)

    def end(self) -> None:
        """The gateway stops: every stream ends as soon as it can, those that come yet too."""
        self._is_over = True
        for ending in tuple(self._open):
            ending.come()
