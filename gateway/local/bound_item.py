"""A data item whose value is somewhere else: read once for all who ask, written by one at a time."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from gateway.local.answers import EntityRef
from gateway.local.bindings import BoundData, Configuration, DataSpec, Refusal
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
from gateway.local.value_writers import ValueWriter, value_writer
from gateway.local.values import MisfitError
from gateway.local.web_call import WebCaller

_log = structlog.get_logger(__name__)


class BoundItem:
    """One bound data item of the entity `ref`; its readings belong to `flights`."""

    def __init__(
        self,
        binding: BoundData,
        ref: EntityRef,
        *,
        reader: ValueReader,
        writer: ValueWriter | None,
        flights: Flights,
        clock: Clock,
    ) -> None:
        self._binding = binding
        self._ref = ref
        self._reader = reader
        self._writer = writer
        self._clock = clock
        name = f"reading {ref.id}/{binding.spec.id}"
        # Mutable: the reading under way and the last one, whose turn it is to write, and how the last reading failed.
        self._shared: SharedFlight[Sample | ReadFailure] = SharedFlight(
            lambda: flights.begin(self._take, name),
            clock=clock,
            fresh_for_ns=round(binding.refresh_s * 1e9),
            timeout_s=binding.read_timeout_s,
        )
        self._turn = asyncio.Lock()
        self._failure: ReadFailure | None = None

    @property
    def spec(self) -> DataSpec:
        return self._binding.spec

    async def read(self) -> Reading:
        return await self._shared.get() or self._overdue()

    def prepare(self) -> None:
        self._shared.prepare()

    async def listed(self) -> Reading:
        outcome = await self._shared.glance(min(LIST_WAIT_S, self._binding.read_timeout_s))
        if outcome is None and self._shared.overdue:
            return self._overdue()
        return outcome or self._shared.latest

    async def write(self, value: Any) -> WriteFailure | None:
        if self._writer is None:
            return WriteFailure("it cannot be written", Fate.NOT_TRIED)
        try:
            said = self._binding.decoding.encode(value)
        except MisfitError as error:
            return WriteFailure(str(error), Fate.UNFIT)
        try:
            async with asyncio.timeout(self._binding.write_timeout_s):
                await self._turn.acquire()
        except TimeoutError:
            return WriteFailure("other writes of it are under way", Fate.NOT_TRIED)
        try:
            failure = await self._writer.put(said)
        finally:
            self._turn.release()
            self._shared.forget()
        if failure is not None:
            self._tell("data item not written", failure.reason, failure.detail)
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
            self._tell("data item unreadable", failure.reason, failure.detail)

    def _tell(self, event: str, reason: str, detail: str) -> None:
        more = {"detail": detail} if detail else {}
        _log.warning(event, entity=self._ref.id, item=self.spec.id, reason=reason, **more)


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
        writer = None
        if binding.target is not None:
            writer = value_writer(binding.target, self._commands, self._web, binding.write_timeout_s)
        return BoundItem(binding, ref, reader=reader, writer=writer, flights=self._flights, clock=self._clock)

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
