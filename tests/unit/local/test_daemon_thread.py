"""Blocking work has as many threads as it needs, and a thread that is free does the next piece."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gateway.local.daemon_thread import DaemonThreads, in_daemon_thread
from tests.federation.eventually import eventually


async def done(work: Callable[[], Any], name: str = "grove-test") -> Any:
    future = in_daemon_thread(work, name)
    assert future is not None
    return await future


def here() -> tuple[int, str]:
    return threading.get_ident(), threading.current_thread().name


async def test_a_free_thread_does_the_next_piece_under_its_name() -> None:
    seen = {threading.get_ident()}

    async def is_used_again() -> bool:
        found, name = await done(here, f"grove-{len(seen)}")
        assert name == f"grove-{len(seen)}"
        known = found in seen
        seen.add(found)
        return known

    assert await eventually(is_used_again)


async def test_work_that_hangs_takes_nothing_from_other_work() -> None:
    gate = threading.Event()
    hanging = [in_daemon_thread(gate.wait, "grove-hanging") for _ in range(20)]
    assert await done(lambda: 7) == 7
    assert not any(future.done() for future in hanging if future)
    gate.set()
    assert await asyncio.gather(*(future for future in hanging if future)) == [True] * 20


async def test_much_work_at_once_is_all_done() -> None:
    assert await asyncio.gather(*(done(partial(int, number)) for number in range(300))) == [*range(300)]


async def test_there_are_so_many_threads_and_no_more_and_again_when_some_have_ended() -> None:
    threads, gate = DaemonThreads(3), threading.Event()
    hanging = [threads.run(gate.wait, "grove-hanging") for _ in range(3)]
    assert None not in hanging
    assert threads.run(here, "grove-one-too-many") is None
    gate.set()
    assert await asyncio.gather(*(future for future in hanging if future)) == [True] * 3

    async def is_done() -> bool:
        future = threads.run(here, "grove-again")
        return future is not None and bool(await future)

    assert await eventually(is_done)
    assert await eventually(lambda: threads.count == 0)
    assert await eventually(is_done)


async def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await done(lambda: 1 // 0)
    assert await done(lambda: 7) == 7


async def test_a_thread_without_work_ends() -> None:
    _, name = await done(here, "grove-short-lived")
    assert await eventually(lambda: name not in {thread.name for thread in threading.enumerate()})
