"""Many requests to one peer, a few at a time, of which none may fail."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from peers.errors import PeerError

T = TypeVar("T")
R = TypeVar("R")


class BrokenOffError(Exception):
    """What is asked for in many requests cannot be whole any more; caught by those who began them."""

    def __init__(self, error: PeerError) -> None:
        super().__init__(error.detail)
        self.error = error


async def each(work: Callable[[T], Awaitable[R]], jobs: Sequence[T], *, parallel: int) -> list[R]:
    """The result of each job, `parallel` at a time. The first BrokenOffError ends them all, and is raised."""
    if len(jobs) == 1:
        return [await work(jobs[0])]
    results: dict[int, R] = {}
    waiting = iter(enumerate(jobs))

    async def worker() -> None:
        for number, job in waiting:
            results[number] = await work(job)

    broken: BaseExceptionGroup[BrokenOffError] | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(min(parallel, len(jobs))):
                group.create_task(worker(), name=f"ask foreign peer {number}")
    except* BrokenOffError as failures:
        broken = failures
    if broken is not None:
        raise _first(broken)
    return [results[number] for number in range(len(jobs))]


def _first(group: BaseExceptionGroup[BrokenOffError]) -> BrokenOffError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
