"""Work for a thread that is done once, however many ask for it at a time."""

import asyncio
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class InThread(Protocol):
    """Has blocking work done by a thread, and gives what it returns or raises."""

    def __call__(self, work: Callable[[], T], /) -> asyncio.Future[T]: ...


def in_executor(work: Callable[[], T]) -> asyncio.Future[T]:
    """By one of the few threads that all share: for work that is done soon, whatever the system does."""
    return asyncio.get_running_loop().run_in_executor(None, work)


class SingleFlight(Generic[K, T]):
    """What is under way, by key. Used on one loop; only the work itself is in a thread."""

    def __init__(self, in_thread: InThread = in_executor) -> None:
        self._in_thread = in_thread
        # Mutable: the work under way.
        self._under_way: dict[K, asyncio.Future[T]] = {}

    def __repr__(self) -> str:
        return f"<SingleFlight {len(self._under_way)} under way>"

    async def run(self, key: K, work: Callable[[], T], done: Callable[[T], object]) -> T:
        """What `work` returns or raises: of the one under way for `key`, or of this one, begun now.

        `done` is given the result once, on the loop, before those who wait have it. The work goes on when they are
        cancelled.
        """
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = self._in_thread(work)
            flight.add_done_callback(partial(self._land, key, done))
        return await asyncio.shield(flight)

    def _land(self, key: K, done: Callable[[T], object], flight: asyncio.Future[T]) -> None:
        del self._under_way[key]
        if not flight.cancelled() and flight.exception() is None:
            done(flight.result())
