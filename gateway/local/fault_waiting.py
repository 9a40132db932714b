"""What of a fault waits for the storage: a few rows and one snapshot, however fast it is reported."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.local.answers import EntityRef
from gateway.local.fault_life import Fault
from gateway.local.fault_rows import Key, save_fault, save_snapshot
from gateway.local.storage import Statement, Stored

MAX_WAITING_STATUSES: Final = 16
"""Changes of a fault's status that wait, each to be shown; further ones are shown as one."""

Frames = list[dict[str, Any]]


class WaitingFault:
    """A decision of one fault from when it is given to the storage on. Until it is written a later one may take its
    place, so that a storm of reports is not a storm of writes.
    """

    def __init__(self, ref: EntityRef, before: "WaitingFault | None") -> None:
        self.ref = ref
        self.row: int = 1 if before is None or not before.is_open else before.row + 1
        """How many decisions of its fault wait, with it."""
        # Mutable: the decision and its number, who waits for it, whether it is not written yet.
        self.fault: Fault
        self.number: int
        self.told: list[Stored] = []
        self.is_open: bool = True

    def takes(self, fault: Fault) -> bool:
        """Whether a later decision may take its place: where none shall be shown between them."""
        return self.is_open and (fault.status is self.fault.status or self.row >= MAX_WAITING_STATUSES)

    def __iter__(self) -> Iterator[Statement]:
        self.is_open = False
        yield save_fault(self.ref, self.fault)


class WaitingFaults:
    """Faults that are stored together; what is written of each is made when it is."""

    def __init__(self, faults: Sequence[tuple[EntityRef, Fault]]) -> None:
        self._faults = faults

    def __iter__(self) -> Iterator[Statement]:
        return (save_fault(ref, fault) for ref, fault in self._faults)


class WaitingSnapshot:
    """The snapshot of a fault from when it is given to the storage on; what is written is the last one until then."""

    def __init__(self, key: Key, snapshots: Mapping[Key, Frames]) -> None:
        self._key = key
        self._snapshots = snapshots
        self.is_open = True  # mutable: whether it is not written yet

    def __iter__(self) -> Iterator[Statement]:
        self.is_open = False
        yield save_snapshot(self._key, self._snapshots.get(self._key, []))
