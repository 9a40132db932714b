"""Reads the `logs` of a Component or App: files and parts of the journal (docs/manifest.md, "Logs")."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.local.logs.bindings import (
    LOG_NAME_LIMIT,
    FileLogBinding,
    IdentifierJournal,
    JournalLogBinding,
    JournalPart,
    LogBinding,
    UnitJournal,
)
from gateway.local.logs.entry import LogSeverity
from gateway.local.logs.line_format import GROUPS, JsonLines, LineFormat, LineRules, PatternLines, PlainLines
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule

FORMATS: Final = ("plain", "pattern", "json")
_SEVERITIES: Final = {severity.word: severity for severity in LogSeverity}
FILE_KEYS: Final = ("format", "pattern", "fields", "time_format", "severity", "severities")


def read_log(fields: Fields, base: Path) -> LogBinding | None:
    """One log; relative `file:` names count from the folder `base`."""
    name = _read_name(fields)
    file, journal = fields.text("file"), fields.mapping("journal")
    if fields.has("file") == fields.has("journal"):
        found = "both 'file' and 'journal'" if fields.has("file") else "neither 'file' nor 'journal'"
        fields.problem(Rule.G009, "file", f"found {found}, allowed is one of them; write where the entries are")
        return None
    if journal is not None:
        return _read_journal(fields, journal, name)
    if not file:
        if fields.has("file"):
            fields.problem(Rule.G009, "file", "found an empty file name; write the path of a file")
        return None
    rules = LineRules(
        name=name or Path(file).name,
        format=_read_format(fields),
        severity=_SEVERITIES[fields.choice("severity", tuple(_SEVERITIES)) or LogSeverity.INFO.word],
        severities=_read_severities(fields),
        time_format=_read_time_format(fields),
    )
    return FileLogBinding(base / file, rules)


def _read_name(fields: Fields) -> str | None:
    name = fields.text("name")
    if name is not None and not 1 <= len(name) <= LOG_NAME_LIMIT:
        fields.problem(Rule.G004, "name", f"found {len(name)} characters, allowed are 1 to {LOG_NAME_LIMIT}")
        return None
    return name


def _read_journal(fields: Fields, journal: Fields, name: str | None) -> JournalLogBinding | None:
    for key in FILE_KEYS:
        if fields.has(key):
            fields.problem(Rule.G009, key, f"found {key!r} beside 'journal', which has a form of its own; remove it")
    unit, identifier = journal.text("unit"), journal.text("identifier")
    journal.refuse_unread()
    if bool(unit) == bool(identifier):
        journal.problem(
            Rule.G009, "unit", "found both or none of 'unit' and 'identifier', allowed is one, as 'unit: nginx.service'"
        )
        return None
    part: JournalPart = UnitJournal(unit) if unit else IdentifierJournal(identifier or "")
    return JournalLogBinding(name or unit or identifier or "", part)


def _read_format(fields: Fields) -> LineFormat:
    word = fields.choice("format", FORMATS) or ("pattern" if fields.has("pattern") else "plain")
    for key, of_format in (("pattern", "pattern"), ("fields", "json")):
        if fields.has(key) and word != of_format:
            fields.problem(Rule.G009, key, f"found {key!r} with format {word!r}, allowed with {of_format!r}")
    match word:
        case "pattern":
            return _read_pattern(fields)
        case "json":
            return JsonLines(_read_keys(fields))
        case _:
            return PlainLines()


def _read_pattern(fields: Fields) -> LineFormat:
    if not fields.require("pattern", "'(?P<time>\\S+) (?P<severity>\\w+) (?P<message>.*)'"):
        return PlainLines()
    try:
        pattern = re.compile(fields.text("pattern") or "")
    except re.error as error:
        fields.problem(Rule.G003, "pattern", f"found what is no regular expression: {error}")
        return PlainLines()
    unknown = [group for group in pattern.groupindex if group not in GROUPS]
    if unknown or not pattern.groupindex:
        found = f"the group {unknown[0]!r}" if unknown else "no named group"
        fields.problem(Rule.G003, "pattern", f"found {found}, allowed are {', '.join(GROUPS)}, as '(?P<message>.*)'")
    return PatternLines(pattern)


def _read_keys(fields: Fields) -> Mapping[str, str]:
    named = fields.mapping("fields")
    if named is None:
        return {}
    keys = {group: key for group in GROUPS if (key := named.text(group))}
    named.refuse_unread()
    return keys


def _read_severities(fields: Fields) -> Mapping[str, LogSeverity]:
    named = fields.mapping("severities")
    if named is None:
        return {}
    words = [word for word in named.unread() if named.choice(word, tuple(_SEVERITIES)) is not None]
    return {word.strip().lower(): _SEVERITIES[named.text(word) or ""] for word in words}


def _read_time_format(fields: Fields) -> str | None:
    time_format = fields.text("time_format")
    if time_format is None:
        return None
    moment = datetime(2026, 8, 12, 12, 41, 40, tzinfo=UTC)
    try:
        datetime.strptime(moment.strftime(time_format), time_format)  # noqa: DTZ007 - only whether it can be read
    except (ValueError, re.error) as error:
        fields.problem(Rule.G003, "time_format", f"found {time_format!r}, which reads no time: {error}")
        return None
    return time_format
