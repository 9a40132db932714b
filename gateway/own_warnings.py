"""What `/health` warns of our own entities."""

from collections.abc import Iterator

from gateway.local.storage import Storage
from peers.view import Warned


def storage_warnings(storage: Storage) -> Iterator[Warned]:
    """Whether faults and configuration values can be kept, and whether those of earlier runs were."""
    if storage.failure is not None:
        yield Warned(
            "storage_failed",
            f"faults and configuration values cannot be stored: {storage.failure}; changes of configurations and"
            " clearings of faults are refused until they can be, it is tried again every few seconds",
        )
    if storage.damage is not None:
        yield Warned(
            "storage_replaced",
            f"the file of stored faults and configuration values was damaged and is set aside: {storage.damage};"
            " a new one was begun, so what was stored before is at its default",
        )
