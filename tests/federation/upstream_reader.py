"""How a stand-in upstream gateway reads one peer: one request after the other, and every answer must be right."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.federation.upstream_client import Fetched, fetch
from tests.federation.upstream_tree import KINDS, Entities, Entity

MAX_COLLECTION = 1000
NO_FAN_OUT = {"X-Medkit-No-Fan-Out": "1"}
ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class RefreshFailedError(Exception):
    """One answer was not as it should be: all that was read of this peer is dropped."""


class ParserError(Exception):
    """A field of the wrong type: upstream's parser throws, and its whole refresh is lost, all peers'."""


@dataclass(frozen=True, slots=True)
class PeerReader:
    """Reads the gateway at `url`; `timeout` in seconds."""

    url: str
    timeout: float

    async def is_healthy(self) -> bool:
        answer = await fetch(self.url, "/api/v1/health", min(self.timeout, 1.0))
        return answer.status == 200

    async def read(self) -> Entities:
        """Its entities, in upstream's order of requests. Raises RefreshFailedError, ParserError."""
        read: Entities = {kind: [] for kind in KINDS}
        for item in await self._top("areas"):
            read["areas"].append(_area(item))
            for child in await self._nested(f"/areas/{item['id']}/subareas"):
                read["areas"].append(_area(child))
        components = await self._top("components")
        tops = [await self._component(item, "") for item in components]
        for top in tops:
            read["components"].append(top)
            for child in await self._nested(f"/components/{top.id}/subcomponents"):
                read["components"].append(await self._component(child, top.id))
        for item in await self._top("apps"):
            if not item["id"].startswith("_"):
                read["apps"].append(await self._app(item))
        for item in await self._top("functions"):
            read["functions"].append(_function(await self._must(f"/functions/{item['id']}")))
        return read

    async def _get(self, path: str, headers: Mapping[str, str] | None = None) -> Fetched:
        answer = await fetch(self.url, f"/api/v1{path}", self.timeout, headers=headers)
        if answer.status == 200:
            try:
                answer.json()
            except ValueError:
                raise RefreshFailedError(f"{path} is no JSON") from None
        return answer

    async def _must(self, path: str) -> Any:
        answer = await self._get(path)
        if answer.status != 200:
            raise RefreshFailedError(f"{path} answered {answer.status}: {answer.body[:300]!r}")
        return answer.json()

    async def _top(self, kind: str) -> list[dict[str, Any]]:
        items = _items(await self._must(f"/{kind}"))
        if len(items) > MAX_COLLECTION:
            raise RefreshFailedError(f"{len(items)} {kind}")
        return items

    async def _nested(self, path: str, headers: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Without `headers` these are entities."""
        answer = await self._get(path, headers)
        if answer.status == 404 or _is_not_responding(answer):
            return []
        if answer.status != 200:
            raise RefreshFailedError(f"{path} answered {answer.status}: {answer.body[:300]!r}")
        return _items(answer.json(), ids=headers is None)

    async def _component(self, item: dict[str, Any], parent: str) -> Entity:
        answer = await self._get(f"/components/{item['id']}")
        if answer.status == 200:
            return _component(answer.json())
        if not _is_not_responding(answer):
            raise RefreshFailedError(f"/components/{item['id']} answered {answer.status}: {answer.body[:300]!r}")
        return replace(_component(item), available=False, parent=parent)

    async def _app(self, item: dict[str, Any]) -> Entity:
        operations = await self._nested(f"/apps/{item['id']}/operations", NO_FAN_OUT)
        data = await self._nested(f"/apps/{item['id']}/data", NO_FAN_OUT)
        return replace(
            _app(item),
            operations=[one for one in operations if _has_ros_path(one)],
            data=[one for one in data if {"topic", "direction"} <= _medkit(one).get("ros2", {}).keys()],
        )


def _is_not_responding(answer: Fetched) -> bool:
    return answer.status == 504 and b'"not-responding"' in answer.body


def _items(document: Any, *, ids: bool = True) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = document.get("items", []) if isinstance(document, dict) else []
    return [one for one in items if not ids or _is_id(_text(one, "id"))]


def _is_id(text: str) -> bool:
    return 0 < len(text) <= 256 and ID_LETTERS.issuperset(text)


def _has_ros_path(operation: dict[str, Any]) -> bool:
    return not {"service", "action"}.isdisjoint(_medkit(operation).get("ros2", {}))


def _medkit(told: dict[str, Any]) -> dict[str, Any]:
    return told.get("x-medkit") or {}


def _text(told: dict[str, Any], name: str, default: str = "") -> str:
    value = told.get(name, default)
    if not isinstance(value, str):
        raise ParserError(f"{name} is {value!r}")
    return value


def _texts(told: dict[str, Any], name: str) -> list[str]:
    values = told.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ParserError(f"{name} is {values!r}")
    return [*values]


def _flag(told: dict[str, Any], name: str, *, default: bool) -> bool:
    value = told.get(name, default)
    if not isinstance(value, bool):
        raise ParserError(f"{name} is {value!r}")
    return value


def _area(told: dict[str, Any]) -> Entity:
    medkit = _medkit(told)
    source = _text(medkit, "source")
    return Entity(
        "areas",
        _text(told, "id"),
        _text(told, "name", told["id"]),
        _texts(told, "tags"),
        source,
        _text(medkit, "description"),
        namespace=_text(medkit, "namespace"),
        declared_source=source,
    )


def _component(told: dict[str, Any]) -> Entity:
    medkit = _medkit(told)
    source = _text(medkit, "source")
    return Entity(
        "components",
        _text(told, "id"),
        _text(told, "name", told["id"]),
        _texts(told, "tags"),
        source,
        _text(medkit, "description"),
        _text(medkit, "namespace"),
        area=_text(medkit, "area"),
        parent=_text(medkit, "parentComponentId"),
        depends_on=_texts(medkit, "dependsOn"),
        available=_flag(medkit, "available", default=True),
        declared_source=source,
    )


def _app(told: dict[str, Any]) -> Entity:
    medkit = _medkit(told)
    source = _text(medkit, "source")
    return Entity(
        "apps",
        _text(told, "id"),
        _text(told, "name", told["id"]),
        _texts(told, "tags"),
        source,
        _text(told, "description"),
        component_id=_text(medkit, "component_id"),
        is_online=_flag(medkit, "is_online", default=False),
        available=_flag(medkit, "available", default=True),
        declared_source=source,
    )


def _function(told: dict[str, Any]) -> Entity:
    medkit = _medkit(told)
    source = _text(medkit, "source")
    return Entity(
        "functions",
        _text(told, "id"),
        _text(told, "name", told["id"]),
        _texts(told, "tags"),
        source,
        _text(medkit, "description"),
        hosts=_texts(medkit, "hosts"),
        declared_source=source,
    )
