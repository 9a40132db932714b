"""Reads the data items of an entity: where each value comes from (docs/manifest.md, "Data")."""

from pathlib import Path

from gateway.local.bindings import (
    CATEGORIES,
    DATA_ID_LIMIT,
    DEFAULT_CATEGORY,
    DataBinding,
    DataSpec,
    FileData,
    HeldData,
)
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.items import fit, read_item_id, read_type
from gateway.local.manifest.problem import Rule
from gateway.local.values import DataType


def read_data(fields: Fields, base: Path) -> DataBinding | None:
    """One data item; None when it cannot be used, with the reason in the report."""
    item_id = read_item_id(fields, "id", DATA_ID_LIMIT, "pressure")
    name, unit = fields.text("name"), fields.text("unit")
    category = _read_category(fields)
    value, file, data_type = fields.value("value"), fields.text("file"), read_type(fields)
    writable = fields.flag("writable") or False
    if fields.has("file"):
        _refuse_beside_file(fields, writable=writable)
        value, data_type = None, data_type or DataType.STRING
    elif data_type is None and not fields.has("value"):
        _require_origin(fields)
    value, data_type = fit(fields, value, data_type)
    if item_id is None or data_type is None:
        return None
    spec = DataSpec(item_id, name or item_id, data_type, category, unit, writable)
    return FileData(spec, base / file) if file else HeldData(spec, value)


def _read_category(fields: Fields) -> str:
    category = fields.text("category")
    if category is not None and category.startswith("x-"):
        return category
    return fields.choice("category", CATEGORIES) or DEFAULT_CATEGORY


def _refuse_beside_file(fields: Fields, *, writable: bool) -> None:
    if not fields.text("file"):
        fields.problem(Rule.G009, "file", "found an empty file name; write the path of a file")
    if fields.has("value"):
        fields.problem(Rule.G009, "value", "found 'value' beside 'file', allowed is one of them; remove one")
    if writable:
        fields.problem(Rule.G009, "writable", "found 'writable: true' beside 'file', a file is only read; remove it")


def _require_origin(fields: Fields) -> None:
    """A data item must say where its value comes from, or at least what may be written to it."""
    if fields.has("type"):
        return  # its type is wrong, and already reported
    fields.problem(Rule.G006, "value", "found no 'value', no 'file' and no 'type'; write one, for example 'value: 4.2'")
