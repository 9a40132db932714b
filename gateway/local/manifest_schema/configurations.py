"""The items of `configurations`."""

from typing import Final

from gateway.local.bindings import CONFIGURATION_ID_LIMIT
from gateway.local.manifest_schema.shapes import Keys, anything, flag, item_id, mapping, text
from gateway.local.manifest_schema.values import RANGE_KEYS, TYPE, UNIT

_KEYS: Final[Keys] = {
    "id": item_id("The configuration's id, unique in its entity.", CONFIGURATION_ID_LIMIT),
    "value": anything("The default, to which a reset returns."),
    "type": TYPE,
    "read_only": flag("Whether clients may not change it.", default=False),
    "description": text("What it is for."),
    "unit": UNIT,
    **RANGE_KEYS,
}

DEFINITIONS: Final[Keys] = {"configuration": mapping("A value that clients may set.", _KEYS, ["id", "value"])}
