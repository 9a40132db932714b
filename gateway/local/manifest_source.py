"""What the manifest declares, as a source: its tree changes when the manifest is read again."""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, TypeVar

from gateway.local.answers import EntityRef
from gateway.local.bindings import BoundData, Configuration, DataBinding, HeldData, Resources
from gateway.local.bound_item import Binder
from gateway.local.data_items import DataItem, HeldItem
from gateway.local.logs.bound import bound_log
from gateway.local.logs.kept import Numbers, log_numbers
from gateway.local.manifest.load import LoadedManifest
from gateway.local.operation_workers import OperationWorkers
from gateway.local.shared_read import Clock
from gateway.local.source import Changed, EntityResources, Offer, Source

T = TypeVar("T")


class _Made:
    """What was made of each declaration; the same one in the same place as before is made once."""

    def __init__(self, before: "_Made | None") -> None:
        """`before`: what was made of the manifest before."""
        self._before: Mapping[Hashable, tuple[Any, Any]] = {} if before is None else before.known
        # Mutable: by place, the declaration and what was made of it.
        self.known: dict[Hashable, tuple[Any, Any]] = {}

    def of(self, place: Hashable, declared: Any, make: Callable[[], T]) -> T:
        """What is made of the declaration in this place."""
        before, found = self._before.get(place, (None, None))
        made: T = found if _same(before, declared) else make()
        self.known[place] = (declared, made)
        return made

    def settle(self) -> None:
        """All is made: what was made before, and is not any more, may go."""
        self._before = {}


def _same(before: object, declared: object) -> bool:
    """Whether both declare the same; 1, 1.0 and true are equal, and are not."""
    return before == declared and repr(before) == repr(declared)


class ManifestSource:
    """The declared entities and what their resources are bound to."""

    def __init__(self, manifest: LoadedManifest, clock: Clock, numbers: Numbers | None = None) -> None:
        """`numbers`: of log entries, the same for all sources; its own if there is no other source."""
        self._clock = clock
        self._numbers = numbers or log_numbers(clock)
        self._binder = Binder(clock)
        self._workers = OperationWorkers()
        # Mutable: what is made of each declaration, the manifest, what is offered, and whether that is news.
        self._manifest = manifest
        self._offer, self._made = self._offer_of(manifest, _Made(None))
        self._news = asyncio.Event()

    @property
    def offer(self) -> Offer:
        return self._offer

    async def start(self) -> None:
        """There is nothing to look for."""

    async def run(self, changed: Changed) -> None:
        """Tells when another manifest took the place of the one before."""
        while True:
            await self._news.wait()
            self._news.clear()
            changed()

    async def close(self) -> None:
        """Readings, commands and requests under way are ended."""
        await self._binder.close()
        await self._workers.close()

    async def replace(self, manifest: LoadedManifest) -> bool:
        """Offer this from now on; what is declared as before stays what it was, with all that it remembers.

        Whether it declares anything else than before. One after another; of thousands of entities it takes a while,
        and is done in a thread.
        """
        found = await asyncio.to_thread(self._news_of, manifest)
        self._manifest = manifest
        if found is None:
            return False
        self._offer, self._made = found
        self._news.set()
        return True

    def _news_of(self, manifest: LoadedManifest) -> "tuple[Offer, _Made] | None":
        before = self._manifest
        if _same((before.tree, before.resources), (manifest.tree, manifest.resources)):
            return None
        return self._offer_of(manifest, _Made(self._made))

    def _offer_of(self, manifest: LoadedManifest, made: "_Made") -> "tuple[Offer, _Made]":
        resources: Mapping[EntityRef, EntityResources] = {
            ref: self._bound(declared, ref, made) for ref, declared in manifest.resources.items()
        }
        made.settle()
        return Offer(manifest.tree, resources), made

    def _bound(self, declared: Resources, ref: EntityRef, made: "_Made") -> EntityResources:
        return EntityResources(
            data={
                one.spec.id: made.of((ref, "data", one.spec.id), one, partial(self._item, one, ref))
                for one in declared.data
            },
            operations={
                one.spec.id: made.of((ref, "operation", one.spec.id), one, partial(self._workers.operation, one))
                for one in declared.operations
            },
            configurations=tuple(
                made.of((ref, "configuration", one.id), one, partial(self._configuration, one))
                for one in declared.configurations
            ),
            faults=declared.faults,
            rules=declared.rules,
            logs=tuple(
                made.of((ref, "log", number), one, partial(bound_log, one, self._clock, self._numbers))
                for number, one in enumerate(declared.logs)
            ),
        )

    def _configuration(self, declared: Configuration) -> Configuration:
        return declared if declared.target is None else self._binder.configuration(declared, declared.target)

    def _item(self, binding: DataBinding, ref: EntityRef) -> DataItem:
        match binding:
            case HeldData():
                return HeldItem(binding, self._clock)
            case BoundData():
                return self._binder.item(binding, ref)


_: type[Source] = ManifestSource
