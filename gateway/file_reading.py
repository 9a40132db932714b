"""Reading files over and over, while some of them may hang: on a mount that is dead, or a device."""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from gateway.file_thread import in_file_thread

READ_S: Final = 10.0
"""Seconds that are waited for files that are read again, before it is told that they hang."""

T = TypeVar("T")


class FileReading(Generic[T]):
    """One reading at a time: none begins while one hangs, which is taken up when it comes to its end."""

    def __init__(self, patience_s: float = READ_S) -> None:
        """`patience_s`: seconds that are waited for one."""
        self.patience_s: Final = patience_s
        # Mutable: the one under way.
        self._under_way: asyncio.Future[T] | None = None

    async def read(self, work: Callable[[], T]) -> T:
        """What `work` finds in a thread, or what was begun before. Raises TimeoutError while it hangs; else as it."""
        reading = self._under_way = self._under_way or in_file_thread(work)
        await asyncio.wait({reading}, timeout=self.patience_s)
        if not reading.done():
            raise TimeoutError
        self._under_way = None
        return reading.result()
