"""The items of `data`."""

from typing import Final

from gateway.local.bindings import CATEGORIES, DATA_ID_LIMIT, DEFAULT_CATEGORY, READ_TIMEOUT_S, WRITE_TIMEOUT_S
from gateway.local.manifest.calls import LONGEST_TIMEOUT_S, SHORTEST_TIMEOUT_S
from gateway.local.manifest.data_bindings import LONGEST_READ_TIMEOUT_S, LONGEST_REFRESH_S
from gateway.local.manifest.decodings import MATCH_LIMIT
from gateway.local.manifest.origins import ORIGINS
from gateway.local.manifest_schema.calls import COMMAND_KEYS, NEEDS_COMMAND, REQUEST_KEYS, TEXT_NEEDS_SHELL, URL
from gateway.local.manifest_schema.shapes import (
    Keys,
    Schema,
    anything,
    at_most_one_of,
    choice,
    expression,
    flag,
    item_id,
    listed,
    mapping,
    number,
    one_of_them,
    short_or,
    text,
    words,
)
from gateway.local.manifest_schema.values import RANGE_KEYS, TYPE, UNIT
from gateway.local.psutil_readings import READINGS

_READING_KEYS: Final[Keys] = {
    "reading": choice("A reading of this machine, by psutil's name.", tuple(READINGS)),
    "path": text("Of disk_usage: a folder of the file system; / if it is left out."),
    "disk": text("Of disk_io_counters: one disk; all if it is left out."),
    "interface": text("Of net_io_counters: one interface; all if it is left out."),
    "chip": text("Of sensors: the chip."),
    "label": text("Of sensors: which of the chip; its first if it is left out."),
}

_READ_ONLY: Final = {"anyOf": one_of_them("command", "http", "psutil")}
_WRITABLE_NEEDS_WRITE: Final[Schema] = {
    "if": {"allOf": [_READ_ONLY, {"properties": {"writable": {"const": True}}, "required": ["writable"]}]},
    "then": {"required": ["write"]},
}

_BOUND: Final = {"anyOf": one_of_them(*ORIGINS)}
_SAID: Final = {"anyOf": one_of_them("file", "command", "http")}

_KEYS: Final[Keys] = {
    "id": item_id("The item's id, unique in its entity.", DATA_ID_LIMIT),
    "name": text("What people call it; the id if it is left out."),
    "value": anything("Held in memory: what clients read, and write if it is writable."),
    "file": text("The value is what a file says; relative to the folder of the manifest.", minLength=1),
    **COMMAND_KEYS,
    "http": short_or(URL, "request"),
    "psutil": short_or(choice("A reading of this machine.", tuple(READINGS)), "reading"),
    "type": TYPE,
    "unit": UNIT,
    "category": {
        "anyOf": [{"enum": list(CATEGORIES)}, {"type": "string", "pattern": "^x-"}],
        "default": DEFAULT_CATEGORY,
        "description": "A category of the standard, or your own, which begins with x-.",
    },
    "pointer": {
        "type": "string",
        "pattern": "^(/([^~]|~[01])*)?$",
        "description": "The value is the part of a JSON document that this JSON Pointer names.",
    },
    "match": expression("The value is in the first line that matches: the first group, or all that matches.")
    | {"maxLength": MATCH_LIMIT},
    "scale": number("A number that is read is multiplied by this.") | {"not": {"const": 0}},
    "offset": number("Added after scale."),
    **RANGE_KEYS,
    "writable": flag("Whether a value or a whole file may be written.", default=False),
    "write": {
        "description": "Where a written value goes; {value} stands for it.",
        "anyOf": [words("A command: the program and its arguments."), {"$ref": "#/definitions/write"}],
    },
    "refresh": number("Seconds for which a reading counts as new.", 0, LONGEST_REFRESH_S),
    "rules": listed("When something is wrong with the item.", "item_rule"),
    "timeout": number(
        "Seconds a reading may take.", SHORTEST_TIMEOUT_S, LONGEST_READ_TIMEOUT_S, default=READ_TIMEOUT_S
    ),
}

_WRITE_TIMEOUT: Final = number(
    "Seconds a write may take.", SHORTEST_TIMEOUT_S, LONGEST_TIMEOUT_S, default=WRITE_TIMEOUT_S
)

DEFINITIONS: Final[Keys] = {
    "data_item": mapping(
        "A data item: held in memory, or bound to what says its value.",
        _KEYS,
        ["id"],
        allOf=[*at_most_one_of("value", *ORIGINS), TEXT_NEEDS_SHELL, _WRITABLE_NEEDS_WRITE],
        anyOf=one_of_them("value", *ORIGINS, "type"),
        dependencies={
            **NEEDS_COMMAND,
            **dict.fromkeys(("pointer", "match"), _SAID),
            **dict.fromkeys(("scale", "offset", "refresh", "timeout", "write"), _BOUND),
        },
    ),
    "reading": mapping("A reading with its parameters.", _READING_KEYS, ["reading"]),
    "write": mapping(
        "A command or a request; what a request does not say is that of the reading.",
        {**COMMAND_KEYS, **REQUEST_KEYS, "timeout": _WRITE_TIMEOUT},
        allOf=[
            TEXT_NEEDS_SHELL,
            *({"not": {"required": ["command", key]}} for key in REQUEST_KEYS),
            {"properties": {"method": {"not": {"const": "GET"}}}},
        ],
        dependencies=NEEDS_COMMAND,
    ),
}
