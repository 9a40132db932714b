"""How a data item's value is found in what a file, a command or a device says, and written back. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.local.template import text_of
from gateway.local.values import DataType, MisfitError, conform, excerpt, parse_text

DOCUMENT_LIMIT_BYTES: Final = 262_144
"""What a file, a command or a device says may be this long where the value is a part of it."""

VALUE_LIMIT_BYTES: Final = 65_536
"""A longer text is not a value."""

LINE_LIMIT: Final = 2_000
"""Characters of a line that are looked at: some expressions take a time that grows with the square of it."""

SIGNIFICANT_DIGITS: Final = 12
"""Digits of a number that was scaled back; what lies beyond comes from the arithmetic alone."""

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Decoding:
    """From what was said to the value: the part of a JSON document, in it the first line that matches, its type, its
    scale. `offset` is added after `scale` is multiplied.
    """

    type: DataType
    pointer: str | None = None
    match: re.Pattern[str] | None = None
    scale: float = 1.0
    offset: float = 0.0

    @property
    def scales(self) -> bool:
        """Whether the value is another number than the one that was said."""
        return (self.scale, self.offset) != (1.0, 0.0)

    @property
    def is_part(self) -> bool:
        """Whether the value is only a part of what is said."""
        return self.pointer is not None or self.match is not None

    @property
    def limit_bytes(self) -> int:
        """How much may be said."""
        return DOCUMENT_LIMIT_BYTES if self.is_part else VALUE_LIMIT_BYTES

    def decode(self, said: bytes) -> Any:
        """The value. Raises MisfitError."""
        if len(said) > self.limit_bytes:
            raise MisfitError(f"it is larger than {self.limit_bytes} bytes")
        try:
            text = said.decode()
        except UnicodeDecodeError as error:
            raise MisfitError("found bytes that are not UTF-8") from error
        found: Any = text if self.pointer is None else pointed(_document(text), self.pointer)
        if self.match is not None:
            found = first_match(text_of(found), self.match)
        return self.typed(found)

    def encode(self, value: Any) -> Any:
        """The value as it is said where it came from. Raises MisfitError."""
        if not self.scales:
            return value
        raw = float(f"{(value - self.offset) / self.scale:.{SIGNIFICANT_DIGITS}g}")
        raw = conform(raw, DataType.DOUBLE)
        return int(raw) if raw.is_integer() else raw

    def typed(self, found: Any) -> Any:
        """What was found as the item's type, scaled. Raises MisfitError."""
        said_as = DataType.DOUBLE if self.scales else self.type
        value = parse_text(found, said_as) if isinstance(found, str) else conform(found, said_as)
        if self.scales:
            value = conform(value * self.scale + self.offset, DataType.DOUBLE)
            value = conform(round(value), DataType.INT) if self.type is DataType.INT else value
        if not isinstance(value, bool | int | float) and len(text_of(value)) > VALUE_LIMIT_BYTES:
            raise MisfitError(f"found a value longer than {VALUE_LIMIT_BYTES} characters")
        return value


def _document(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MisfitError(f"found {excerpt(text)}, allowed is JSON") from error


def pointer_parts(pointer: str) -> tuple[str, ...]:
    """The keys of a JSON Pointer (RFC 6901); of a bad one a ValueError says why."""
    if pointer and not pointer.startswith("/"):
        raise ValueError("a JSON Pointer is empty or begins with '/'")
    if re.search(r"~(?![01])", pointer):
        raise ValueError("in a JSON Pointer '~' is written '~0' and '/' in a key '~1'")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def pointed(document: Any, pointer: str) -> Any:
    """The part of a document a JSON Pointer names. Raises MisfitError."""
    found = document
    for part in pointer_parts(pointer):
        found = _below(found, part)
        if found is _ABSENT:
            raise MisfitError(f"found a document without {pointer}")
    return found


def _below(document: Any, part: str) -> Any:
    if isinstance(document, Mapping):
        return document.get(part, _ABSENT)
    if isinstance(document, list) and part.isdecimal() and (part == "0" or not part.startswith("0")):
        return document[int(part)] if len(part) < 10 and int(part) < len(document) else _ABSENT
    return _ABSENT


def first_match(text: str, pattern: re.Pattern[str]) -> str:
    """The first group of the first line that matches, the whole match if there is no group. Raises MisfitError."""
    for line in text.splitlines():
        found = pattern.search(line[:LINE_LIMIT])
        if found is not None:
            return (found[1] if pattern.groups else found[0]) or ""
    raise MisfitError(f"found {excerpt(text)}, in which no line matches")
