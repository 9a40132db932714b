"""The shapes a key of the manifest can have, as JSON Schema (draft 7, which editors know). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Schema = dict[str, Any]
Keys = Mapping[str, Schema]

ENTITY_ID: Final = "^[A-Za-z0-9_-]{1,256}$"


def text(about: str, **more: Any) -> Schema:
    """A text; numbers and truth values are taken as they are written."""
    return {"type": ["string", "number", "boolean"], "description": about, **more}


def words(about: str) -> Schema:
    """A list of texts."""
    return {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "description": about}


def flag(about: str, *, default: bool | None = None) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": about} | ({} if default is None else {"default": default})


def number(about: str, least: float | None = None, most: float | None = None, **more: Any) -> Schema:
    """A number within bounds."""
    bounds = {"minimum": least, "maximum": most}
    kept = {key: bound for key, bound in bounds.items() if bound is not None}
    return {"type": "number", "description": about, **kept, **more}


def whole(about: str, least: float | None = None, most: float | None = None) -> Schema:
    """An integer within bounds."""
    return number(about, least, most) | {"type": "integer"}


def choice(about: str, allowed: Sequence[Any], **more: Any) -> Schema:
    """One of the values."""
    return {"enum": list(allowed), "description": about, **more}


def anything(about: str) -> Schema:
    """Any value."""
    return {"description": about}


def entity_id(about: str) -> Schema:
    """The id of an entity, or a reference to one; ids may look like numbers."""
    return {"type": ["string", "integer"], "pattern": ENTITY_ID, "description": about}


def entity_ids(about: str) -> Schema:
    """A list of references."""
    return {"type": "array", "items": {"type": ["string", "integer"], "pattern": ENTITY_ID}, "description": about}


def item_id(about: str, longest: int) -> Schema:
    """The id of an item below an entity."""
    return text(about, minLength=1, maxLength=longest)


def expression(about: str) -> Schema:
    """A regular expression of Python's, which editors do not check: theirs differ."""
    return {"type": "string", "description": about}


def mapping(about: str, keys: Keys, required: Sequence[str] = (), *, closed: bool = True, **more: Any) -> Schema:
    """A mapping with these keys; `closed`: and no others."""
    schema: Schema = {"type": "object", "description": about, "properties": dict(keys)}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    return schema | more


def texts_by_name(about: str, value: Schema | None = None) -> Schema:
    """A mapping whose keys are anybody's choice."""
    return {"type": "object", "description": about, "additionalProperties": value or text("Any text.")}


def listed(about: str, item: str) -> Schema:
    """A list of what is defined as `item`."""
    return {"type": "array", "description": about, "items": defined(item)}


def defined(name: str) -> Schema:
    """What is defined under this name."""
    return {"$ref": f"#/definitions/{name}"}


def short_or(short: Schema, name: str) -> Schema:
    """The short form of something, or the mapping that is defined under this name."""
    return {"description": short["description"], "anyOf": [short, defined(name)]}


def at_most_one_of(*keys: str) -> list[Schema]:
    """For `allOf`: no two of these keys together."""
    return [
        {"not": {"required": [first, second]}} for number, first in enumerate(keys) for second in keys[number + 1 :]
    ]


def one_of_them(*keys: str) -> list[Schema]:
    """For `anyOf`: at least one of these keys."""
    return [{"required": [key]} for key in keys]
