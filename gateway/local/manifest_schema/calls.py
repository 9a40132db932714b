"""Commands and HTTP requests, wherever the manifest has them."""

from typing import Final

from gateway.local.manifest.calls import METHODS
from gateway.local.manifest_schema.shapes import (
    Keys,
    Schema,
    anything,
    choice,
    flag,
    mapping,
    text,
    texts_by_name,
    words,
)

COMMAND_KEYS: Final[Keys] = {
    "command": {
        "description": "The program and its arguments; with 'shell: true' one text for /bin/sh.",
        "anyOf": [
            words("The program and its arguments.") | {"minItems": 1, "not": {"items": [{"const": ""}]}},
            {"type": "string"},
        ],
    },
    "shell": flag("Whether the command is a text for /bin/sh.", default=False),
    "directory": text("Where it runs: the folder of the manifest, or relative to it."),
    "environment": texts_by_name("Further variables of its environment.")
    | {"propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}},
}
"""What describes a command, in the mapping in which `command` stands."""

NEEDS_COMMAND: Final = {"shell": ["command"], "directory": ["command"], "environment": ["command"]}
"""For `dependencies`."""

TEXT_NEEDS_SHELL: Final[Schema] = {
    "if": {"properties": {"command": {"type": "string"}}, "required": ["command"]},
    "then": {"properties": {"shell": {"const": True}}, "required": ["shell"]},
    "else": {"properties": {"shell": {"const": False}}},
}
"""For `allOf`: a list and a text are told from each other."""

_URL: Final = "^[Hh][Tt][Tt][Pp][Ss]?://[^@/]+(/.*)?([?#].*)?$"

REQUEST_KEYS: Final[Keys] = {
    "url": {"type": "string", "pattern": _URL, "description": "http or https, without a password in it."},
    "method": choice("GET to read, PUT to write, POST for operations.", METHODS),
    "headers": texts_by_name(
        "By name; secrets stand in a file or in the environment.",
        {
            "anyOf": [
                text("Any text that is no secret."),
                mapping(
                    "Where the header's value stands.",
                    {
                        "file": text("A file, read for each request; relative to the folder of the manifest."),
                        "env": text("A variable of the gateway's environment."),
                        "prefix": text("What stands in front of it, such as 'Bearer '."),
                    },
                    oneOf=[{"required": ["file"]}, {"required": ["env"]}],
                ),
            ]
        },
    ),
    "body": anything("Sent as JSON, a text as it is; names in braces are replaced by values."),
}
"""What describes an HTTP request."""

URL: Final[Schema] = {"type": "string", "pattern": _URL, "description": "The URL that is asked."}

DEFINITIONS: Final[Keys] = {"request": mapping("An HTTP request.", REQUEST_KEYS, ["url"])}
