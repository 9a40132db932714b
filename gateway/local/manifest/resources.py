"""Reads Grove's own sections of the manifest, those of a Component or App: each section has its own reader."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from entities.model import EntityKind
from gateway.local.bindings import DataBinding, Resources
from gateway.local.fault_rule import FaultRule
from gateway.local.logs.bindings import LogBinding, log_name
from gateway.local.manifest.configurations import read_configuration
from gateway.local.manifest.data_bindings import read_data
from gateway.local.manifest.declared_faults import read_fault
from gateway.local.manifest.declared_operations import read_operation
from gateway.local.manifest.fault_rules import read_entity_rules, read_item_rules
from gateway.local.manifest.fields import Fields
from gateway.local.manifest.log_bindings import read_log
from gateway.local.manifest.problem import Rule

SECTIONS: Final = ("data", "operations", "configurations", "faults", "logs", "rules")

Item = TypeVar("Item")


def read_resources(fields: Fields, kind: EntityKind, base: Path) -> Resources:
    """The resources of one entity; relative `file:` names count from the folder `base`."""
    if kind not in {EntityKind.COMPONENT, EntityKind.APP}:
        _refuse_sections(fields, kind)
        return Resources()
    rules: list[FaultRule] = []

    def read_watched_data(item: Fields) -> DataBinding | None:
        """The item; the rules that stand at it are put with the others."""
        binding = read_data(item, base)
        if binding is None:
            item.mappings("rules")
        else:
            rules.extend(read_item_rules(item, binding.spec.id, binding.spec.type))
        return binding

    data: tuple[DataBinding, ...] = _read_list(fields, "data", "id", read_watched_data)
    rules.extend(read_entity_rules(fields, {binding.spec.id: binding.spec.type for binding in data}))
    faults = _read_list(fields, "faults", "code", read_fault)
    _require_single_codes(fields, rules, {fault.spec.code for fault in faults})
    return Resources(
        data=data,
        operations=_read_list(fields, "operations", "id", lambda item: read_operation(item, base)),
        configurations=_read_list(fields, "configurations", "id", lambda item: read_configuration(item, base)),
        logs=_read_logs(fields, base),
        faults=faults,
        rules=tuple(rules),
    )


def _require_single_codes(fields: Fields, rules: Sequence[FaultRule], declared: set[str]) -> None:
    """What one rule reports another must not heal, nor may a fault that is declared to be there."""
    seen = set(declared)
    for rule in rules:
        code = rule.fault.code
        if code in seen:
            message = f"found {code!r} of a rule again on {fields.text('id')!r}; give each rule a code of its own"
            fields.problem(Rule.G008, "rules", message)
        seen.add(code)


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
