"""The faults of all own entities as they were decided, and as they are shown: a fault is shown when it is stored.

So nothing that was answered is lost when the process is killed. A disk that fails hides no fault: what cannot be
stored is shown all the same, and stored when that is possible again. Only a clearing that cannot be stored is none.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.local.answers import EntityRef
from gateway.local.fault_life import Fault, joined
from gateway.local.fault_rows import Key, drop_fault, read_fault, read_snapshot, save_fault, save_snapshot
from gateway.local.storage import Keep, Row, StorageFailure, Stored

Shown = Callable[[EntityRef, Fault | None, Fault], None]
"""Called with a fault as it was shown before, None for a new one, and as it is shown from now on."""

Frames = list[dict[str, Any]]


class FaultBook:
    """Faults by the entity that reports them and their code, in the order in which they came."""

    def __init__(self, keep: Keep, shown: Shown, *, awaits_storage: bool = False) -> None:
        self._keep = keep
        self._on_shown = shown
        # Mutable: the newest decisions, what is shown and since which decision, what the storage lacks, the snapshots.
        self._decided: dict[EntityRef, dict[str, Fault]] = {}
        self._shown: dict[EntityRef, dict[str, Fault]] = {}
        self._unsaved: set[Key] = set()
        self._numbers = itertools.count(1)
        self._newest_shown: dict[Key, int] = {}
        self.is_restored = not awaits_storage
        """Whether what was stored is known."""
        self._snapshots: dict[Key, Frames] = {}

    def newest(self, ref: EntityRef, code: str) -> Fault | None:
        """The fault as it was decided last: what the next decision begins with."""
        return self._decided.get(ref, {}).get(code)

    def decided(self, ref: EntityRef) -> Mapping[str, Fault]:
        """All of one entity as they were decided last."""
        return self._decided.get(ref, {})

    def shown(self, ref: EntityRef) -> Mapping[str, Fault]:
        """All of one entity as they are shown."""
        return self._shown.get(ref, {})

    def entities(self) -> list[EntityRef]:
        """Who has faults."""
        return list(self._decided)

    def snapshot(self, ref: EntityRef, code: str) -> Frames:
        """What was noted at the last occurrence of a fault."""
        return self._snapshots.get((ref, code), [])

    def begin(self, ref: EntityRef, fault: Fault) -> None:
        """A fault with which an entity starts; it is there again after a restart without being stored."""
        self._decided.setdefault(ref, {})[fault.code] = fault
        self._shown.setdefault(ref, {})[fault.code] = fault

    def decide(self, ref: EntityRef, fault: Fault, stored: Stored) -> None:
        """How a fault is from now on; shown, and then told, when that is stored or cannot be."""
        number = next(self._numbers)

        def done(failure: StorageFailure | None) -> None:
            self._show(ref, fault, failure, number)
            stored(failure)

        self._decided.setdefault(ref, {})[fault.code] = fault
        self._keep([save_fault(ref, fault)], done)

    def decide_or_not(self, faults: Iterable[tuple[EntityRef, Fault]], stored: Stored) -> None:
        """How these are from now on, all of them or none: what cannot be stored is not so."""
        changed = list(faults)
        number = next(self._numbers)

        def done(failure: StorageFailure | None) -> None:
            for ref, fault in changed:
                if failure is None:
                    self._show(ref, fault, None, number)
                elif self.newest(ref, fault.code) is fault:
                    self._decided[ref][fault.code] = self._shown.get(ref, {}).get(fault.code, fault)
            stored(failure)

        for ref, fault in changed:
            self._decided.setdefault(ref, {})[fault.code] = fault
        self._keep([save_fault(ref, fault) for ref, fault in changed], done)

    def forget(self, ref: EntityRef, code: str) -> None:
        """A fault that makes room for others."""
        self._decided.get(ref, {}).pop(code, None)
        self._shown.get(ref, {}).pop(code, None)
        self._snapshots.pop((ref, code), None)
        self._unsaved.discard((ref, code))
        self._newest_shown.pop((ref, code), None)
        self._keep(drop_fault((ref, code)), _unheard)

    def note(self, ref: EntityRef, code: str, frames: Frames) -> None:
        """The snapshot of the last occurrence of a fault."""
        self._snapshots[ref, code] = frames
        self._keep([save_snapshot((ref, code), frames)], _unheard)

    def restore(self, faults: Iterable[Row], snapshots: Iterable[Row]) -> None:
        """Takes up what was stored; what was decided since the start comes after it, and is stored where it is missing.

        At another time, for a file that was opened again, what is decided has everything in it.
        """
        found = dict(filter(None, map(read_fault, faults)))
        for (ref, code), fault in found.items():
            newest = self.newest(ref, code)
            if newest is None or not newest.history:  # only declared, so far
                self.begin(ref, fault)
            elif not self.is_restored:
                self.decide(ref, joined(fault, newest), _unheard)
        for ref, of_entity in self._decided.items():
            own = ((ref, code) for code, fault in of_entity.items() if fault.history)
            self._unsaved.update(key for key in own if key not in found)
        self._snapshots = dict(filter(None, map(read_snapshot, snapshots))) | self._snapshots
        self.is_restored = True
        self.save_again()

    def save_again(self) -> None:
        """Stores what could not be stored."""
        for ref, code in list(self._unsaved):
            fault = self.newest(ref, code)
            if fault is not None:
                self.decide(ref, fault, _unheard)

    def _show(self, ref: EntityRef, fault: Fault, failure: StorageFailure | None, number: int) -> None:
        """Shows it, unless a later decision is shown: one that finds the storage full ends before those that wait."""
        key = (ref, fault.code)
        newest = self.newest(ref, fault.code)
        if newest is None:
            return  # forgotten meanwhile
        if failure is not None:
            self._unsaved.add(key)
        elif newest is fault:
            self._unsaved.discard(key)
        if failure is None:
            self._save_one_again()
        if number < self._newest_shown.get(key, 0):
            return
        self._newest_shown[key] = number
        of_entity = self._shown.setdefault(ref, {})
        before = of_entity.get(fault.code)
        of_entity[fault.code] = fault
        if before is not fault:
            self._on_shown(ref, before, fault)

    def _save_one_again(self) -> None:
        """There is room in the storage now: one of those that found none is tried again."""
        for ref, code in list(itertools.islice(self._unsaved, 1)):
            fault = self.newest(ref, code)
            self._unsaved.discard((ref, code))
            if fault is not None:
                self.decide(ref, fault, _unheard)


def _unheard(failure: StorageFailure | None) -> None:
    """Nobody waits for it: what is wrong stands in `/health`."""
