"""Reads the configurations of an entity (docs/manifest.md, "Configurations")."""

from dataclasses import replace
from pathlib import Path

from gateway.local.bindings import CONFIGURATION_ID_LIMIT, WRITE_TIMEOUT_S, Configuration
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.items import fit, read_item_id, read_type
from gateway.local.manifest.problem import Rule
from gateway.local.manifest.ranges import read_range, require_in_range
from gateway.local.manifest.targets import read_apply


def read_configuration(fields: Fields, base: Path) -> Configuration | None:
    """One configuration; None when it cannot be used, with the reason in the report. Files count from `base`."""
    item_id = read_item_id(fields, "id", CONFIGURATION_ID_LIMIT, "offset")
    given = fields.require("value", "0.5")
    value, data_type = fit(fields, fields.value("value"), read_type(fields))
    allowed = read_range(fields, data_type)
    require_in_range(fields, "value", value, allowed)
    read_only = fields.flag("read_only") or False
    description = fields.text("description", multiline=True) or ""
    unit = fields.text("unit")
    applied = read_apply(fields, base)
    if read_only and applied is not None:
        fields.problem(Rule.G009, "apply", "found 'apply' beside 'read_only: true', which is never set; remove one")
    if item_id is None or not given or data_type is None:
        return None
    found = Configuration(item_id, value, data_type, read_only, description, unit, allowed)
    if applied is None:
        return found
    return replace(found, target=applied.target, apply_timeout_s=applied.timeout_s or WRITE_TIMEOUT_S)
