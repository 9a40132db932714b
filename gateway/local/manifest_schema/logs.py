"""The items of `logs`."""

from typing import Final

from gateway.local.logs.bindings import LOG_NAME_LIMIT
from gateway.local.logs.entry import LogSeverity
from gateway.local.logs.line_format import GROUPS
from gateway.local.manifest.log_bindings import FILE_KEYS, FORMATS
from gateway.local.manifest_schema.shapes import (
    Keys,
    choice,
    expression,
    item_id,
    mapping,
    text,
    texts_by_name,
)

_SEVERITY: Final = [severity.word for severity in LogSeverity]

_KEYS: Final[Keys] = {
    "name": item_id("What the log is called; the file's name, the unit or the identifier.", LOG_NAME_LIMIT),
    "file": text("A file to which somebody writes lines; relative to the folder of the manifest.", minLength=1),
    "journal": mapping(
        "A part of this machine's journal.",
        {"unit": text("A systemd unit."), "identifier": text("What the program calls itself.")},
        oneOf=[{"required": ["unit"]}, {"required": ["identifier"]}],
    ),
    "format": choice("What a line is.", FORMATS, default="plain"),
    "pattern": expression(f"A regular expression with the named groups {', '.join(GROUPS)}."),
    "fields": mapping(
        "Of JSON lines: the keys of what an entry has.", {group: text(f"The key of {group}.") for group in GROUPS}
    ),
    "time_format": text("As of Python's strptime."),
    "severity": choice("Of lines that say none.", _SEVERITY, default="info"),
    "severities": texts_by_name("Words of yours and what they mean.", {"enum": _SEVERITY}),
}

DEFINITIONS: Final[Keys] = {
    "log": mapping(
        "A log: a file or a part of the journal.",
        _KEYS,
        oneOf=[{"required": ["file"]}, {"required": ["journal"]}],
        dependencies={key: ["file"] for key in FILE_KEYS},
    )
}
