"""The own entities of this gateway: host and manifest as one tree, and everything that can be asked of it.

This is the face the HTTP layer works with. It answers for one entity at a time and for what is its own; members,
peers and qualified ids are put together above. Nothing here survives a restart.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from entities.model import GatewayTree
from gateway.local.answers import ConfigurationList, EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import FaultStatus, FileData, HeldData, Severity
from gateway.local.configuration_store import ConfigurationStore
from gateway.local.data_items import DataItem, FileItem, HeldItem
from gateway.local.data_store import DataStore
from gateway.local.fault_store import FaultStore
from gateway.local.host import HostSource
from gateway.local.log_store import LogStore
from gateway.local.machine import Machine, PsutilMachine
from gateway.local.manifest.load import LoadedManifest
from gateway.local.own_tree import fault_sources, merge_own
from gateway.local.shared_read import Clock


class OwnEntities:
    """Composes the sources that are on. Building it does no I/O; `start` looks at the machine once.

    `clock` gives ns since 1970 and is also called from threads. Errors are values, nothing here raises for a
    client's mistake. All methods belong on one event loop.
    """

    def __init__(
        self,
        *,
        host: bool,
        manifest: LoadedManifest | None,
        host_name: str,
        clock: Clock,
        machine: Machine | None = None,
    ) -> None:
        self._clock = clock
        machine = machine or PsutilMachine(lambda: clock() / 1_000_000_000)
        self._host = HostSource(host_name, machine, clock) if host else None
        self._declared = manifest.tree if manifest else GatewayTree()
        self._resources = manifest.resources if manifest else {}
        self._held = {
            ref: {binding.spec.id: _item(binding, clock) for binding in resources.data}
            for ref, resources in self._resources.items()
        }
        # Mutable: the tree (sensors found by `start`), who wants to know, and the stores.
        self._subscribers: list[Callable[[], None]] = []
        self.tree = self._merge()
        self._data = DataStore(self._data_items(), clock)
        self._configurations = ConfigurationStore(
            {ref: resources.configurations for ref, resources in self._resources.items()},
            nodes={app.id: app.node for app in self.tree.apps if app.node and not app.external},
        )
        self._faults = FaultStore(
            {ref: resources.faults for ref, resources in self._resources.items()},
            sources=self.fault_sources,
            clock=clock,
            changed=self._changed,
        )
        self._logs = LogStore()

    async def start(self) -> None:
        """Find the sensors that only looking can find; the tree changes if there are any."""
        if self._host is not None and await self._host.discover():
            self.tree = self._merge()
            self._data = DataStore(self._data_items(), self._clock)
            self._changed()

    async def close(self) -> None:
        """Forget the subscribers. Readings that still run end by themselves and keep nothing alive."""
        self._subscribers.clear()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called, on the event loop, whenever the tree or a fault changed."""
        self._subscribers.append(callback)

    async def data_items(self, ref: EntityRef) -> list[dict[str, Any]]:
        """Items {id, name, category, data_type, writable, unit?, value?, x-medkit: {type, access, direction,
        error?}}; never fails as a whole. Host items carry their value, file items are not read for a list.
        """
        return await self._data.items(ref)

    async def data_item(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """{id, data, value, unit?, x-medkit: {entity_id, timestamp, status, ...}}; 404, or 503 unreadable."""
        return await self._data.item(ref, item_id)

    async def write_data(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Write {type, data} or {value}; 400 bad body or type, 403 read-only, 404 unknown."""
        return self._data.write(ref, item_id, body)

    async def configuration_items(self, ref: EntityRef) -> ConfigurationList:
        """The configurations of one entity; empty when it has none."""
        return self._configurations.items(ref)

    async def configuration(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """{id, data, x-medkit: {entity_id, source, parameter, ros2?}}; 404 unknown."""
        return self._configurations.item(ref, item_id)

    async def write_configuration(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Write {data} or {value}; answers as `configuration`. 400, 403 read-only, 404."""
        return self._configurations.write(ref, item_id, body)

    async def reset_configuration(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """Back to the default, 204; 404 unknown."""
        return self._configurations.reset(ref, item_id)

    async def reset_all_configurations(self, ref: EntityRef) -> ItemAnswer:
        """All of one entity back to their defaults, 204."""
        return self._configurations.reset_all(ref)

    def operation_items(self, ref: EntityRef) -> list[dict[str, Any]]:  # noqa: ARG002 - no source has any
        """No source offers operations."""
        return []

    def operation(self, ref: EntityRef, operation_id: str) -> ResourceError:
        """The answer for one operation, its executions and each of them: 404 operation-not-found."""
        parameters = {"entity_id": ref.id, "operation_id": operation_id}
        return ResourceError(404, "operation-not-found", "Operation not found", parameters)

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

    def log_items(
        self,
        ref: EntityRef,  # noqa: ARG002 - every log is empty until a source writes one
        severity: str | None,
        context: str | None,
    ) -> list[dict[str, Any]] | ResourceError:
        """The log of one entity from `severity` on; 400 for a bad query."""
        return self._logs.items(severity, context)

    def log_configuration(self, ref: EntityRef) -> ItemAnswer:
        """{severity_filter, max_entries}."""
        return self._logs.configuration(ref)

    def write_log_configuration(self, ref: EntityRef, body: Any) -> ItemAnswer | ResourceError:
        """Change any of the two, 204; 400 when one is not allowed."""
        return self._logs.write_configuration(ref, body)

    def _merge(self) -> GatewayTree:
        return merge_own(self._host.component if self._host else None, self._declared)

    def _data_items(self) -> Mapping[EntityRef, Mapping[str, DataItem]]:
        """The items of both sources; of two with one id the manifest's counts, and stands first."""
        items: dict[EntityRef, dict[str, DataItem]] = {ref: dict(held) for ref, held in self._held.items()}
        if self._host is not None:
            of_host = items.setdefault(self._host.ref, {})
            for item_id, item in self._host.items.items():
                of_host.setdefault(item_id, item)
        return items

    def _changed(self) -> None:
        for subscriber in self._subscribers:
            subscriber()


def _item(binding: HeldData | FileData, clock: Clock) -> DataItem:
    match binding:
        case HeldData():
            return HeldItem(binding, clock)
        case FileData():
            return FileItem(binding, clock)
