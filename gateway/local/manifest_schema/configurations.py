"""The items of `configurations`."""

from typing import Final

from gateway.local.bindings import CONFIGURATION_ID_LIMIT, WRITE_TIMEOUT_S
from gateway.local.manifest.calls import LONGEST_TIMEOUT_S, SHORTEST_TIMEOUT_S
from gateway.local.manifest_schema.calls import COMMAND_KEYS, NEEDS_COMMAND, REQUEST_KEYS, TEXT_NEEDS_SHELL
from gateway.local.manifest_schema.shapes import (
    Keys,
    anything,
    at_most_one_of,
    flag,
    item_id,
    mapping,
    number,
    one_of_them,
    text,
    words,
)
from gateway.local.manifest_schema.values import RANGE_KEYS, TYPE, UNIT

_KEYS: Final[Keys] = {
    "id": item_id("The configuration's id, unique in its entity.", CONFIGURATION_ID_LIMIT),
    "value": anything("The default, to which a reset returns."),
    "type": TYPE,
    "read_only": flag("Whether clients may not change it.", default=False),
    "description": text("What it is for."),
    "unit": UNIT,
    **RANGE_KEYS,
    "apply": {
        "description": "Who is told of a value before it counts, and may refuse it; {value} stands for it.",
        "anyOf": [words("A command: the program and its arguments."), {"$ref": "#/definitions/apply"}],
    },
}

_APPLY: Final[Keys] = {
    "file": text("A file that has the value; relative to the folder of the manifest.", minLength=1),
    **COMMAND_KEYS,
    **REQUEST_KEYS,
    "timeout": number("Seconds it may take.", SHORTEST_TIMEOUT_S, LONGEST_TIMEOUT_S, default=WRITE_TIMEOUT_S),
}

DEFINITIONS: Final[Keys] = {
    "configuration": mapping("A value that clients may set.", _KEYS, ["id", "value"]),
    "apply": mapping(
        "A file, a command or a request.",
        _APPLY,
        (),
        allOf=[
            TEXT_NEEDS_SHELL,
            *at_most_one_of("file", "command", "url"),
            *({"not": {"required": ["command", key]}} for key in REQUEST_KEYS),
            {"properties": {"method": {"not": {"const": "GET"}}}},
        ],
        anyOf=one_of_them("file", "command", "url"),
        dependencies=NEEDS_COMMAND,
    ),
}
