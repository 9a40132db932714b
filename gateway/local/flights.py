"""Work that several wait for and nobody awaits: it has an owner that ends it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

Outcome = TypeVar("Outcome")


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
        """End all of them."""
        self._closed = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
