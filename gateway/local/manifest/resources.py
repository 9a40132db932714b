"""Reads Grove's own sections of the manifest, those of a Component or App: each section has its own reader."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from entities.model import EntityKind
from gateway.local.bindings import Resources
from gateway.local.logs.bindings import LogBinding, log_name
from gateway.local.manifest.configurations import read_configuration
from gateway.local.manifest.data_bindings import read_data
from gateway.local.manifest.declared_faults import read_fault
from gateway.local.manifest.declared_operations import read_operation
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.log_bindings import read_log
from gateway.local.manifest.problem import Rule

SECTIONS: Final = ("data", "operations", "configurations", "faults", "logs")

Item = TypeVar("Item")


def read_resources(fields: Fields, kind: EntityKind, base: Path) -> Resources:
    """The resources of one entity; relative `file:` names count from the folder `base`."""
    if kind not in {EntityKind.COMPONENT, EntityKind.APP}:
        _refuse_sections(fields, kind)
        return Resources()
    return Resources(
        data=_read_list(fields, "data", "id", lambda item: read_data(item, base)),
        operations=_read_list(fields, "operations", "id", lambda item: read_operation(item, base)),
        configurations=_read_list(fields, "configurations", "id", read_configuration),
        faults=_read_list(fields, "faults", "code", read_fault),
        logs=_read_logs(fields, base),
    )


def _refuse_sections(fields: Fields, kind: EntityKind) -> None:
    for section in SECTIONS:
        if fields.has(section):
            fields.problem(
                Rule.G009,
                section,
                f"found '{section}' on {kind.singular} {fields.text('id')!r}, allowed on components and apps;"
                f" move it to the one it belongs to",
            )


def _read_list(fields: Fields, section: str, key: str, read: Callable[[Fields], Item | None]) -> tuple[Item, ...]:
    items: dict[str, Item] = {}
    for item_fields in fields.mappings(section):
        item = read(item_fields)
        item_fields.refuse_unread()
        item_id = item_fields.text(key)
        if item is None or item_id is None:
            continue
        if item_id in items:
            item_fields.problem(Rule.G008, key, f"found {item_id!r} twice in this list; rename or remove one")
        items.setdefault(item_id, item)
    return tuple(items.values())


def _read_logs(fields: Fields, base: Path) -> tuple[LogBinding, ...]:
    """Logs have names that come from what they are bound to; two of one name could not be told apart."""
    logs: dict[str, LogBinding] = {}
    for item_fields in fields.mappings("logs"):
        log = read_log(item_fields, base)
        item_fields.refuse_unread()
        if log is None:
            continue
        if log_name(log) in logs:
            item_fields.problem(Rule.G008, "name", f"found the log {log_name(log)!r} twice; give one another 'name'")
        logs.setdefault(log_name(log), log)
    return tuple(logs.values())
