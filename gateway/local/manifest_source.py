"""What the manifest declares, as a source: its tree does not change while the gateway runs."""

from collections.abc import Mapping

from gateway.local.answers import EntityRef
from gateway.local.bindings import BoundData, DataBinding, HeldData, Resources
from gateway.local.bound_item import Binder
from gateway.local.data_items import DataItem, HeldItem
from gateway.local.logs.bound import bound_log
from gateway.local.logs.kept import Numbers, log_numbers
from gateway.local.manifest.load import LoadedManifest
from gateway.local.operation_workers import OperationWorkers
from gateway.local.shared_read import Clock
from gateway.local.source import Changed, EntityResources, Offer, Source


class ManifestSource:
    """The declared entities and what their resources are bound to."""

    def __init__(self, manifest: LoadedManifest, clock: Clock, numbers: Numbers | None = None) -> None:
        """`numbers`: of log entries, the same for all sources; its own if there is no other source."""
        self._clock = clock
        self._numbers = numbers or log_numbers(clock)
        self._binder = Binder(clock)
        self._workers = OperationWorkers()
        resources: Mapping[EntityRef, EntityResources] = {
            ref: self._bound(declared, ref) for ref, declared in manifest.resources.items()
        }
        self._offer = Offer(manifest.tree, resources)

    @property
    def offer(self) -> Offer:
        return self._offer

    async def start(self) -> None:
        """There is nothing to look for."""

    async def run(self, changed: Changed) -> None:
        """Nothing changes."""

    async def close(self) -> None:
        """Readings, commands and requests under way are ended."""
        await self._binder.close()
        await self._workers.close()

    def _bound(self, declared: Resources, ref: EntityRef) -> EntityResources:
        return EntityResources(
            data={binding.spec.id: self._item(binding, ref) for binding in declared.data},
            operations={binding.spec.id: self._workers.operation(binding) for binding in declared.operations},
            configurations=declared.configurations,
            faults=declared.faults,
            logs=tuple(bound_log(binding, self._clock, self._numbers) for binding in declared.logs),
            rules=declared.rules,
        )

    def _item(self, binding: DataBinding, ref: EntityRef) -> DataItem:
        match binding:
            case HeldData():
                return HeldItem(binding, self._clock)
            case BoundData():
                return self._binder.item(binding, ref)


_: type[Source] = ManifestSource
