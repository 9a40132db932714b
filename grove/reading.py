"""Where a data item of a program is read and written: its functions. Nothing here raises."""

from typing import Any, assert_never

from gateway.local.bindings import WRITE_TIMEOUT_S
from gateway.local.data_items import Fate, ReadFailure, WriteFailure
from gateway.local.value_readers import Found, ValueReader
from gateway.local.value_writers import ValueWriter
from gateway.local.values import DataType, MisfitError
from grove.callables import Function, Late, Raised, Returned
from grove.plain import plain


class FunctionReader:
    """Asks `function` for a value, however long that takes; those who want to know do not wait so long."""

    def __init__(self, function: Function, data_type: DataType) -> None:
        self._function = function
        self._data_type = data_type

    async def take(self) -> Found | ReadFailure:
        called = await self._function.call(timeout_s=None)
        match called:
            case Returned(value):
                return self._fitted(value)
            case Raised(reason, cause):
                return ReadFailure(reason, cause=cause)
            case Late():
                return ReadFailure(called.reason)
            case _:
                assert_never(called)

    def _fitted(self, value: Any) -> Found | ReadFailure:
        try:
            return Found(plain(value, self._data_type))
        except MisfitError as error:
            return ReadFailure(f"what the function returned does not fit: {error}")


class FunctionWriter:
    """Calls `function` with a value, and waits so long for it."""

    def __init__(self, function: Function, timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self._function = function
        self._timeout_s = timeout_s

    async def put(self, value: Any) -> WriteFailure | None:
        if self._function.in_threads:
            return WriteFailure("the write before takes longer than its time and still runs", Fate.NOT_TRIED)
        called = await self._function.call([value], timeout_s=self._timeout_s)
        match called:
            case Returned():
                return None
            case Raised(reason, cause):
                return WriteFailure(reason, Fate.DECLINED if called.refused else Fate.UNKNOWN, cause=cause)
            case Late():
                return WriteFailure(called.reason, Fate.UNKNOWN)
            case _:
                assert_never(called)


_: type[ValueReader] = FunctionReader
__: type[ValueWriter] = FunctionWriter
