"""Reads an upstream gateway: its collections, then everything nested in them, whole or not at all.

Upstream gateways read each other by these very requests, one after another; here a few are under way at once. What an
answer means is theirs too. A nested route that is not there (404) or whose member is silent (504 `not-responding`) is
left out. So is an own detail that they never ask for: that of an Area or App. A silent Component is kept from its
list. Anything else ends the reading. Source: docs/api.md, "Reading upstream gateways".
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from entities.hops import NO_FAN_OUT, VIA
from entities.jsontext import InvalidJsonError, parse_json
from entities.model import EntityKind, is_valid_id
from peers.abreast import BrokenOffError, each
from peers.client import PeerClient
from peers.errors import PeerError, PeerReason
from peers.foreign_kept import kept
from peers.request import PeerRequest
from peers.settings import THREAD_BYTES, ForeignSettings

Json = Mapping[str, Any]

_CHILDREN: Final = {EntityKind.AREA: "subareas", EntityKind.COMPONENT: "subcomponents"}


@dataclass(frozen=True, slots=True)
class ToldEntity:
    """One entity as it was told: its list item, and its detail if there was one.

    `parent`: the entity in whose sub-collection it was found. `silent`: its gateway, behind the one read, is.
    """

    kind: EntityKind
    item: Json
    detail: Json | None = None
    parent: str | None = None
    silent: bool = False
    data: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    children: tuple[Json, ...] = ()

    @property
    def id(self) -> str:
        """As the list has it; a forwarded detail has the id that the owner behind gives it."""
        return str(self.item["id"])


@dataclass(frozen=True, slots=True)
class Walked:
    """All that a gateway told, and how many entities were left out for their ids."""

    told: tuple[ToldEntity, ...]
    dropped: int


class _Absent(Enum):
    NO_ROUTE = 404
    NOT_RESPONDING = 504


async def walk(client: PeerClient, settings: ForeignSettings, *, reader: str) -> Walked | PeerError:
    """Everything the gateway lists, or why it cannot be had. `reader`: our instance id, told in `X-Medkit-Via`."""
    walker = _Walker(client, settings, reader)
    try:
        async with asyncio.timeout(settings.walk_timeout_ms / 1000):
            return await walker.run()
    except TimeoutError:
        detail = f"reading it took longer than {settings.walk_timeout_ms} ms"
        return PeerError(PeerReason.HTTP_RESPONSE_TIMEOUT, detail, settings.walk_timeout_ms)
    except BrokenOffError as broken:
        return broken.error


class _Walker:
    def __init__(self, client: PeerClient, settings: ForeignSettings, reader: str) -> None:
        self._client = client
        self._settings = settings
        self._via = (VIA, reader)
        # Mutable: counts of this reading.
        self._bytes = 0
        self._found = 0
        self._dropped = 0

    async def run(self) -> Walked:
        told: list[ToldEntity] = []
        for kind, visit in (
            (EntityKind.AREA, self._visit_area),
            (EntityKind.COMPONENT, self._visit_component),
            (EntityKind.APP, self._visit_app),
            (EntityKind.FUNCTION, self._visit_function),
        ):
            told.extend(await self._collect(kind, visit))
        return Walked(tuple(told), self._dropped)

    async def _collect(
        self, kind: EntityKind, visit: Callable[[ToldEntity], Awaitable[ToldEntity]]
    ) -> Iterable[ToldEntity]:
        """A collection and, level by level, what is nested in it; each id once."""
        found: dict[str, ToldEntity] = {}
        items = self._usable(kind, _items(await self._must(f"/{kind.value}"), f"/{kind.value}"), found)
        self._limit(len(items), self._settings.max_collection, f"{kind.title}s in one collection")
        level = [ToldEntity(kind, item) for item in items]
        while level:
            self._found += len(level)
            self._limit(self._found, self._settings.max_entities, "entities")
            visited = await each(visit, level, parallel=self._settings.parallel)
            found.update((one.id, one) for one in visited)
            level = [
                ToldEntity(kind, item, parent=one.id)
                for one in visited
                for item in self._usable(kind, one.children, found)
            ]
        return found.values()

    def _usable(self, kind: EntityKind, items: Sequence[Any], found: dict[str, ToldEntity]) -> list[Json]:
        """The items with an id that can be one and is new; noted in `found`, so that a repeated one counts once."""
        usable: list[Json] = []
        for item in items:
            own_id = item.get("id") if isinstance(item, dict) else None
            hidden = kind is EntityKind.APP and isinstance(own_id, str) and own_id.startswith("_")
            if isinstance(own_id, str) and is_valid_id(own_id) and own_id not in found and not hidden:
                usable.append(item)
                found[own_id] = ToldEntity(kind, item)
            else:
                self._dropped += 1
        return usable

    def _limit(self, count: int, most: int, what: str) -> None:
        if count > most:
            detail = f"{count} {what} found, at most {most} can be read from such a gateway"
            raise BrokenOffError(PeerError(PeerReason.PEER_LIMIT_EXCEEDED, detail))

    async def _visit_area(self, told: ToldEntity) -> ToldEntity:
        return replace(told, detail=await self._may(_path(told)), children=await self._children(told))

    async def _visit_component(self, told: ToldEntity) -> ToldEntity:
        detail = await self._get(_path(told))
        if detail is _Absent.NO_ROUTE:
            raise _refused(_path(told), 404)
        silent = isinstance(detail, _Absent)
        children = await self._children(told)
        return replace(told, detail=None if isinstance(detail, _Absent) else detail, silent=silent, children=children)

    async def _visit_app(self, told: ToldEntity) -> ToldEntity:
        operations = await self._ids(f"{_path(told)}/operations")
        data = await self._ids(f"{_path(told)}/data")
        return replace(told, detail=await self._may(_path(told)), data=data, operations=operations)

    async def _visit_function(self, told: ToldEntity) -> ToldEntity:
        return replace(told, detail=await self._must(_path(told)))

    async def _children(self, told: ToldEntity) -> tuple[Json, ...]:
        path = f"{_path(told)}/{_CHILDREN[told.kind]}"
        answer = await self._may(path)
        return () if answer is None else tuple(_items(answer, path))

    async def _ids(self, path: str) -> tuple[str, ...]:
        """The item ids of a resource collection; without those of other gateways."""
        answer = await self._may(path, (NO_FAN_OUT, "1"))
        items = [] if answer is None else _items(answer, path)
        ids = (item.get("id") for item in items if isinstance(item, dict))
        return tuple(dict.fromkeys(item_id for item_id in ids if isinstance(item_id, str) and item_id))

    async def _must(self, path: str) -> Json:
        answer = await self._get(path)
        if isinstance(answer, _Absent):
            raise _refused(path, answer.value)
        return answer

    async def _may(self, path: str, *headers: tuple[str, str]) -> Json | None:
        answer = await self._get(path, *headers)
        return None if isinstance(answer, _Absent) else answer

    async def _get(self, path: str, *headers: tuple[str, str]) -> Json | _Absent:
        request = PeerRequest("GET", f"/api/v1{path}", (self._via, *headers))
        deadline = asyncio.get_running_loop().time() + self._settings.request_timeout_ms / 1000
        fetched = await self._client.fetch(request, deadline=deadline, cap=self._settings.body_bytes)
        if isinstance(fetched, PeerError):
            raise BrokenOffError(replace(fetched, detail=f"{path}: {fetched.detail}"))
        self._bytes += len(fetched.body)
        self._limit(self._bytes, self._settings.walk_bytes, "bytes of answers")
        if fetched.status == 404:
            return _Absent.NO_ROUTE
        if fetched.status not in (200, 504):
            raise _refused(path, fetched.status)
        body = await self._kept(path, fetched.body)
        if fetched.status == 200:
            return body
        if body.get("error_code") == "not-responding":
            return _Absent.NOT_RESPONDING
        raise _refused(path, fetched.status)

    async def _kept(self, path: str, body: bytes) -> Json:
        """What is needed of an answer; a large one is parsed in a thread, so that the loop stays free."""
        try:
            if len(body) < THREAD_BYTES:
                return _read(body)
            return await asyncio.to_thread(_read, body)
        except InvalidJsonError as error:
            raise _unreadable(path, str(error)) from None


def _read(body: bytes) -> Json:
    """Raises InvalidJsonError."""
    answer = parse_json(body, max_bytes=len(body))
    if not isinstance(answer, dict):
        raise InvalidJsonError("an object is needed")
    return kept(answer)


def _path(told: ToldEntity) -> str:
    return f"/{told.kind.value}/{told.id}"


def _items(answer: Json, path: str) -> list[Any]:
    items = answer.get("items")
    if not isinstance(items, list):
        raise _unreadable(path, "a list `items` is needed")
    return items


def _refused(path: str, status: int) -> BrokenOffError:
    reason = PeerReason.AUTH if status in (401, 403) else PeerReason.HTTP_REQUEST_ERROR
    return BrokenOffError(PeerError(reason, f"{path} answered {status}", status=status))


def _unreadable(path: str, why: str) -> BrokenOffError:
    return BrokenOffError(PeerError(PeerReason.INVALID_JSON, f"{path}: {why}", status=200))
