"""Faults and their snapshots as rows of the storage."""

from typing import Any

import msgspec

from entities.model import EntityKind
from gateway.local.answers import EntityRef
from gateway.local.fault_life import Fault
from gateway.local.storage import Row, Statement

Key = tuple[EntityRef, str]
"""The entity that reports a fault, and its code."""

ALL_FAULTS = "SELECT kind, entity, code, record FROM fault"
ALL_SNAPSHOTS = "SELECT kind, entity, code, frames FROM snapshot"

_decoder = msgspec.json.Decoder(Fault)


def save_fault(ref: EntityRef, fault: Fault) -> Statement:
    """Stores a fault as it is now, whatever was there: one row, so that nothing of it can be torn."""
    return Statement(
        "INSERT INTO fault VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record",
        (ref.kind.value, ref.id, fault.code, msgspec.json.encode(fault).decode()),
    )


def drop_fault(key: Key) -> tuple[Statement, Statement]:
    """Forgets a fault and its snapshot."""
    ref, code = key
    where = (ref.kind.value, ref.id, code)
    return (
        Statement("DELETE FROM fault WHERE kind = ? AND entity = ? AND code = ?", where),
        Statement("DELETE FROM snapshot WHERE kind = ? AND entity = ? AND code = ?", where),
    )


def save_snapshot(key: Key, frames: list[dict[str, Any]]) -> Statement:
    """Stores the snapshot of a fault's last occurrence."""
    ref, code = key
    return Statement(
        "INSERT INTO snapshot VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET frames = excluded.frames",
        (ref.kind.value, ref.id, code, msgspec.json.encode(frames).decode()),
    )


def read_fault(row: Row) -> tuple[Key, Fault] | None:
    """Of a row of ALL_FAULTS; None where it is not one of ours."""
    kind, entity, code, record = row
    try:
        return (EntityRef(EntityKind(kind), str(entity)), str(code)), _decoder.decode(str(record))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None


def read_snapshot(row: Row) -> tuple[Key, list[dict[str, Any]]] | None:
    """Of a row of ALL_SNAPSHOTS; None where it is not one of ours."""
    kind, entity, code, frames = row
    try:
        found = msgspec.json.decode(str(frames), type=list[dict[str, Any]])
        return (EntityRef(EntityKind(kind), str(entity)), str(code)), found
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None
