"""Reads where the value of a data item comes from: `file`, `command`, `http` or `psutil`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.local.manifest.calls import read_command, read_web
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.problem import Rule
from gateway.local.origins import CommandOrigin, FileOrigin, Origin, SensorOrigin, WebOrigin
from gateway.local.psutil_readings import READINGS

ORIGINS: Final = ("file", "command", "http", "psutil")

DEFAULT_REFRESH_S: Final[Mapping[str, float]] = {"file": 0.0, "command": 1.0, "http": 1.0, "psutil": 1.0}
"""Seconds for which a reading counts as new if nothing else is said."""


def read_origin(fields: Fields, key: str, base: Path) -> Origin | None:
    """What stands under `key`, one of ORIGINS; None when it cannot be used, with the reason in the report."""
    match key:
        case "file":
            return _read_file(fields, base)
        case "command":
            command = read_command(fields, base)
            return None if command is None else CommandOrigin(command)
        case "http":
            return _read_http(fields, base)
        case _:
            return _read_sensor(fields)


def _read_file(fields: Fields, base: Path) -> FileOrigin | None:
    file = fields.text("file")
    if file:
        return FileOrigin(base / file)
    fields.problem(Rule.G009, "file", "found an empty file name; write the path of a file")
    return None


def _read_http(fields: Fields, base: Path) -> WebOrigin | None:
    """A URL, or a mapping with more about the request."""
    request = fields.mapping("http") if fields.is_mapping("http") else fields.alone("http", "url")
    call = None if request is None else read_web(request, base)
    if request is not None:
        request.refuse_unread()
    return None if call is None else WebOrigin(call)


def _read_sensor(fields: Fields) -> SensorOrigin | None:
    """The name of a reading, or a mapping with its parameters."""
    asked = fields.mapping("psutil") if fields.is_mapping("psutil") else fields.alone("psutil", "reading")
    if asked is None or not asked.require("reading", "cpu_percent"):
        return None
    reading = asked.choice("reading", tuple(READINGS))
    if reading is None or reading not in READINGS:
        return None
    known = READINGS[reading]
    given = {name: asked.text(name) for name in (*known.required, *known.optional)}
    missing = [name for name in known.required if given[name] is None]
    for name in missing:
        asked.problem(Rule.G006, name, f"'{name}' is missing, which {reading} needs; add it")
    asked.refuse_unread()
    return None if missing else SensorOrigin(reading, tuple((name, text) for name, text in given.items() if text))
