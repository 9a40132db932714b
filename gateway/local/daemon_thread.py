"""Blocking work in a thread of its own, which neither the loop's executor nor the end of the process waits for.

A file on a dead mount or a name server that is silent blocks for ever: it must cost nobody else a worker.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Outcome = TypeVar("Outcome")


def in_daemon_thread(work: Callable[[], Outcome], name: str) -> asyncio.Future[Outcome] | None:
    """What `work` returns or raises, on this loop; None when the system has no thread to give.

    To cancel the future stops the waiting, not the work.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Outcome] = loop.create_future()
    thread = threading.Thread(target=_run, args=(work, loop, future), name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return future


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
