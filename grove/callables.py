"""Calling a program's functions: those that block in a thread of their own, the others on the event loop."""

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.local.daemon_thread import in_daemon_thread

SHOWN_CHARACTERS: Final = 500
"""Of an exception's text, as clients see it."""


class Refused(Exception):  # noqa: N818 -- what a program raises to say no is no error of its own
    """Raised by a program's function to refuse a value or an execution; its text is for the client."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The function came to its end."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised. `cause` None: it said no (`Refused`), which is no mistake of its own."""

    reason: str
    cause: Exception | None = None

    @property
    def refused(self) -> bool:
        """Whether it said no."""
        return self.cause is None


@dataclass(frozen=True, slots=True)
class Late:
    """The function did not come to its end in time. In a thread, it still runs."""

    seconds: float

    @property
    def reason(self) -> str:
        """For who asked."""
        return f"it took longer than {self.seconds:g} s"


Called = Returned | Raised | Late


class Function:
    """One function of the program, which may be `async` or block. `name`: of what it stands for, in the log."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._function = function
        self._name = name
        self.is_async = inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 -- an object whose __call__ is async
        )
        self._lock = threading.Lock()
        self._in_threads = 0  # mutable, under the lock

    @property
    def in_threads(self) -> int:
        """How many threads are in it, those among them for which nobody waits any more."""
        with self._lock:
            return self._in_threads

    async def call(
        self, values: Sequence[Any] = (), named: Mapping[str, Any] | None = None, *, timeout_s: float | None
    ) -> Called:
        """Calls it once, for as long as it takes if `timeout_s` is None. Raises nothing but CancelledError; a thread
        goes on after that.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return Returned(await self._start(functools.partial(self._function, *values, **(named or {}))))
        except TimeoutError:
            # The function's own TimeoutError is told as any other exception: see _start.
            return Late(timeout_s or 0.0)
        except Refused as refusal:
            return Raised(_shown(refusal))
        except _OwnTimeoutError as error:
            return raised(error.cause)
        except Exception as error:  # noqa: BLE001 -- whatever a program raises stays its item's error
            return raised(error)

    async def _start(self, work: Callable[[], Any]) -> Any:
        try:
            if self.is_async:
                return await work()
            with self._lock:
                self._in_threads += 1
            running = in_daemon_thread(functools.partial(self._work, work), f"grove-{self._name}")
            if running is None:
                with self._lock:
                    self._in_threads -= 1
                raise RuntimeError("the system has no thread to give")
            result = await running
            return await result if inspect.isawaitable(result) else result
        except TimeoutError as error:
            raise _OwnTimeoutError(error) from error
        except (SystemExit, KeyboardInterrupt) as error:
            raise ProgramExitError(type(error).__name__) from error

    def _work(self, work: Callable[[], Any]) -> Any:
        """In a thread."""
        try:
            return work()
        except (SystemExit, KeyboardInterrupt) as error:  # they would end the thread and tell nobody
            raise ProgramExitError(type(error).__name__) from error
        finally:
            with self._lock:
                self._in_threads -= 1


class ProgramExitError(Exception):
    """A function wanted to end the program; only its item hears of it. End the gateway with SIGTERM."""


def raised(error: Exception) -> Raised:
    """What a function raised, as a value."""
    if isinstance(error, Refused):
        return Raised(_shown(error))
    return Raised(f"{type(error).__name__}: {_shown(error)}".rstrip(": "), error)


class _OwnTimeoutError(Exception):
    """The function itself raised TimeoutError; ours means something else."""

    def __init__(self, cause: TimeoutError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _shown(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
