"""Waiting for a condition instead of sleeping for luck."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import aiohttp

T = TypeVar("T")

POLL_S = 0.03
EVENTUALLY_S = 60.0
"""A bound for what is hung, not for what is slow: half of what a test may take altogether."""

NOT_YET = (AssertionError, LookupError, aiohttp.ClientError)
"""What a check may raise while the world is not yet as it should be."""


@overload
async def eventually(check: Callable[[], Awaitable[T]], timeout: float = ...) -> T: ...
@overload
async def eventually(check: Callable[[], T], timeout: float = ...) -> T: ...
async def eventually(check: Callable[[], Any], timeout: float = EVENTUALLY_S) -> Any:
    """Calls `check` until it returns something true, and returns that.

    After `timeout` seconds the last of NOT_YET that it raised goes to the caller, or an AssertionError that
    names the last value.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            outcome = check()
            value = await outcome if inspect.isawaitable(outcome) else outcome
            if value:
                return value
            missed: Exception = AssertionError(f"still {value!r} after {timeout} s")
        except NOT_YET as error:
            missed = error
        if time.monotonic() > deadline:
            raise missed
        await asyncio.sleep(POLL_S)
