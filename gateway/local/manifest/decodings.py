"""Reads how a value is found in what a file, a command or a device says: `pointer`, `match`, `scale`, `offset`."""

import re
from typing import Final

from gateway.local.decoding import Decoding, pointer_parts
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule
from gateway.local.values import DataType

MATCH_LIMIT: Final = 500
"""Characters of an expression."""

_MOST: Final = 1e30
_NUMBERS: Final = frozenset({DataType.INT, DataType.DOUBLE})


def read_decoding(fields: Fields, key: str, data_type: DataType) -> Decoding:
    """The decoding of a value that comes from `key`; a sensor says numbers, which have no parts."""
    scale, offset = fields.number("scale", -_MOST, _MOST), fields.number("offset", -_MOST, _MOST)
    if scale == 0:
        fields.problem(Rule.G003, "scale", "found 0, allowed is any other number; every value would be the same")
    for word in ("scale", "offset"):
        if fields.has(word) and data_type not in _NUMBERS:
            fields.problem(Rule.G009, word, f"found '{word}' on a {data_type.value}, allowed on int and double")
    return Decoding(
        data_type,
        None if key == "psutil" else _read_pointer(fields),
        None if key == "psutil" else _read_match(fields),
        scale or 1.0,
        offset or 0.0,
    )


def _read_pointer(fields: Fields) -> str | None:
    pointer = fields.text("pointer")
    try:
        pointer_parts(pointer or "")
    except ValueError as error:
        fields.problem(Rule.G003, "pointer", f"found {pointer!r}; {error}")
    return pointer


def _read_match(fields: Fields) -> re.Pattern[str] | None:
    pattern = fields.text("match")
    if pattern is None:
        return None
    if len(pattern) > MATCH_LIMIT:
        fields.problem(Rule.G003, "match", f"found {len(pattern)} characters, allowed are {MATCH_LIMIT}")
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError) as error:
        fields.problem(Rule.G003, "match", f"found {pattern!r}, which is no regular expression: {error}")
        return None
