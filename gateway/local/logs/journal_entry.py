"""What `journalctl -o json` prints -> entries. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from gateway.local.logs.entry import LogContext, LogSeverity, LogText
from gateway.local.logs.line_text import clean, cut_text, line_text, word_text

FIELDS: Final = ("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "_COMM", "CODE_FUNC", "CODE_FILE", "CODE_LINE")
"""The fields asked for, beside those that the journal always tells."""

_SEVERITIES: Final[Mapping[str, LogSeverity]] = MappingProxyType(
    {
        **dict.fromkeys("012", LogSeverity.FATAL),
        "3": LogSeverity.ERROR,
        "4": LogSeverity.WARNING,
        "7": LogSeverity.DEBUG,
    }
)
"""Syslog's priorities; all others, and none, are `info`."""


@dataclass(frozen=True, slots=True)
class JournalText:
    """An entry and its place in the journal, which nothing else has."""

    cursor: str
    text: LogText


def read_journal(output: bytes) -> Iterator[JournalText]:
    """The entries in lines of JSON; what is none, such as a last line that was cut off, is left out."""
    for line in output.split(b"\n"):
        try:
            told = msgspec.json.decode(line) if line else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(told, dict) and isinstance(told.get("__CURSOR"), str):
            yield JournalText(told["__CURSOR"], _text(told))


def _text(told: Mapping[str, Any]) -> LogText:
    message, cut = _message(told.get("MESSAGE"))
    time, line = str(told.get("__REALTIME_TIMESTAMP")), str(told.get("CODE_LINE"))
    node = told.get("SYSLOG_IDENTIFIER") or told.get("_COMM")
    context = LogContext(
        node=word_text(node) if isinstance(node, str) else "journal",
        function=_word(told.get("CODE_FUNC")),
        file=_word(told.get("CODE_FILE")),
        line=int(line) if line.isascii() and line.isdigit() and len(line) < 10 else None,
    )
    return LogText(
        int(time) * 1000 if time.isascii() and time.isdigit() and len(time) < 17 else 0,
        _SEVERITIES.get(str(told.get("PRIORITY")), LogSeverity.INFO),
        message,
        context,
        cut,
    )


def _message(told: Any) -> tuple[str, int]:
    """Text; the bytes of what is no text; several of these where a field stands more than once; null if too large."""
    match told:
        case str():
            return cut_text(clean(told))
        case [int(), *_]:
            return line_text(bytes(byte & 0xFF for byte in told if isinstance(byte, int)))
        case [*several]:
            return cut_text("\n".join(_message(one)[0] for one in several))
        case _:
            return "(the journal does not show this message: it is empty or too large)", 0


def _word(told: Any) -> str | None:
    return word_text(told) if isinstance(told, str) and told else None


def newer(texts: Sequence[JournalText], known: str | None) -> tuple[list[JournalText], bool]:
    """Of entries, newest first: those newer than the one at `known`, oldest first, and whether they follow it."""
    found: list[JournalText] = []
    for text in texts:
        if text.cursor == known:
            return found[::-1], True
        found.append(text)
    return found[::-1], known is None
