"""The six types of a value on the wire, and what fits into them. Pure."""

import itertools
import math
from enum import Enum
from typing import Any, Final

import msgspec

from entities.jsontext import InvalidJsonError, parse_json

INT_RANGE: Final = range(-(2**63), 2**63)
"""What an `int` value may be: 64 bits, signed, as every JSON reader among the peers can hold."""

MAX_NESTING: Final = 64
"""Lists and mappings within each other in a value. Deeper ones cannot be compared or written by everybody."""

WRITE_LIMIT_BYTES: Final = 65_536
"""Of a value that a client sets, as JSON."""

_CONTAINERS: Final = (dict, list)

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class DataType(Enum):
    """The type of a data item or configuration; the value is the wire's word."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    OBJECT = "object"
    ARRAY = "array"


class MisfitError(ValueError):
    """A value is not of the type asked for; the text says what was found and what is allowed."""


def infer_type(value: object) -> DataType | None:
    """The type a JSON value is of, None for null and for what JSON cannot hold."""
    match value:
        case bool():
            return DataType.BOOL
        case int():
            return DataType.INT
        case float():
            return DataType.DOUBLE
        case str():
            return DataType.STRING
        case dict():
            return DataType.OBJECT
        case list():
            return DataType.ARRAY
        case _:
            return None


def conform(value: Any, data_type: DataType) -> Any:
    """`value` as `data_type`. An integer fits a double; nothing else is converted. Raises MisfitError."""
    found = infer_type(value)
    if found is DataType.INT and value not in INT_RANGE:
        raise MisfitError(f"found {value}, allowed are integers of 64 bits")
    if found is DataType.INT and data_type is DataType.DOUBLE:
        return float(value)
    if found is not data_type:
        raise MisfitError(f"found {found.value if found else 'null'}, allowed is {data_type.value}")
    if found is DataType.DOUBLE and not math.isfinite(value):
        raise MisfitError(f"found {value}, allowed are finite numbers")
    if not is_shallow(value):
        raise MisfitError(f"found lists and mappings nested deeper than {MAX_NESTING}, allowed is {MAX_NESTING}")
    return value


def check_size(value: Any) -> None:
    """Raises MisfitError for a JSON value that is too long to be set."""
    found = len(msgspec.json.encode(value))
    if found > WRITE_LIMIT_BYTES:
        raise MisfitError(f"found {found} bytes of JSON, allowed are {WRITE_LIMIT_BYTES}")


def is_shallow(value: Any, limit: int = MAX_NESTING) -> bool:
    """Whether no list or mapping in it stands deeper than `limit`."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(limit):
        inner = [*itertools.chain.from_iterable(one.values() if isinstance(one, dict) else one for one in level)]
        if not any(issubclass(kind, _CONTAINERS) for kind in set(map(type, inner))):  # of many values: much faster
            return True
        level = [one for one in inner if isinstance(one, _CONTAINERS)]
    return False


def parse_text(text: str, data_type: DataType) -> Any:
    """What the text of a file says, read as `data_type`. Objects and arrays are JSON. Raises MisfitError."""
    match data_type:
        case DataType.STRING:
            return text.rstrip("\r\n")
        case DataType.BOOL:
            return _parse_bool(text)
        case DataType.INT | DataType.DOUBLE:
            return _parse_number(text, data_type)
        case DataType.OBJECT | DataType.ARRAY:
            return _parse_json(text, data_type)


def _parse_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise MisfitError(f"found {excerpt(text)}, allowed are true, false, yes, no, on, off, 1, 0")


def _parse_number(text: str, data_type: DataType) -> int | float:
    if "_" in text or not text.isascii():  # Python's own spellings
        raise MisfitError(f"found {excerpt(text)}, allowed is {data_type.value}")
    try:
        number = int(text) if data_type is DataType.INT else float(text)
    except ValueError as error:
        raise MisfitError(f"found {excerpt(text)}, allowed is {data_type.value}") from error
    conform(number, data_type)
    return number


def _parse_json(text: str, data_type: DataType) -> Any:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MisfitError(f"found {excerpt(text)}, allowed is JSON: {error}") from error
    return conform(value, data_type)


def parse_shallow(body: bytes, *, max_bytes: int) -> Any:
    """A JSON text that nests no deeper than everybody can write it again. Raises InvalidJsonError."""
    found = parse_json(body, max_bytes=max_bytes)
    if not is_shallow(found):
        raise InvalidJsonError(f"nested deeper than {MAX_NESTING}")
    return found


def shown(value: Any) -> str:
    """What was found, for a message: the beginning of a text, a number, and of lists and mappings what they are."""
    match value:
        case str():
            return excerpt(value)
        case list() | dict():
            return f"{'a list' if isinstance(value, list) else 'a mapping'} of {len(value)}"
        case None | bool():
            return msgspec.json.encode(value).decode()
        case _:
            return excerpt(str(value))


def excerpt(text: str, limit: int = 40) -> str:
    """The beginning of `text`, quoted, for a message; at most `limit` characters."""
    stripped = text.strip()
    return repr(stripped if len(stripped) <= limit else stripped[:limit] + "...")
