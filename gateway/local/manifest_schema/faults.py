"""The items of `faults` and `rules`."""

from typing import Any, Final

from gateway.local.fault_rule import DEFAULT_EVERY_S, LONGEST_S, SHORTEST_EVERY_S
from gateway.local.fault_spec import FAULT_CODE_LIMIT, MAX_FRAMES, FaultStatus, Severity
from gateway.local.manifest.fault_specs import MAX_DEBOUNCE, NEVER
from gateway.local.manifest_schema.shapes import (
    Keys,
    Schema,
    anything,
    at_most_one_of,
    choice,
    item_id,
    mapping,
    number,
    one_of_them,
    text,
    whole,
    words,
)

_SEVERITIES: Final = [
    *(severity.name for severity in Severity),
    *(severity.value for severity in Severity),
    *(str(severity.value) for severity in Severity),
]
_TIME: Final[Schema] = {
    "type": ["string", "number"],
    "description": "Seconds since 1970, or ISO 8601; when the gateway starts.",
}

_FAULT: Final[Keys] = {
    "code": item_id("The fault's code, unique in its entity.", FAULT_CODE_LIMIT),
    "severity": choice("How bad it is.", _SEVERITIES),
    "description": text("What has happened."),
    "fail": whole("So many reports in a row that the check failed confirm it.", 1, MAX_DEBOUNCE),
    "heal": {
        "anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_DEBOUNCE}, {"const": NEVER}],
        "description": "So many reports in a row that the check passed heal it, or never.",
    },
    "snapshot": words("Data items whose values are noted when it occurs.") | {"maxItems": MAX_FRAMES},
    "symptoms": words("Codes of the same entity that are cleared with it."),
}
"""What declared faults and those of rules have in common."""

_DECLARED: Final[Keys] = {
    **_FAULT,
    "status": choice("Where it is in its life.", [status.value for status in FaultStatus], default="CONFIRMED"),
    "first_occurred": _TIME,
    "last_occurred": _TIME,
    "occurrence_count": whole("How often.", 0),
}

_CONDITIONS: Final[Keys] = {
    "above": number("Holds while a number is greater."),
    "below": number("Holds while a number is less."),
    "outside": {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 2,
        "maxItems": 2,
        "description": "Holds while a number is below the first or above the second.",
    },
    "equals": anything("Holds while the value is exactly this one."),
    "differs": anything("Holds while the value is another one."),
    "stale_s": number("Holds when there was no new value for so many seconds.", SHORTEST_EVERY_S, LONGEST_S),
    "changes": {"const": True, "description": "Holds when the value is another one than at the look before."},
    "unreadable": {"const": True, "description": "Holds while the value cannot be read."},
}

_RULE: Final[Keys] = {
    **_FAULT,
    "severity": _FAULT["severity"] | {"default": "ERROR"},
    **_CONDITIONS,
    "hysteresis": number("How far within the limit the value must be again before it is over.", 0),
    "hold_s": number("Seconds for which the condition must hold before it is reported.", 0, LONGEST_S),
    "every_s": number("Seconds between two looks.", SHORTEST_EVERY_S, LONGEST_S, default=DEFAULT_EVERY_S),
}

_ONE_CONDITION: Final[dict[str, Any]] = {
    "allOf": at_most_one_of(*_CONDITIONS),
    "anyOf": one_of_them(*_CONDITIONS),
    "dependencies": {"hysteresis": {"anyOf": one_of_them("above", "below", "outside")}},
}

DEFINITIONS: Final[Keys] = {
    "fault": mapping("A fault the entity starts with.", _DECLARED, ["code", "severity"]),
    "item_rule": mapping("Reports a fault while something is wrong with the item.", _RULE, ["code"], **_ONE_CONDITION),
    "rule": mapping(
        "Reports a fault while something is wrong with a data item.",
        {**_RULE, "item": item_id("The id of the data item.", 256)},
        ["code", "item"],
        **_ONE_CONDITION,
    ),
}
