"""Reads a Component's identity: the `identity` block, and the columns of an asset (docs/manifest.md, "Entities")."""

from collections.abc import Mapping, Sequence
from typing import Final

from entities.model import Identity
from gateway.local.manifest.fields import Fields

_ASSET_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "manufacturer": ("manufacturer",),
    "model": ("model",),
    "serial_number": ("serial", "serial_number"),
    "hardware_revision": ("hardware_rev", "hardware_revision", "hw_rev"),
    "firmware_version": ("firmware", "firmware_version", "fw"),
    "network_endpoint": ("endpoint",),
    "role": ("role",),
}
"""Field of the identity -> the column's names, the first one present counts."""


def read_identity(fields: Fields) -> Identity:
    """The `identity` block of a component."""
    extra = fields.mapping("extra")
    identity = Identity(
        manufacturer=fields.text("manufacturer"),
        model=fields.text("model"),
        order_code=fields.text("order_code"),
        serial_number=fields.text("serial_number"),
        hardware_revision=fields.text("hardware_revision"),
        firmware_version=fields.text("firmware_version"),
        software_version=fields.text("software_version"),
        network_endpoint=fields.text("network_endpoint"),
        role=fields.text("role"),
        extra=extra.scalars() if extra else {},
    )
    if extra:
        extra.ignore_unread()
    fields.ignore_unread()
    return identity


def read_asset_identity(fields: Fields) -> Identity:
    """The identity in an asset's columns. Reads last: every other text of the asset goes to `extra`."""
    known = {
        name: next((text for text in [fields.text(column) for column in columns] if text), None)
        for name, columns in _ASSET_COLUMNS.items()
    }
    return Identity(**known, extra=fields.scalars())
