"""The own entities of this gateway: all sources as one tree, and everything that can be asked of it.

This is the face the HTTP layer works with. It answers for one entity at a time and for what is its own; members,
peers and qualified ids are put together above. Configuration values and faults survive a restart where there is a
storage.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from entities.model import EntityKind
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.configuration_rows import ALL_ROWS
from gateway.local.configuration_store import ConfigurationStore
from gateway.local.data_items import DataItem
from gateway.local.data_store import DataStore
from gateway.local.fault_rows import ALL_FAULTS, ALL_SNAPSHOTS
from gateway.local.fault_snapshots import Snapshots
from gateway.local.fault_store import FaultStore
from gateway.local.fault_watch import FaultWatch
from gateway.local.log_store import LogConfiguration, LogQuery, LogStore
from gateway.local.logs.entry import LogReading
from gateway.local.operation_store import OperationStore
from gateway.local.own_tree import fault_sources, list_operations, merge_own
from gateway.local.shared_read import Clock
from gateway.local.source import EntityResources, Offer, Source, overlay
from gateway.local.storage import Storage, StorageFailure, keep_nothing


def _new_execution_id() -> str:
    return uuid.uuid4().hex


class OwnEntities:
    """Composes the sources that are on; of two that offer one item the earlier counts.

    Making it does no I/O. `clock` gives ns since 1970 and is also called from threads. Errors are values, nothing
    here raises for a client's mistake. All methods belong on one event loop. What is asked of operations is asked of
    `operations`, and so of `configurations` and `faults`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        clock: Clock,
        storage: Storage | None = None,
        new_execution_id: Callable[[], str] = _new_execution_id,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock_s` gives seconds and never jumps; by it fault rules are looked at."""
        self._sources = tuple(sources)
        self._clock = clock
        self.storage = storage
        """Where values are kept; None: nowhere."""
        keep = keep_nothing if storage is None else storage.keep
        # Mutable: what the sources offer together, who wants to know, and the stores.
        self._subscribers: list[Callable[[], None]] = []
        self.configurations = ConfigurationStore(clock=clock, keep=keep, awaits_storage=storage is not None)
        self.operations = OperationStore(clock, new_execution_id)
        self._snapshots = Snapshots(self._find_item, clock)
        self.faults = FaultStore(
            sources=self.fault_sources,
            snapshots=self._snapshots,
            clock=clock,
            keep=keep,
            awaits_storage=storage is not None,
        )
        self._watch = FaultWatch(self.faults, self._find_item, clock_s)
        self._logs = LogStore(clock)
        self._take_offers()

    async def start(self) -> None:
        """The first look of every source; whoever subscribed is told if one found something."""
        before = [source.offer for source in self._sources]
        await asyncio.gather(*(source.start() for source in self._sources))
        if any(source.offer is not offer for source, offer in zip(self._sources, before, strict=True)):
            self._offers_changed()
        if self.storage is not None:
            self.storage.opened = partial(self._restore, self.storage)
            self.storage.recovered = self.faults.book.save_again
            await self.storage.open()

    async def run(self) -> None:
        """Keeps what is offered true, executions running and values stored, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.operations.run(), name="executions")
            group.create_task(self.configurations.run(), name="put stored configurations into effect")
            group.create_task(self._snapshots.run(), name="snapshots of faults")
            group.create_task(self._watch.run(), name="fault rules")
            if self.storage is not None:
                group.create_task(self.storage.run(), name="store")
            for source in self._sources:
                group.create_task(source.run(self._offers_changed), name=f"own entities of {type(source).__name__}")

    async def close(self) -> None:
        """Forget the subscribers and let go of the sources; called once, after `run` has ended."""
        self._subscribers.clear()
        for source in self._sources:
            await source.close()
        if self.storage is not None:
            await self.storage.close()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called, on the event loop, whenever the tree changed."""
        self._subscribers.append(callback)

    async def prepare_data(self, refs: Sequence[EntityRef]) -> None:
        """The data of all these will be listed one after the other: what is slow is begun now."""
        await self._data.prepare(refs)

    async def data_items(self, ref: EntityRef) -> list[dict[str, Any]]:
        """Items {id, name, category, data_type, writable, unit?, value?, x-medkit: {type, access, direction, min?,
        max?, timestamp?, out_of_range?, error?}}; never fails as a whole, and waits for no slow item.
        """
        return await self._data.items(ref)

    def data_names(self, ref: EntityRef) -> list[dict[str, Any]]:
        """{id, name} of each data item; nothing is read."""
        return self._data.names(ref)

    async def data_item(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """{id, data, value, unit?, x-medkit: {entity_id, timestamp, status, ...}}; 404, or 503 unreadable."""
        return await self._data.item(ref, item_id)

    async def write_data(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Write {type, data} or {value}; 400 bad body, type or range, 403 read-only, 404 unknown, 502 to 504 failed."""
        return await self._data.write(ref, item_id, body)

    def fault_sources(self, ref: EntityRef) -> list[str]:
        """Under which names the entity itself reports faults; empty for those that report none."""
        return fault_sources(self.tree, ref)

    def transitions(self, ref: EntityRef) -> tuple[str, ...]:
        """What one entity may be asked to do: `start`, `restart`, `shutdown` ..."""
        return self.operations.transitions(ref)

    async def change_status(self, ref: EntityRef, word: str) -> ItemAnswer | ResourceError | None:
        """Ask one entity to do that, 202; 403 not allowed, 501 not offered, None if there is no such word."""
        return await self.operations.change_status(ref, word)

    async def read_log(self, ref: EntityRef, query: LogQuery) -> LogReading:
        """The log entries of one entity, and which of its logs cannot be read; `query` from `parse_log_query`."""
        return await self._logs.read(ref, query)

    def log_limits(self, ref: EntityRef) -> LogConfiguration:
        """What of the log of one entity is shown."""
        return self._logs.limits(ref)

    def log_configuration(self, ref: EntityRef) -> ItemAnswer:
        """{severity_filter, max_entries}."""
        return self._logs.configuration(ref)

    def write_log_configuration(self, ref: EntityRef, body: Any) -> ItemAnswer | ResourceError:
        """Change any of the two, 204; 400 when one is not allowed."""
        return self._logs.write_configuration(ref, body)

    async def _restore(self, storage: Storage) -> StorageFailure | None:
        """Takes up what the storage has, all or nothing; called whenever its file was opened."""
        values = await storage.read(ALL_ROWS)
        faults, snapshots = await storage.read(ALL_FAULTS), await storage.read(ALL_SNAPSHOTS)
        if isinstance(values, StorageFailure):
            return values
        if isinstance(faults, StorageFailure):
            return faults
        if isinstance(snapshots, StorageFailure):
            return snapshots
        self.configurations.restore(values)
        self.faults.book.restore(faults, snapshots)
        return None

    def _find_item(self, ref: EntityRef, name: str) -> DataItem | None:
        """The data item of an entity, or `<entity>:<item>` of another own one."""
        found = self._data.find(ref, name)
        other, colon, item = name.partition(":")
        if found is not None or not colon:
            return found
        kinds = (EntityKind.APP, EntityKind.COMPONENT)
        return next((there for kind in kinds if (there := self._data.find(EntityRef(kind, other), item))), None)

    def _take_offers(self) -> None:
        """The tree and the stores of what the sources offer now."""
        offers = [source.offer for source in self._sources]
        self._resources = _merged(offers)
        operations = {ref: resources.operations for ref, resources in self._resources.items()}
        self.tree = list_operations(merge_own([offer.tree for offer in offers]), operations)
        controls = {ref: resources.control for ref, resources in self._resources.items() if resources.control}
        self.operations.declare(operations, controls)
        self._data = DataStore({ref: resources.data for ref, resources in self._resources.items()}, self._clock)
        self.configurations.declare(
            {ref: resources.configurations for ref, resources in self._resources.items()},
            {app.id: app.node for app in self.tree.apps if app.node and not app.external},
        )

        self._logs.declare({ref: resources.logs for ref, resources in self._resources.items()})
        self.faults.declare(
            {ref: resources.faults for ref, resources in self._resources.items()},
            {
                ref: (*resources.fault_specs, *(rule.fault for rule in resources.rules))
                for ref, resources in self._resources.items()
            },
        )
        self._watch.declare({ref: resources.rules for ref, resources in self._resources.items()})

    def _offers_changed(self) -> None:
        self._take_offers()
        for subscriber in self._subscribers:
            subscriber()


def _merged(offers: Sequence[Offer]) -> Mapping[EntityRef, EntityResources]:
    """The resources of all sources; of two with one id the earlier source's counts, and stands first."""
    merged: dict[EntityRef, EntityResources] = {}
    for offer in offers:
        for ref, found in offer.resources.items():
            merged[ref] = _combined(merged[ref], found) if ref in merged else found
    return merged


def _combined(first: EntityResources, second: EntityResources) -> EntityResources:
    configured = {item.id for item in first.configurations}
    reported = {fault.spec.code for fault in first.faults}
    ruled = {rule.fault.code for rule in first.rules}
    return EntityResources(
        data=overlay(first.data, second.data),
        operations=overlay(first.operations, second.operations),
        configurations=(*first.configurations, *(one for one in second.configurations if one.id not in configured)),
        faults=(*first.faults, *(one for one in second.faults if one.spec.code not in reported)),
        fault_specs=(*second.fault_specs, *first.fault_specs),  # of one code the last counts
        rules=(*first.rules, *(one for one in second.rules if one.fault.code not in ruled)),
        logs=(*first.logs, *second.logs),
        control=first.control or second.control,
    )
