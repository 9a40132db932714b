"""A configuration of a program: a value that clients may change within its range, and that survives a restart."""

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, assert_never

import structlog

from gateway.local.bindings import Refusal
from grove.callables import Function, Late, Raised, Returned

APPLY_TIMEOUT_S: Final = 5.0
"""Seconds a program's function may take to accept a new value."""

T = TypeVar("T")

_log = structlog.get_logger("grove")


class Setting(Generic[T]):
    """`value` is what counts now. It may be read from any thread; clients change it."""

    def __init__(self, item_id: str, default: T, accept: Callable[[T], Any] | None) -> None:
        """`accept` is called with a new value before it counts, and may raise `Refused`."""
        self._id = item_id
        self._accept = None if accept is None else Function(accept, item_id)
        self._value = default  # mutable

    def __repr__(self) -> str:
        return f"<Setting {self._id}={self._value!r}>"

    @property
    def value(self) -> T:
        """What counts now."""
        return self._value

    async def apply(self, value: Any) -> Refusal | None:
        """Take a new value, if the program accepts it."""
        if self._accept is not None:
            if self._accept.in_threads:
                return Refusal("the change before takes longer than its time and still runs", failed=True)
            called = await self._accept.call([value], timeout_s=APPLY_TIMEOUT_S)
            match called:
                case Returned():
                    pass
                case Raised(reason, cause):
                    if cause is not None:
                        _log.error("configuration of the program not accepted", configuration=self._id, exc_info=cause)
                    return Refusal(reason, failed=cause is not None)
                case Late():
                    return Refusal(called.reason, failed=True)
                case _:
                    assert_never(called)
        self._value = value
        return None
