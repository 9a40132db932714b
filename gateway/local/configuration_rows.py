"""Configuration values as rows of the storage."""

from typing import Any

import msgspec
import structlog

from entities.model import EntityKind
from gateway.local.answers import EntityRef
from gateway.local.storage import Row, Statement

_log = structlog.get_logger(__name__)

Key = tuple[EntityRef, str]
"""An entity, and the id of one of its configurations."""

ALL_ROWS = "SELECT kind, entity, item, value FROM configuration"


def save_row(key: Key, value: Any, now_ns: int) -> Statement:
    """Stores a value, whatever was there."""
    ref, item_id = key
    return Statement(
        "INSERT INTO configuration VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET value = excluded.value, changed_ns = excluded.changed_ns",
        (ref.kind.value, ref.id, item_id, msgspec.json.encode(value).decode(), now_ns),
    )


def drop_row(key: Key) -> Statement:
    """Forgets a value."""
    ref, item_id = key
    sql = "DELETE FROM configuration WHERE kind = ? AND entity = ? AND item = ?"
    return Statement(sql, (ref.kind.value, ref.id, item_id))


def read_row(row: Row) -> tuple[Key, Any] | None:
    """Of a row of ALL_ROWS; None where it is not one of ours."""
    kind, entity, item_id, value = row
    try:
        ref = EntityRef(EntityKind(kind), str(entity))
        return (ref, str(item_id)), msgspec.json.decode(str(value))
    except (ValueError, msgspec.DecodeError, RecursionError):
        _log.warning("stored value cannot be read and is left alone", entity=entity, item=item_id)
        return None
