"""A data item of a program: a function that is asked when somebody wants to know, and one that is told."""

import asyncio
import time
from typing import Any, assert_never

import structlog

from gateway.local.bindings import DataSpec
from gateway.local.data_items import (
    LIST_WAIT_S,
    TOO_SLOW,
    DataItem,
    Fate,
    PreparedItem,
    ReadFailure,
    Reading,
    Sample,
    WritableItem,
    WriteFailure,
)
from gateway.local.flights import Flights
from gateway.local.shared_read import SharedFlight
from gateway.local.values import MisfitError
from grove.callables import Function, Late, Raised, Returned
from grove.plain import plain

WRITE_TIMEOUT_S = 5.0
"""Seconds a program's function may take to write a value."""

_log = structlog.get_logger("grove")


class FunctionReading:
    """Asks `function` for a value. Whoever asks while an answer is on its way, or `fresh_s` after it, gets that one.

    A function that hangs is not called a second time: its thread is waited for, by nobody in particular.
    """

    def __init__(
        self, spec: DataSpec, function: Function, *, flights: Flights, fresh_s: float, timeout_s: float
    ) -> None:
        self._spec = spec
        self._function = function
        # Mutable: who is told of writes and one at a time; the answer on its way and the last; how that failed.
        self._writer: Function | None = None
        self._turn = asyncio.Lock()
        self._shared: SharedFlight[Sample | ReadFailure] = SharedFlight(
            lambda: flights.begin(self._take, f"reading {spec.id}"),
            clock=time.time_ns,
            fresh_for_ns=round(fresh_s * 1e9),
            timeout_s=timeout_s,
        )
        self._failure: str | None = None

    @property
    def spec(self) -> DataSpec:
        return self._spec

    def write_with(self, writer: Function, spec: DataSpec) -> None:
        """Have values written by `writer`; `spec` says what may be."""
        self._writer, self._spec = writer, spec

    async def read(self) -> Reading:
        return await self._shared.get() or self._overdue()

    def prepare(self) -> None:
        self._shared.prepare()

    async def listed(self) -> Reading:
        outcome = await self._shared.glance(LIST_WAIT_S)
        if outcome is None and self._shared.overdue:
            return self._overdue()
        return outcome or self._shared.latest

    async def write(self, value: Any) -> WriteFailure | None:
        if self._writer is None:
            return WriteFailure("it cannot be written", Fate.NOT_TRIED)
        async with self._turn:
            if self._writer.in_threads:
                return WriteFailure("the write before takes longer than its time and still runs", Fate.NOT_TRIED)
            called = await self._writer.call([value], timeout_s=WRITE_TIMEOUT_S)
        self._shared.forget()
        match called:
            case Returned():
                return None
            case Raised(reason, None):
                return WriteFailure(reason, Fate.REFUSED)
            case Raised(reason, cause):
                _log.error("data of the program not written", item=self._spec.id, exc_info=cause)
                return WriteFailure(reason, Fate.UNKNOWN)
            case Late():
                return WriteFailure(called.reason, Fate.UNKNOWN)
            case _:
                assert_never(called)

    async def _take(self) -> Sample | ReadFailure:
        """Waits for the function however long it takes; those who ask do not."""
        called = await self._function.call(timeout_s=None)
        match called:
            case Returned(value):
                outcome = _fitted(value, self._spec)
            case Raised() | Late():
                outcome = ReadFailure(called.reason)
            case _:
                assert_never(called)
        self._note(outcome, called.cause if isinstance(called, Raised) else None)
        return outcome

    def _overdue(self) -> ReadFailure:
        failure = ReadFailure(TOO_SLOW)
        self._note(failure, None)
        return failure

    def _note(self, outcome: Sample | ReadFailure, cause: Exception | None) -> None:
        """Log when it begins to fail and when that ends."""
        failure = outcome.reason if isinstance(outcome, ReadFailure) else None
        if failure is not None and self._failure is None:
            _log.warning("data of the program failed", item=self._spec.id, reason=failure, exc_info=cause)
        elif failure is None and self._failure is not None:
            _log.info("data of the program answers again", item=self._spec.id)
        self._failure = failure


def _fitted(value: Any, spec: DataSpec) -> Sample | ReadFailure:
    try:
        return Sample(plain(value, spec.type), time.time_ns())
    except MisfitError as error:
        return ReadFailure(f"what the function returned does not fit: {error}")


_: type[DataItem] = FunctionReading
__: type[WritableItem] = FunctionReading
___: type[PreparedItem] = FunctionReading
