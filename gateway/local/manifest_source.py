"""What the manifest declares, as a source: nothing of it changes while the gateway runs."""

from collections.abc import Mapping

from gateway.local.answers import EntityRef
from gateway.local.bindings import FileData, HeldData, Resources
from gateway.local.data_items import DataItem, FileItem, HeldItem
from gateway.local.logs.bound import bound_log
from gateway.local.logs.kept import Numbers, log_numbers
from gateway.local.manifest.load import LoadedManifest
from gateway.local.shared_read import Clock
from gateway.local.source import Changed, EntityResources, Offer, Source


class ManifestSource:
    """The declared entities and what their resources are bound to."""

    def __init__(self, manifest: LoadedManifest, clock: Clock, numbers: Numbers | None = None) -> None:
        """`numbers`: of log entries, the same for all sources; its own if there is no other source."""
        numbers = numbers or log_numbers(clock)
        resources: Mapping[EntityRef, EntityResources] = {
            ref: _bound(declared, clock, numbers) for ref, declared in manifest.resources.items()
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
        """There is nothing to let go of."""


def _bound(declared: Resources, clock: Clock, numbers: Numbers) -> EntityResources:
    return EntityResources(
        data={binding.spec.id: _item(binding, clock) for binding in declared.data},
        configurations=declared.configurations,
        faults=declared.faults,
        logs=tuple(bound_log(binding, clock, numbers) for binding in declared.logs),
    )


def _item(binding: HeldData | FileData, clock: Clock) -> DataItem:
    match binding:
        case HeldData():
            return HeldItem(binding, clock)
        case FileData():
            return FileItem(binding, clock)


_: type[Source] = ManifestSource
