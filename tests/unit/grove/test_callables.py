"""A program's functions never hold up the gateway, and what goes wrong in one stays its own."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from grove.callables import Function, Late, Raised, Refused, Returned
from tests.federation.eventually import eventually

LONG_S = 30.0


async def call(function: Callable[..., Any], *values: Any, timeout_s: float = LONG_S) -> Returned | Raised | Late:
    return await Function(function, "x").call(values, timeout_s=timeout_s)


async def test_a_function_that_blocks_runs_beside_the_loop() -> None:
    gate = threading.Event()
    running = asyncio.create_task(call(gate.wait))
    await asyncio.sleep(0)
    assert not running.done()
    gate.set()
    assert await running == Returned(value=True)


async def test_a_function_on_the_loop_is_awaited() -> None:
    async def double(value: int) -> int:
        await asyncio.sleep(0)
        return 2 * value

    assert await call(double, 21) == Returned(42)


async def test_a_plain_function_that_returns_something_to_wait_for_is_awaited_too() -> None:
    async def answer() -> int:
        return 42

    assert await call(lambda: answer()) == Returned(42)  # noqa: PLW0108 -- a function that is not async itself


@pytest.mark.parametrize("error", [ValueError("out of oil"), TimeoutError("the bus is silent"), OSError(5, "I/O")])
async def test_what_a_function_raises_is_told_in_its_words(error: Exception) -> None:
    def fail() -> None:
        raise error

    async def fail_on_the_loop() -> None:
        raise error

    for function in (fail, fail_on_the_loop):
        raised = await call(function)
        assert isinstance(raised, Raised)
        assert raised.reason == f"{type(error).__name__}: {error}"
        assert raised.cause is error


async def test_a_function_that_refuses_made_no_mistake() -> None:
    def refuse() -> None:
        raise Refused("the tank is full")

    raised = await call(refuse)
    assert isinstance(raised, Raised)
    assert (raised.reason, raised.refused) == ("the tank is full", True)


async def test_a_very_long_word_is_cut() -> None:
    def fail() -> None:
        raise ValueError("x" * 10_000)

    raised = await call(fail)
    assert isinstance(raised, Raised)
    assert len(raised.reason) < 600


async def test_a_function_that_takes_too_long_is_given_up() -> None:
    gate = threading.Event()
    never = asyncio.Event()
    assert await call(gate.wait, timeout_s=0.01) == Late(0.01)
    assert await call(never.wait, timeout_s=0.01) == Late(0.01)
    gate.set()


async def test_whoever_asked_may_leave() -> None:
    begun = asyncio.Event()
    ended = []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(LONG_S)
        finally:
            ended.append(time.monotonic())

    running = asyncio.create_task(call(work))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(ended) == 1


async def test_a_function_that_wants_to_end_the_program_is_told_as_a_mistake_of_its_item() -> None:
    async def leave_the_loop() -> None:
        raise SystemExit(5)

    def leave() -> None:
        raise SystemExit(5)

    for function in (leave, leave_the_loop):
        raised = await call(function)
        assert isinstance(raised, Raised)
        assert raised.reason == "ProgramExitError: SystemExit"


async def test_threads_for_which_nobody_waits_any_more_are_counted() -> None:
    gate = threading.Event()
    function = Function(gate.wait, "x")
    assert await function.call(timeout_s=0.01) == Late(0.01)
    assert function.in_threads == 1
    gate.set()
    await eventually(lambda: function.in_threads == 0)


async def test_parameters_may_be_called_as_anything() -> None:
    def named(timeout_s: float, self: int, named: str) -> tuple[float, int, str]:
        return timeout_s, self, named

    called = await Function(named, "x").call(named={"timeout_s": 1.0, "self": 2, "named": "n"}, timeout_s=LONG_S)
    assert called == Returned((1.0, 2, "n"))
