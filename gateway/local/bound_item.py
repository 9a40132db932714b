"""A data item whose value is somewhere else: read once for all who ask, written by one at a time."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from gateway.local.answers import EntityRef
from gateway.local.bindings import READ_TIMEOUT_S, WRITE_TIMEOUT_S, BoundData, Configuration, DataSpec, Refusal
from gateway.local.command import Commands
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
from gateway.local.origins import Target
from gateway.local.shared_read import Clock, SharedFlight
from gateway.local.value_readers import ValueReader, value_reader
from gateway.local.value_writers import EncodingWriter, ValueWriter, value_writer
from gateway.local.web_call import WebCaller

_log = structlog.get_logger(__name__)


class BoundItem:
    """One data item of the entity `ref`; its readings belong to `flights`. One younger than `refresh_s` is given again,
    nobody waits for one, or for a turn to write, longer than its timeout.
    """

    def __init__(
        self,
        spec: DataSpec,
        ref: EntityRef,
        *,
        reader: ValueReader,
        writer: ValueWriter | None = None,
        flights: Flights,
        clock: Clock,
        refresh_s: float = 0.0,
        read_timeout_s: float = READ_TIMEOUT_S,
        write_timeout_s: float = WRITE_TIMEOUT_S,
    ) -> None:
        self._ref = ref
        self._reader = reader
        self._clock = clock
        self._list_wait_s = min(LIST_WAIT_S, read_timeout_s)
        self._write_timeout_s = write_timeout_s
        name = f"reading {ref.id}/{spec.id}"
        # Mutable: who writes, and what may be; the reading under way and the last one, whose turn it is to write, and
        # how the last reading failed.
        self._spec, self._writer = spec, writer
        self._shared: SharedFlight[Sample | ReadFailure] = SharedFlight(
            lambda: flights.begin(self._take, name),
            clock=clock,
            fresh_for_ns=round(refresh_s * 1e9),
            timeout_s=read_timeout_s,
        )
        self._turn = asyncio.Lock()
        self._failure: ReadFailure | None = None

    @property
    def spec(self) -> DataSpec:
        return self._spec

    def write_with(self, writer: ValueWriter, spec: DataSpec) -> None:
        """Have values written by `writer` from now on; `spec` says what may be."""
        self._spec, self._writer = spec, writer

    async def read(self) -> Reading:
        return await self._shared.get() or self._overdue()

    def prepare(self) -> None:
        self._shared.prepare()

    async def listed(self) -> Reading:
        outcome = await self._shared.glance(self._list_wait_s)
        if outcome is None and self._shared.overdue:
            return self._overdue()
        return outcome or self._shared.latest

    async def write(self, value: Any) -> WriteFailure | None:
        if self._writer is None:
            return WriteFailure("it cannot be written", Fate.NOT_TRIED)
        try:
            async with asyncio.timeout(self._write_timeout_s):
                await self._turn.acquire()
        except TimeoutError:
            return WriteFailure("other writes of it are under way", Fate.NOT_TRIED)
        try:
            failure = await self._writer.put(value)
        finally:
            self._turn.release()
            self._shared.forget()
        if failure is not None and failure.fate is not Fate.DECLINED:
            self._tell("data item not written", failure)
        return failure

    def _overdue(self) -> ReadFailure:
        """The reading takes too long; the cause, once it was found, is told instead."""
        if self._failure is None:
            self._note(ReadFailure(TOO_SLOW))
        return self._failure or ReadFailure(TOO_SLOW)

    async def _take(self) -> Sample | ReadFailure:
        try:
            found = await self._reader.take()
        except Exception as error:  # noqa: BLE001 -- a mistake of ours in one item must not take others with it
            found = ReadFailure(f"it cannot be read: {type(error).__name__}", repr(error))
        outcome = found if isinstance(found, ReadFailure) else Sample(found.value, self._clock())
        self._note(outcome if isinstance(outcome, ReadFailure) else None)
        return outcome

    def _note(self, failure: ReadFailure | None) -> None:
        """Remember the failure; log when it begins, changes and ends."""
        if failure == self._failure:
            return
        self._failure = failure
        if failure is None:
            _log.info("data item readable again", entity=self._ref.id, item=self.spec.id)
        else:
            self._tell("data item unreadable", failure)

    def _tell(self, event: str, failure: ReadFailure | WriteFailure) -> None:
        more = {"detail": failure.detail} if failure.detail else {}
        trace = {} if failure.cause is None else {"exc_info": failure.cause}
        _log.warning(event, entity=self._ref.id, item=self.spec.id, reason=failure.reason, **more, **trace)


class Binder:
    """Makes bound data items, and owns what they share: commands, connections, readings under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._commands = Commands()
        self._web = WebCaller()
        self._flights = Flights()

    def item(self, binding: BoundData, ref: EntityRef) -> BoundItem:
        """The data item of one binding."""
        reader = value_reader(binding.origin, binding.decoding, self._commands, self._web, binding.read_timeout_s)
        writer: ValueWriter | None = None
        if binding.target is not None:
            writer = value_writer(binding.target, self._commands, self._web, binding.write_timeout_s)
            writer = EncodingWriter(writer, binding.decoding)
        return BoundItem(
            binding.spec,
            ref,
            reader=reader,
            writer=writer,
            flights=self._flights,
            clock=self._clock,
            refresh_s=binding.refresh_s,
            read_timeout_s=binding.read_timeout_s,
            write_timeout_s=binding.write_timeout_s,
        )

    def configuration(self, declared: Configuration, target: Target) -> Configuration:
        """The configuration, whose values go to `target` before they count."""
        writer = value_writer(target, self._commands, self._web, declared.apply_timeout_s)
        patience_s = declared.apply_timeout_s + 1.0  # the writer itself says best what took too long
        return replace(declared, apply=partial(_apply, writer), apply_timeout_s=patience_s)

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()
        await self._web.close()


async def _apply(writer: ValueWriter, value: Any) -> Refusal | None:
    failure = await writer.put(value)
    if failure is None:
        return None
    return Refusal(failure.reason, failed=failure.fate in (Fate.NOT_TRIED, Fate.UNKNOWN))


_: type[DataItem] = BoundItem
__: type[WritableItem] = BoundItem
___: type[PreparedItem] = BoundItem
