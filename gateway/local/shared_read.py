"""One reading at a time, shared by everybody who asks while it runs or shortly after."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, Generic, TypeVar

from gateway.local.daemon_thread import in_daemon_thread

READ_TIMEOUT_S: Final = 1.0
"""How long a reading may take before requests stop waiting; half of what a client request may take in all."""

Outcome = TypeVar("Outcome")
Clock = Callable[[], int]
"""Nanoseconds since 1970."""


class SharedFlight(Generic[Outcome]):
    """Gives the outcome of one reading to all who wait for it. `begin` gives None when that is not possible now.

    While a reading hangs no second one is begun, and after its time nobody waits for it.
    """

    def __init__(
        self,
        begin: Callable[[], asyncio.Future[Outcome] | None],
        *,
        clock: Clock,
        fresh_for_ns: int = 0,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._begin = begin
        self._clock = clock
        self._fresh_for_ns = fresh_for_ns
        self._timeout_s = timeout_s
        # Mutable: the reading that runs, when it began and whether it may tell something old; the last outcome and
        # its time.
        self._running: asyncio.Future[Outcome] | None = None
        self._began_s = 0.0
        self._outdated = False
        self.latest: Outcome | None = None
        self._taken_ns = 0

    @property
    def overdue(self) -> bool:
        """Whether a reading hangs."""
        return self._running is not None and self._remaining(self._timeout_s) <= 0

    def fresh(self) -> Outcome | None:
        """The last outcome while it counts as new, without reading."""
        age = self._clock() - self._taken_ns
        return self.latest if 0 <= age < self._fresh_for_ns else None  # below 0: the clock was set back

    def forget(self) -> None:
        """What was or is being read may not be true any more: from now on everybody gets something new, or nothing."""
        self.latest = None
        self._outdated = self._running is not None

    def prepare(self) -> None:
        """Begin a reading if the last outcome is not fresh and none runs."""
        if self._running is None and self.fresh() is None:
            self._start()

    async def get(self) -> Outcome | None:
        """A new or fresh outcome; None when it did not come in time. Raises what the reading raises."""
        return await self.glance(self._timeout_s)

    async def glance(self, wait_s: float) -> Outcome | None:
        """The same, but nobody waits for a reading longer than `wait_s` after it began."""
        fresh = self.fresh()
        if fresh is not None:
            return fresh
        if self._running is not None and self._outdated:
            await self._wait(self._running, wait_s)
        running = self._running or self._start()
        if running is None or self._outdated:
            return None
        await self._wait(running, wait_s)
        return running.result() if running.done() and not running.cancelled() else None

    async def _wait(self, running: asyncio.Future[Outcome], wait_s: float) -> None:
        await asyncio.wait({running}, timeout=max(0.0, self._remaining(wait_s)))

    def _remaining(self, wait_s: float) -> float:
        return self._began_s + wait_s - asyncio.get_running_loop().time()

    def _start(self) -> asyncio.Future[Outcome] | None:
        running = self._begin()
        if running is None:
            return None
        self._running = running
        self._began_s = asyncio.get_running_loop().time()
        running.add_done_callback(self._land)
        return running

    def _land(self, ended: asyncio.Future[Outcome]) -> None:
        self._running = None
        if not ended.cancelled() and ended.exception() is None:
            self.latest = None if self._outdated else ended.result()
            self._taken_ns = self._clock()
        self._outdated = False


class SharedRead(SharedFlight[Outcome]):
    """A reading that blocks: each runs in a thread of its own."""

    def __init__(
        self,
        read: Callable[[], Outcome],
        *,
        clock: Clock,
        fresh_for_ns: int = 0,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        begin = partial(in_daemon_thread, read, "grove-read")
        super().__init__(begin, clock=clock, fresh_for_ns=fresh_for_ns, timeout_s=timeout_s)
