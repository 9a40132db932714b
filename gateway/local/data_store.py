"""The data items of all own entities: listed, read and written (docs/api.md, "Data")."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeGuard, assert_never

from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import DataSpec
from gateway.local.data_answers import (
    described_item,
    list_item,
    misfit,
    parse_body,
    read_item,
    read_only,
    unknown,
    unreadable,
    unwritten,
    written_item,
)
from gateway.local.data_items import DataItem, PreparedItem, ReadFailure, Sample, WritableItem
from gateway.local.shared_read import Clock
from gateway.local.values import MisfitError, check_size, conform

LIST_SLICE: Final = 8
"""Items of a list that are put together at once, before the loop may do something else."""

PREPARE_SLICE: Final = 4
"""Readings that are begun at once: to start a thread takes a millisecond on a busy machine."""

Items = Mapping[str, DataItem]


def _is_prepared(item: DataItem) -> TypeGuard[PreparedItem]:
    return _prepares(type(item))


@lru_cache(maxsize=64)
def _prepares(kind: type[DataItem]) -> bool:
    """Once for each class of items: to look at a protocol takes long, and there may be thousands of items."""
    return issubclass(kind, PreparedItem)


class DataStore:
    """Data items by entity and id. The values are the items' own; an unknown entity has none.

    One item is also found by its name, and without a leading slash: the web UI asks so.
    """

    def __init__(self, items: Mapping[EntityRef, Items], clock: Clock) -> None:
        self._items = items
        self._clock = clock
        self._prepared = {
            ref: [item for item in of_entity.values() if _is_prepared(item)] for ref, of_entity in items.items()
        }
        # Mutable: the items of an entity by what they are found by, and as they are described; made when it is first
        # asked for, as there may be thousands of entities, all at once.
        self._words: dict[EntityRef, Items] = {}
        self._described: dict[EntityRef, list[tuple[DataItem, dict[str, Any]]]] = {}

    async def items(self, ref: EntityRef) -> list[dict[str, Any]]:
        """The list; an item that fails or is slow shows just that, the others are not touched by it."""
        await self.prepare([ref])
        items: list[dict[str, Any]] = []
        every = self._described_of(ref)
        for start in range(0, len(every), LIST_SLICE):
            for item, described in every[start : start + LIST_SLICE]:
                items.append(list_item(described, item.spec, await item.listed()))
            await asyncio.sleep(0)
        return items

    async def prepare(self, refs: Sequence[EntityRef]) -> None:
        """Begin the readings that the lists of all these will want, so that they wait for the slow ones together."""
        every = [item for ref in refs for item in self._prepared.get(ref, ())]
        for start in range(0, len(every), PREPARE_SLICE):
            for item in every[start : start + PREPARE_SLICE]:
                item.prepare()
            await asyncio.sleep(0)

    async def item(self, ref: EntityRef, item_id: str) -> ItemAnswer | ResourceError:
        """One item with its value now. 404 unknown, 503 when it cannot be read."""
        item = self.find(ref, item_id)
        if item is None:
            return unknown(ref, item_id)
        reading = await item.read()
        match reading:
            case ReadFailure():
                return unreadable(ref, item.spec, reading)
            case Sample():
                return ItemAnswer(200, read_item(ref, item_id, item.spec, reading))
            case None:
                return ItemAnswer(200, read_item(ref, item_id, item.spec, Sample({}, self._clock()), "metadata_only"))
            case _:
                assert_never(reading)

    async def write(self, ref: EntityRef, item_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Have a value written. 400 bad body, type or range, 403 read-only, 404 unknown, 502 to 504 when it fails."""
        written = parse_body(body)
        if isinstance(written, ResourceError):
            return written
        item = self.find(ref, item_id)
        if item is None:
            return unknown(ref, item_id)
        if not isinstance(item, WritableItem) or not item.spec.writable:
            return read_only(ref, item.spec)
        value = _fitting(ref, item.spec, written["data"])
        if isinstance(value, ResourceError):
            return value
        failure = await item.write(value)
        if failure is not None:
            return unwritten(ref, item.spec, failure)
        return ItemAnswer(200, written_item(ref, item_id, value))

    def names(self, ref: EntityRef) -> list[dict[str, Any]]:
        """{id, name} of each item; nothing is read."""
        return [{"id": item.spec.id, "name": item.spec.name} for item in self._items.get(ref, {}).values()]

    def find(self, ref: EntityRef, word: str) -> DataItem | None:
        """The item that is meant by an id or a name."""
        of_entity = self._items.get(ref)
        if of_entity is None:
            return None
        if word in of_entity:
            return of_entity[word]
        if ref not in self._words:
            self._words[ref] = _words(of_entity)
        return self._words[ref].get(word.lstrip("/"))

    def _described_of(self, ref: EntityRef) -> list[tuple[DataItem, dict[str, Any]]]:
        if ref not in self._items:
            return []
        if ref not in self._described:
            self._described[ref] = [(item, described_item(item.spec)) for item in self._items[ref].values()]
        return self._described[ref]


def _fitting(ref: EntityRef, spec: DataSpec, found: Any) -> Any:
    """The value to write, or why it is none for this item."""
    try:
        check_size(found)
        value = conform(found, spec.type)
        spec.range.check(value)
    except MisfitError as error:
        return misfit(ref, spec, error)
    return value


def _words(items: Items) -> Items:
    """The items by id and name, both without a leading slash; an id goes before a name."""
    words: dict[str, DataItem] = {}
    for item_id, item in items.items():
        words.setdefault(item_id.lstrip("/"), item)
    for item in items.values():
        words.setdefault(item.spec.name.lstrip("/"), item)
    return words
