"""What the items that have values have in common: a type, and what of it is allowed."""

from typing import Final

from gateway.local.manifest_schema.shapes import Keys, anything, choice, expression, number, text
from gateway.local.values import DataType

TYPE: Final = choice("The type of the value.", [data_type.value for data_type in DataType])

RANGE_KEYS: Final[Keys] = {
    "min": number("The least number that may be written."),
    "max": number("The greatest number that may be written."),
    "step": {**number("What may be written is so far apart, from min or from 0."), "exclusiveMinimum": 0},
    "enum": {"type": "array", "minItems": 1, "items": anything("A value."), "description": "All allowed values."},
    "pattern": expression("A regular expression that a written text must match as a whole."),
}

UNIT: Final = text("Any text, such as bar.")
