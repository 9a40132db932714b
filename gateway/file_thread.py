"""Files of settings that are read while the gateway runs, by threads that nobody else waits for."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gateway.local.daemon_thread import in_daemon_thread

T = TypeVar("T")


def in_file_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Reads a file that may be on a mount that is dead: it holds up a thread of its own, for as long as it hangs."""
    return in_daemon_thread(work, "grove-file") or asyncio.get_running_loop().run_in_executor(None, work)
