"""Reads the configurations of an entity (docs/manifest.md, "Configurations")."""

from gateway.local.bindings import CONFIGURATION_ID_LIMIT, Configuration
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.items import fit, read_item_id, read_type
from gateway.local.manifest.ranges import read_range, require_in_range


def read_configuration(fields: Fields) -> Configuration | None:
    """One configuration; None when it cannot be used, with the reason in the report."""
    item_id = read_item_id(fields, "id", CONFIGURATION_ID_LIMIT, "offset")
    given = fields.require("value", "0.5")
    value, data_type = fit(fields, fields.value("value"), read_type(fields))
    allowed = read_range(fields, data_type)
    require_in_range(fields, "value", value, allowed)
    read_only = fields.flag("read_only") or False
    description = fields.text("description", multiline=True) or ""
    unit = fields.text("unit")
    if item_id is None or not given or data_type is None:
        return None
    return Configuration(item_id, value, data_type, read_only, description, unit, allowed)
