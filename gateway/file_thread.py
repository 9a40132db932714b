"""Files of settings that are read while the gateway runs, by threads that nobody else waits for."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.local.daemon_thread import in_daemon_thread

T = TypeVar("T")


class _Start(Protocol):
    def __call__(self, work: Callable[[], T], name: str, /) -> asyncio.Future[T] | None: ...


def in_file_thread(work: Callable[[], T], start: _Start = in_daemon_thread) -> asyncio.Future[T]:
    """Reads a file that may be on a mount that is dead: it holds up a thread of its own, for as long as it hangs.

    TimeoutError at once where so many hang that `start` gives none: no others are risked for it.
    """
    reading = start(work, "grove-file")
    if reading is None:
        reading = asyncio.get_running_loop().create_future()
        reading.set_exception(TimeoutError("no thread is left: too many hang on files that do not answer"))
    return reading
