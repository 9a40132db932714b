"""Work that several wait for and nobody awaits: it has an owner that ends it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, TypeVar

import structlog

END_S: Final = 2.0
"""Seconds the end waits for readings that do not want to end."""

Outcome = TypeVar("Outcome")

_log = structlog.get_logger(__name__)


class Flights:
    """The tasks of one source that are under way. Whoever makes it closes it."""

    def __init__(self) -> None:
        # Mutable: the tasks, and whether there may be further ones.
        self._tasks: set[asyncio.Task[object]] = set()
        self._closed = False

    def begin(self, make: Callable[[], Coroutine[None, None, Outcome]], name: str) -> asyncio.Task[Outcome] | None:
        """A task for what `make` gives; None after the end."""
        if self._closed:
            return None
        task = asyncio.get_running_loop().create_task(make(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End all of them; one that does not let itself be ended is waited for no longer than END_S."""
        self._closed = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=END_S)
            for task in left:
                _log.warning("reading does not end", task=task.get_name())
