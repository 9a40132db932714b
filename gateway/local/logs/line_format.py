"""How the lines of a log file are read: plain, by a regular expression, or as JSON. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, assert_never

import msgspec

from gateway.local.logs.entry import LogContext, LogSeverity, LogText
from gateway.local.logs.line_text import clean, cut_text, line_text, word_text
from gateway.local.logs.time_text import parse_time

GROUPS: Final = ("time", "severity", "message", "context")
"""What a regular expression may name; the same are the keys of `JsonLines`."""

JSON_KEYS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "time": ("time", "timestamp", "@timestamp", "ts"),
        "severity": ("severity", "level", "lvl"),
        "message": ("message", "msg"),
        "context": ("context", "logger", "name"),
    }
)
"""The keys that are looked for in lines of JSON; the first that is there counts."""

SEVERITY_WORDS: Final[Mapping[str, LogSeverity]] = MappingProxyType(
    {
        **dict.fromkeys(("trace", "debug", "verbose", "d", "t", "v"), LogSeverity.DEBUG),
        **dict.fromkeys(("info", "information", "notice", "i", "n"), LogSeverity.INFO),
        **dict.fromkeys(("warning", "warn", "w"), LogSeverity.WARNING),
        **dict.fromkeys(("error", "err", "e"), LogSeverity.ERROR),
        **dict.fromkeys(
            ("fatal", "critical", "crit", "alert", "emerg", "emergency", "panic", "f", "c"), LogSeverity.FATAL
        ),
    }
)
"""What the words of logs mean, in any case."""

JSON_LINE_LIMIT_BYTES: Final = 65_536
"""A longer line is not read as JSON, but shown as it stands."""


@dataclass(frozen=True, slots=True)
class PlainLines:
    """The whole line is the message."""


@dataclass(frozen=True, slots=True)
class PatternLines:
    """A line in which `pattern` is found begins an entry; any other goes on with the one before."""

    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Each line is a JSON object; any other is a message as it stands. `keys`: where, beside `JSON_KEYS`."""

    keys: Mapping[str, str] = field(default_factory=dict)


LineFormat = PlainLines | PatternLines | JsonLines


@dataclass(frozen=True, slots=True)
class LineRules:
    """Everything that is said about the lines of one log. `severity`: of lines that say none.

    `name`: who wrote them, where they do not say it. `severities`: words beside `SEVERITY_WORDS`, in small letters.
    """

    name: str
    format: LineFormat = PlainLines()
    severity: LogSeverity = LogSeverity.INFO
    severities: Mapping[str, LogSeverity] = field(default_factory=dict)
    time_format: str | None = None


@dataclass(frozen=True, slots=True)
class Continuation:
    """A line that belongs to the entry before; where there is none, it is one of its own."""

    text: LogText


def read_line(line: bytes, rules: LineRules, now_ns: int) -> LogText | Continuation:
    """One line without its line break. `now_ns`: its time if it says none."""
    message, cut = line_text(line.removesuffix(b"\r"))
    plain = LogText(now_ns, rules.severity, message, LogContext(rules.name), cut)
    match rules.format:
        case PlainLines():
            return plain
        case PatternLines(pattern):
            found = pattern.search(message)
            return Continuation(plain) if found is None else _entry(found.groupdict(), plain, rules)
        case JsonLines(keys):
            told = _object(line) if len(line) <= JSON_LINE_LIMIT_BYTES else None
            return plain if told is None else _entry(_picked(told, keys), plain, rules)
        case _:
            assert_never(rules.format)


def continued(entry: LogText, more: LogText) -> LogText:
    """The entry with a further line, as far as there is room for it."""
    message, cut = cut_text(f"{entry.message}\n{more.message}")
    return LogText(entry.timestamp_ns, entry.severity, message, entry.context, entry.cut_bytes + cut + more.cut_bytes)


def _entry(told: Mapping[str, Any], plain: LogText, rules: LineRules) -> LogText:
    """What the parts of a line say; what they do not say is as in `plain`."""
    message, cut = plain.message, plain.cut_bytes
    if told.get("message") is not None:
        said = told["message"]
        message, cut_too = cut_text(clean(said if isinstance(said, str) else _compact(said)))
        cut = cut_too if isinstance(rules.format, JsonLines) else cut
    context = told.get("context")
    return LogText(
        parse_time(told.get("time"), rules.time_format, plain.timestamp_ns) or plain.timestamp_ns,
        severity_of(told.get("severity"), rules),
        message,
        LogContext(word_text(context)) if isinstance(context, str) and context else plain.context,
        cut,
    )


def severity_of(told: Any, rules: LineRules) -> LogSeverity:
    """What a word or number of a line means; the rule's own where it means nothing."""
    word = str(told).strip().lower()
    return rules.severities.get(word, SEVERITY_WORDS.get(word, rules.severity))


def _object(line: bytes) -> Mapping[str, Any] | None:
    try:
        told = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _picked(told: Mapping[str, Any], keys: Mapping[str, str]) -> Mapping[str, Any]:
    """The parts by the names of `GROUPS`."""
    picked = {}
    for group in GROUPS:
        names = (keys[group],) if group in keys else JSON_KEYS[group]
        picked[group] = next((told[name] for name in names if told.get(name) is not None), None)
    return picked


def _compact(value: Any) -> str:
    return msgspec.json.encode(value).decode()
