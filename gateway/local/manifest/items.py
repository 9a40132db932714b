"""What the items of all sections have in common: an id, a type and a value of that type."""

from typing import Any, Final

from entities.items import NOT_IN_IDS, is_addressable
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule
from gateway.local.values import DataType, MisfitError, conform, infer_type

_TYPES: Final = tuple(data_type.value for data_type in DataType)


def read_item_id(fields: Fields, key: str, limit: int, example: str) -> str | None:
    """The required id of an item, 1 to `limit` characters that can stand in a path."""
    if not fields.require(key, example):
        return None
    item_id = fields.text(key)
    if item_id is not None and not 1 <= len(item_id) <= limit:
        fields.problem(Rule.G004, key, f"found {len(item_id)} characters, allowed are 1 to {limit}; shorten it")
        return None
    if item_id is not None and not is_addressable(item_id):
        fields.problem(
            Rule.G004, key, f"found {item_id!r}, allowed is text without {NOT_IN_IDS}: it stands in paths; rename it"
        )
        return None
    return item_id


def read_type(fields: Fields) -> DataType | None:
    """The `type` of an item, None when nothing is said."""
    word = fields.choice("type", _TYPES)
    return None if word is None else DataType(word)


def fit(fields: Fields, value: Any, data_type: DataType | None) -> tuple[Any, DataType | None]:
    """The value as its type, the type inferred where it is not said."""
    data_type = data_type or infer_type(value)
    if value is None or data_type is None:
        return value, data_type
    try:
        return conform(value, data_type), data_type
    except MisfitError as error:
        fields.problem(Rule.G003, "value", f"{error}; change 'value' or 'type'")
        return None, None
