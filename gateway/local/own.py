"""The own entities of this gateway: all sources as one tree, and everything that can be asked of it.

This is the face the HTTP layer works with. It answers for one entity at a time and for what is its own; members,
peers and qualified ids are put together above. Configuration values survive a restart where there is a storage.
"""

import asyncio
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gateway.local.answers import ConfigurationList, EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import FaultStatus, Severity
from gateway.local.configuration_rows import ALL_ROWS
from gateway.local.configuration_store import ConfigurationStore, ResetReport
from gateway.local.data_store import DataStore
from gateway.local.fault_store import FaultStore
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
    `operations`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        clock: Clock,
        storage: Storage | None = None,
        new_execution_id: Callable[[], str] = _new_execution_id,
    ) -> None:
        self._sources = tuple(sources)
        self._clock = clock
        self.storage = storage
        """Where values are kept; None: nowhere."""
        keep = keep_nothing if storage is None else storage.keep
        # Mutable: what the sources offer together, who wants to know, and the stores.
        self._subscribers: list[Callable[[], None]] = []
        self._configurations = ConfigurationStore(clock=clock, keep=keep)
        self.operations = OperationStore(clock, new_execution_id)
        self._logs = LogStore(clock)
        self._take_offers()
        self._faults = FaultStore(
            {ref: resources.faults for ref, resources in self._resources.items()},
            sources=self.fault_sources,
            clock=clock,
            changed=self._changed,
        )

    async def start(self) -> None:
        """The first look of every source; whoever subscribed is told if one found something."""
        before = [source.offer for source in self._sources]
        await asyncio.gather(*(source.start() for source in self._sources))
        if any(source.offer is not offer for source, offer in zip(self._sources, before, strict=True)):
            self._offers_changed()
        if self.storage is not None:
            self.storage.opened = self._restore
            await self.storage.open()

    async def run(self) -> None:
        """Keeps what is offered true, executions running and values stored, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.operations.run(), name="executions")
            group.create_task(self._configurations.run(), name="put stored configurations into effect")
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
        """Have `callback` called, on the event loop, whenever the tree or a fault changed."""
        self._subscribers.append(callback)

    async def data_items(self, ref: EntityRef) -> list[dict[str, Any]]:
        """Items {id, name, category, data_type, writable, unit?, value?, x-medkit: {type, access, direction, min?,
        max?, timestamp?, out_of_range?, error?}}; never fails as a whole, and waits for no slow item.
        """
        return await self._data.items(ref)

    async def data_item(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """{id, data, value, unit?, x-medkit: {entity_id, timestamp, status, ...}}; 404, or 503 unreadable."""
        return await self._data.item(ref, item_id)

    async def write_data(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Write {type, data} or {value}; 400 bad body, type or range, 403 read-only, 404 unknown, 502 to 504 failed."""
        return await self._data.write(ref, item_id, body)

    async def configuration_items(self, ref: EntityRef) -> ConfigurationList:
        """The configurations of one entity; empty when it has none."""
        return self._configurations.items(ref)

    async def configuration(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """{id, data, value, x-medkit: {entity_id, source, parameter, ros2?}}; 404 unknown."""
        return self._configurations.item(ref, item_id)

    async def write_configuration(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Write {data} or {value}; answers as `configuration` when it is stored. 400, 403 read-only, 404, 409, 503."""
        return await self._configurations.write(ref, item_id, body)

    async def reset_configuration(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """Back to the default, 204 when that is stored; 404 unknown, 409, 503."""
        return await self._configurations.reset(ref, item_id)

    async def reset_all_configurations(self, ref: EntityRef) -> ResetReport:
        """All of one entity back to their defaults; says which could not be."""
        return await self._configurations.reset_all(ref)

    def fault_sources(self, ref: EntityRef) -> list[str]:
        """Under which names the entity itself reports faults; empty for those that report none."""
        return fault_sources(self.tree, ref)

    def fault_items(self, ref: EntityRef | None, statuses: Collection[str]) -> list[dict[str, Any]]:
        """List items of one entity, or of all own entities; `statuses` from `parse_status_filter`."""
        return self._faults.items(ref, statuses)

    def fault_detail(self, ref: EntityRef, code: str) -> ItemAnswer | ResourceError:
        """{item, environment_data, x-medkit}; 404 unknown."""
        return self._faults.detail(ref, code)

    def clear_fault(self, ref: EntityRef, code: str) -> ItemAnswer | ResourceError:
        """Acknowledge one fault, 204; 404 unknown."""
        return self._faults.clear(ref, code)

    def clear_faults(self, ref: EntityRef | None, statuses: Collection[str]) -> ItemAnswer:
        """Acknowledge the faults of one entity, or all own ones, that are in `statuses`; 204."""
        return self._faults.clear_all(ref, statuses)

    def raise_fault(
        self,
        ref: EntityRef,
        code: str,
        *,
        severity: Severity | None = None,
        description: str | None = None,
        status: FaultStatus = FaultStatus.CONFIRMED,
    ) -> ResourceError | None:
        """Count one more occurrence of a fault, known or new; 400 when the entity reports no faults."""
        return self._faults.raise_fault(ref, code, severity=severity, description=description, status=status)

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

    async def _restore(self) -> None:
        """Takes up what the storage has; called whenever its file was opened."""
        rows = StorageFailure("") if self.storage is None else await self.storage.read(ALL_ROWS)
        if not isinstance(rows, StorageFailure):
            self._configurations.restore(rows)

    def _take_offers(self) -> None:
        """The tree and the stores of what the sources offer now."""
        offers = [source.offer for source in self._sources]
        self._resources = _merged(offers)
        operations = {ref: resources.operations for ref, resources in self._resources.items()}
        self.tree = list_operations(merge_own([offer.tree for offer in offers]), operations)
        controls = {ref: resources.control for ref, resources in self._resources.items() if resources.control}
        self.operations.declare(operations, controls)
        self._data = DataStore({ref: resources.data for ref, resources in self._resources.items()}, self._clock)
        self._configurations.declare(
            {ref: resources.configurations for ref, resources in self._resources.items()},
            {app.id: app.node for app in self.tree.apps if app.node and not app.external},
        )

        self._logs.declare({ref: resources.logs for ref, resources in self._resources.items()})

    def _offers_changed(self) -> None:
        self._take_offers()
        self._changed()

    def _changed(self) -> None:
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
    reported = {fault.code for fault in first.faults}
    return EntityResources(
        data=overlay(first.data, second.data),
        operations=overlay(first.operations, second.operations),
        configurations=(*first.configurations, *(one for one in second.configurations if one.id not in configured)),
        faults=(*first.faults, *(one for one in second.faults if one.code not in reported)),
        logs=(*first.logs, *second.logs),
        control=first.control or second.control,
    )
