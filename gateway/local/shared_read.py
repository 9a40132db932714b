"""One blocking reading at a time, shared by everybody who asks while it runs or shortly after."""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from gateway.local.daemon_thread import in_daemon_thread

READ_TIMEOUT_S: Final = 1.0
"""How long a reading may take before requests stop waiting; half of what a client request may take in all."""

Outcome = TypeVar("Outcome")
Clock = Callable[[], int]
"""Nanoseconds since 1970."""


class SharedRead(Generic[Outcome]):
    """Runs `read` in a thread of its own and gives its outcome to all who wait.

    While the thread is stuck no second one is started, and after its time nobody waits for it.
    """

    def __init__(
        self,
        read: Callable[[], Outcome],
        *,
        clock: Clock,
        fresh_for_ns: int = 0,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._read = read
        self._clock = clock
        self._fresh_for_ns = fresh_for_ns
        self._timeout_s = timeout_s
        # Mutable: the reading that runs and when requests stop waiting for it; the last outcome and its time.
        self._running: asyncio.Future[Outcome] | None = None
        self._deadline_s = 0.0
        self._latest: Outcome | None = None
        self._taken_ns = 0

    def fresh(self) -> Outcome | None:
        """The last outcome while it counts as new, without reading."""
        age = self._clock() - self._taken_ns
        return self._latest if 0 <= age < self._fresh_for_ns else None  # below 0: the clock was set back

    def forget(self) -> None:
        """The last outcome is not new any more. A reading that runs may still become the next one."""
        self._latest = None

    async def get(self) -> Outcome | None:
        """A new or fresh outcome; None when it did not come in time. Raises what `read` raises."""
        fresh = self.fresh()
        if fresh is not None:
            return fresh
        running = self._running or self._start()
        if running is None:
            return None
        remaining = self._deadline_s - asyncio.get_running_loop().time()
        await asyncio.wait({running}, timeout=max(0.0, remaining))
        return running.result() if running.done() else None

    def _start(self) -> asyncio.Future[Outcome] | None:
        running = in_daemon_thread(self._read, "grove-read")
        if running is None:
            return None
        self._running = running
        self._deadline_s = asyncio.get_running_loop().time() + self._timeout_s
        running.add_done_callback(self._land)
        return running

    def _land(self, ended: asyncio.Future[Outcome]) -> None:
        self._running = None
        if ended.exception() is None:
            self._latest = ended.result()
            self._taken_ns = self._clock()
