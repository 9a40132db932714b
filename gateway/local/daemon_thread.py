"""Blocking work in a thread of its own, which neither the loop's executor nor the end of the process waits for.

A file on a dead mount or a name server that is silent blocks for ever: it must cost nobody else a worker. So there are
as many threads as there is work at a time; one that has nothing to do waits a moment for the next piece.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

IDLE_S: Final = 1.0
"""How long a thread waits for more work: to start one holds the loop up, to be used again does not."""

MOST_THREADS: Final = 1000
"""Threads for such work, those that hang among them; beyond, what wants one says that there is none."""

Outcome = TypeVar("Outcome")
Job = Callable[[], None]


class DaemonThreads:
    """At most `most` threads. May be used from any thread with a running loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        # Mutable: the threads without work, whose deque may be used from any thread, and how many there are in all.
        self._idle: deque[_Worker] = deque()
        self._lock = threading.Lock()
        self.count = 0

    def run(self, work: Callable[[], Outcome], name: str) -> asyncio.Future[Outcome] | None:
        """What `work` returns or raises, on this loop; None when there is no thread to give.

        The thread is called `name` meanwhile. To cancel the future stops the waiting, not the work.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()

        def job() -> None:
            threading.current_thread().name = name
            _run(work, loop, future)

        try:
            worker = self._idle.pop()
        except IndexError:
            if not self._start(job, name):
                return None
        else:
            worker.jobs.put(job)
        return future

    def _start(self, job: Job, name: str) -> bool:
        with self._lock:
            if self.count >= self._most:
                return False
            self.count += 1
        try:
            _Worker(job, name, self._idle, self._ended).start()
        except RuntimeError:
            self._ended()
            return False
        return True

    def _ended(self) -> None:
        with self._lock:
            self.count -= 1


class _Worker(threading.Thread):
    """Does one job after another, until none comes for a while."""

    def __init__(self, first: Job, name: str, idle: "deque[_Worker]", ended: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._idle = idle
        self._ended = ended
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.jobs.put(first)

    def run(self) -> None:
        while (job := self._next()) is not None:
            job()
            del job  # or what it holds stays alive while we wait
            self.name = "grove-idle"
            self._idle.append(self)
        self._ended()

    def _next(self) -> Job | None:
        try:
            return self.jobs.get(timeout=IDLE_S)
        except queue.Empty:
            try:
                self._idle.remove(self)
            except ValueError:  # taken just now, the job is on its way
                return self.jobs.get()
            return None


def _run(work: Callable[[], Outcome], loop: asyncio.AbstractEventLoop, future: asyncio.Future[Outcome]) -> None:
    """In the thread. The loop may be gone when the work ends, then nobody waits for it."""
    try:
        outcome = work()
    except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to; those who wait get it
        _post(loop, _fail, future, error)
    else:
        _post(loop, _finish, future, outcome)


def _post(loop: asyncio.AbstractEventLoop, done: Callable[..., None], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(done, *arguments)
    except RuntimeError:
        return


def _finish(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)


def _fail(future: asyncio.Future[Outcome], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


in_daemon_thread: Final = DaemonThreads(MOST_THREADS).run
"""Of the threads of this process."""
