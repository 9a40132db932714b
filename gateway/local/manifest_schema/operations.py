"""The items of `operations`."""

from typing import Final

from gateway.local.executions import RUNNING_LIMIT
from gateway.local.manifest.calls import SHORTEST_TIMEOUT_S
from gateway.local.manifest.declared_operations import LONGEST_EXECUTION_S
from gateway.local.manifest_schema.calls import COMMAND_KEYS, NEEDS_COMMAND, TEXT_NEEDS_SHELL, URL
from gateway.local.manifest_schema.shapes import (
    Keys,
    anything,
    at_most_one_of,
    choice,
    flag,
    item_id,
    listed,
    mapping,
    number,
    one_of_them,
    short_or,
    text,
    whole,
)
from gateway.local.manifest_schema.values import RANGE_KEYS, TYPE, UNIT
from gateway.local.operation_arguments import ARGUMENT_NAME_LIMIT, ARGUMENT_TEXT_LIMIT
from gateway.local.operations import OPERATION_ID_LIMIT

_KEYS: Final[Keys] = {
    "id": item_id("The operation's id, unique in its entity.", OPERATION_ID_LIMIT) | {"pattern": "^[^/]+$"},
    "name": text("What people call it; the id if it is left out."),
    "description": text("What it does."),
    **COMMAND_KEYS,
    "stdin": choice("The command gets its parameters as JSON on its standard input.", ["json"]),
    "http": short_or(URL, "request"),
    "arguments": listed("What whoever starts it may or must say.", "argument"),
    "asynchronous": flag("Whether it goes on by itself, and is asked how far it is.", default=False),
    "timeout": number(
        "Seconds after which it is ended and has failed; at most 3600 unless it is asynchronous.",
        SHORTEST_TIMEOUT_S,
        LONGEST_EXECUTION_S,
    ),
    "at_once": whole("How many executions may run at the same time.", 1, RUNNING_LIMIT),
    "confirm": text("A question that a person should be asked first."),
}

_ARGUMENT_KEYS: Final[Keys] = {
    "name": text(
        "Stands in braces in the command or request.",
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        maxLength=ARGUMENT_NAME_LIMIT,
    ),
    "type": TYPE | {"default": "string"},
    "required": flag("Whether it must be given.", default=False),
    "default": anything("The value when it is not given."),
    **RANGE_KEYS,
    "max_length": whole("The most characters of a text.", 1, ARGUMENT_TEXT_LIMIT),
    "unit": UNIT,
    "description": text("What it means."),
}

DEFINITIONS: Final[Keys] = {
    "operation": mapping(
        "An operation: a command that is run, or a device that is asked.",
        _KEYS,
        ["id"],
        allOf=[*at_most_one_of("command", "http"), TEXT_NEEDS_SHELL],
        anyOf=one_of_them("command", "http"),
        dependencies={**NEEDS_COMMAND, "stdin": ["command"]},
    ),
    "argument": mapping("An argument of an operation.", _ARGUMENT_KEYS, ["name"]),
}
