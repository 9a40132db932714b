"""Numbered entries of which the newest are kept, for any number of readers at their own pace. In memory, bounded.

A reader is nothing but the number it has come to: a slow one costs no memory, and is told how many it missed.
"""

import asyncio
from collections import deque
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """At most `capacity` entries, numbered from `first` on without a hole. All methods belong on one event loop."""

    def __init__(self, capacity: int, *, first: int = 1) -> None:
        self._capacity = capacity
        # Mutable: the entries, the number of the newest, who is to be woken, whether nothing follows.
        self._entries: deque[T] = deque(maxlen=capacity)
        self._newest = first - 1
        self._wake = asyncio.Event()
        self._closed = False

    @property
    def newest(self) -> int:
        """The number of the newest entry; of the one before the first when there is none."""
        return self._newest

    @property
    def is_closed(self) -> bool:
        """Nothing follows."""
        return self._closed

    def append(self, entry: T) -> int:
        """Adds an entry, in place of the oldest when there are too many; its number."""
        self._entries.append(entry)
        self._newest += 1
        self._wake_all()
        return self._newest

    def close(self) -> None:
        """Nothing follows: whoever waits is woken."""
        self._closed = True
        self._wake_all()

    def after(self, number: int, most: int) -> tuple[list[tuple[int, T]], int]:
        """(the entries after `number` with theirs, at most so many; how many before them are not kept any more)."""
        oldest = self._newest - len(self._entries) + 1
        begin = max(number + 1, oldest)
        missed = begin - number - 1
        skipped = begin - oldest
        return list(enumerate(islice(self._entries, skipped, skipped + most), begin)), missed

    async def beyond(self, number: int) -> None:
        """Returns when there is an entry after `number`, or when nothing follows."""
        while self._newest <= number and not self._closed:
            await self._wake.wait()

    def _wake_all(self) -> None:
        self._wake.set()
        self._wake = asyncio.Event()
