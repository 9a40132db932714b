"""One entry of a log, and what every origin of entries is: a file, the journal, a program."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, Protocol

import msgspec

_NS: Final = 1_000_000_000
_FIRST_S: Final = -62_135_596_800
_LAST_S: Final = 253_402_300_799
"""The seconds of the years 1 to 9999: files can be older and newer than any date."""
# Many are kept: those without `gc` are not looked at by the garbage collector, which would hold up the loop.
_TO_SECONDS: Final = len("2026-08-12T12:41:40")


class LogSeverity(IntEnum):
    """How bad an entry is; the name, in small letters, is the wire's word."""

    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3
    FATAL = 4

    @property
    def word(self) -> str:
        """`debug`, `info`, `warning`, `error` or `fatal`."""
        return _WORDS[self]


_WORDS: Final = tuple(severity.name.lower() for severity in LogSeverity)


class LogContext(msgspec.Struct, frozen=True, gc=False):
    """Where an entry comes from. `node`: who wrote it, what the `context` of a query is looked for in.

    Texts have at most 256 characters, see `line_text.word_text`.
    """

    node: str
    function: str | None = None
    file: str | None = None
    line: int | None = None


class LogText(msgspec.Struct, frozen=True, gc=False):
    """What an entry says. `cut_bytes`: how much of it was too long and is left out."""

    timestamp_ns: int
    severity: LogSeverity
    message: str
    context: LogContext | None = None
    cut_bytes: int = 0


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry with its number, which it keeps as long as the gateway runs; newer entries have higher ones."""

    number: int
    text: LogText


@dataclass(frozen=True, slots=True)
class LogFailure:
    """Why a log cannot be read, in words for a client. `log`: which one."""

    log: str
    reason: str


@dataclass(frozen=True, slots=True)
class LogReading:
    """What the logs of one entity said at `taken_ns`, oldest first, and those of them that could not be read."""

    taken_ns: int
    entries: Sequence[LogEntry] = ()
    failures: Sequence[LogFailure] = ()


class LogOrigin(Protocol):
    """One log. Reading is bounded in bytes and time, off the event loop, and never raises."""

    async def read(self) -> Sequence[LogEntry] | LogFailure:
        """The newest entries without a gap between them, oldest first."""


def render_time(timestamp_ns: int) -> str:
    """ISO 8601 in UTC with nine digits: `2026-08-12T12:41:40.000000000Z`; of the years 1 to 9999 the nearest."""
    seconds, rest = divmod(min(max(timestamp_ns, _FIRST_S * _NS), _LAST_S * _NS), _NS)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:_TO_SECONDS]}.{rest:09}Z"


def render_entry(entry: LogEntry) -> dict[str, Any]:
    """The entry as clients see it."""
    text = entry.text
    item: dict[str, Any] = {
        "id": f"log_{entry.number}",
        "timestamp": render_time(text.timestamp_ns),
        "severity": text.severity.word,
        "message": text.message,
    }
    if text.context is not None:
        item["context"] = _rendered(text.context)
    if text.cut_bytes:
        item["x-medkit"] = {"cut_bytes": text.cut_bytes}
    return item


def _rendered(context: LogContext) -> dict[str, Any]:
    told: dict[str, Any] = {"node": context.node}
    if context.function is not None:
        told["function"] = context.function
    if context.file is not None:
        told["file"] = context.file
    if context.line is not None:
        told["line"] = context.line
    return told
