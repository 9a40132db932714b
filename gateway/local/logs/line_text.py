"""A line of a log as text that is safe to show: binary bytes escaped, too long ones cut. Pure."""

import re
from typing import Final

WORD_LIMIT: Final = 256
"""Characters of the name of who wrote an entry, of a function, of a file."""

LINE_LIMIT_BYTES: Final = 8192
"""Bytes of a line that are shown; the rest is counted."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
"""Everything that is not shown but acts, except the tab and the line break."""


def clean(text: str) -> str:
    """`text` with control characters written as escapes: a backslash, `x1b`."""
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(_escaped, text)


def line_text(line: bytes) -> tuple[str, int]:
    """What a line says, and how many bytes of it are left out. What is not UTF-8 is escaped too."""
    shown = line[:LINE_LIMIT_BYTES]
    if len(line) > len(shown):
        shown = _whole_characters(shown)
    return clean(shown.decode(errors="backslashreplace")), len(line) - len(shown)


def word_text(word: str) -> str:
    """The beginning of a name, as text that is safe to show."""
    return clean(word[:WORD_LIMIT])[:WORD_LIMIT]


def cut_text(text: str) -> tuple[str, int]:
    """The beginning of a text of several lines, as long as a line may be, and how many bytes are left out."""
    if len(text) <= LINE_LIMIT_BYTES // _LONGEST_CHARACTER:
        return text, 0
    raw = text.encode()
    if len(raw) <= LINE_LIMIT_BYTES:
        return text, 0
    shown = _whole_characters(raw[:LINE_LIMIT_BYTES])
    return shown.decode(), len(raw) - len(shown)


def _whole_characters(cut: bytes) -> bytes:
    """`cut` without the character of several bytes that its end may fall into."""
    for length in range(1, min(_LONGEST_CHARACTER, len(cut) + 1)):
        byte = cut[-length]
        if byte & 0xC0 == 0xC0:  # it begins one, of as many bytes as it has leading ones
            wanted = 8 - (byte ^ 0xFF).bit_length()
            return cut[:-length] if wanted > length else cut
        if byte & 0xC0 != 0x80:
            return cut
    return cut


_LONGEST_CHARACTER: Final = 4


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
