"""One blocking reading at a time, shared by everybody who asks while it runs or shortly after."""

import asyncio
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

READ_TIMEOUT_S: Final = 1.0
"""How long a reading may take before requests stop waiting; half of what a client request may take in all."""

Outcome = TypeVar("Outcome")
Clock = Callable[[], int]
"""Nanoseconds since 1970."""


class SharedRead(Generic[Outcome]):
    """Runs `read` in a thread of its own and gives its outcome to all who wait.

    A thread of its own, not the loop's executor: a file on a dead mount blocks for ever, and must cost neither
    the workers everybody shares nor the end of the process. While it is stuck no second thread is started,
    and after its time nobody waits for it.
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
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        thread = threading.Thread(target=self._run, args=(loop, future), name="grove-read", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread to give
            return None
        self._running = future
        self._deadline_s = loop.time() + self._timeout_s
        return future

    def _run(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Outcome]) -> None:
        """In the thread. The loop may be gone when the reading ends, then nobody waits for it."""
        try:
            outcome = self._read()
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to; those who wait get it
            self._post(loop, self._fail, future, error)
        else:
            self._post(loop, self._finish, future, outcome)

    def _post(self, loop: asyncio.AbstractEventLoop, done: Callable[..., None], *arguments: object) -> None:
        try:
            loop.call_soon_threadsafe(done, *arguments)
        except RuntimeError:
            return

    def _finish(self, future: asyncio.Future[Outcome], outcome: Outcome) -> None:
        self._running = None
        self._latest = outcome
        self._taken_ns = self._clock()
        if not future.done():
            future.set_result(outcome)

    def _fail(self, future: asyncio.Future[Outcome], error: Exception) -> None:
        self._running = None
        if not future.done():
            future.set_exception(error)
