"""What is kept of an upstream gateway's answer: the fields that are read of it, none of any length. Pure.

A gateway that lists thousands of entities tells far more of each than its record says.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from entities.codec import MAX_NAME
from entities.model import Identity

MAX_TEXT: Final = 1024
"""Longest text in characters; longer is as if it were not there."""

MAX_DESCRIPTION: Final = 4096
"""Characters of a description; the rest is cut off."""

MAX_TEXTS: Final = 10_000
"""Texts in one list, as many as there may be entities; further ones are not kept."""

MAX_EXTRA: Final = 64
"""Fields in `identity.extra`; further ones are not kept."""

_Keep = Callable[[Any], Any]
_Json = Mapping[str, Any]


def kept(answer: _Json) -> _Json:
    """An entity, or a list of them, with nothing but what is read."""
    found = _fields(answer, _ENTITY)
    items = answer.get("items")
    if isinstance(items, list):
        found["items"] = [_object(_ENTITY)(item) for item in items]
    return found


def _fields(told: _Json, wanted: Mapping[str, _Keep]) -> dict[str, Any]:
    found = ((name, keep(told[name])) for name, keep in wanted.items() if name in told)
    return {name: value for name, value in found if value is not None}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else None


def _cut(most: int) -> _Keep:
    return lambda value: value[:most] if isinstance(value, str) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        return None
    return [text for text in value[:MAX_TEXTS] if _text(text) is not None]


def _object(wanted: Mapping[str, _Keep]) -> _Keep:
    return lambda value: _fields(value, wanted) if isinstance(value, dict) else None


def _extra(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    fit = [(name, text) for name, text in value.items() if len(name) <= MAX_TEXT and _text(text) is not None]
    return dict(fit[:MAX_EXTRA])


def _link(value: Any) -> Any:
    """As text, or as an object with a `href`."""
    return _text(value) or _object({"href": _text})(value)


_IDENTITY: Final[Mapping[str, _Keep]] = {
    **{field.encode_name: _text for field in msgspec.structs.fields(Identity)},
    "extra": _extra,
}

_MEDKIT_TEXTS: Final = (
    "answered_by",
    "area",
    "component_id",
    "fqn",
    "namespace",
    "parentComponentId",
    "parent_area_id",
    "source",
    "type",
    "variant",
)

_MEDKIT: Final[Mapping[str, _Keep]] = {
    **dict.fromkeys(_MEDKIT_TEXTS, _text),
    **dict.fromkeys(("available", "external", "is_online"), _flag),
    **dict.fromkeys(("contributors", "dependsOn", "hosts"), _texts),
    "description": _cut(MAX_DESCRIPTION),
    "identity": _object(_IDENTITY),
    "ros2": _object({"namespace": _text, "node": _text}),
}

_ENTITY: Final[Mapping[str, _Keep]] = {
    **dict.fromkeys(("error_code", "id", "translationId", "translation_id"), _text),
    "_links": _object({"is-located-on": _link, "depends-on": _texts}),
    "description": _cut(MAX_DESCRIPTION),
    "is-located-on": _text,
    "name": _cut(MAX_NAME),
    "tags": _texts,
    "x-medkit": _object(_MEDKIT),
}
