"""The faults of all own entities as they were decided, and as they are shown: a fault is shown when it is stored.

So nothing that was answered is lost when the process is killed. A disk that fails hides no fault: what cannot be
stored is shown all the same, and stored when that is possible again. Only a clearing that cannot be stored is none.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from gateway.local.answers import EntityRef
from gateway.local.fault_life import Fault, joined
from gateway.local.fault_rows import Key, drop_fault, read_fault, read_snapshot
from gateway.local.fault_waiting import Frames, WaitingFault, WaitingFaults, WaitingSnapshot
from gateway.local.storage import Keep, Row, StorageFailure, Stored, unheard

SETTLED_AT_ONCE: Final = 32
"""Faults of those that are decided together that are shown before the loop may do something else."""

Shown = Callable[[EntityRef, Fault | None, Fault], None]
"""Called with a fault as it was shown before, None for a new one, and as it is shown from now on."""


class FaultBook:
    """Faults by the entity that reports them and their code, in the order in which they came."""

    def __init__(self, keep: Keep, shown: Shown, *, awaits_storage: bool = False) -> None:
        self._keep = keep
        self._on_shown = shown
        # Mutable: the newest decisions, and where the newest may turn out to be none, by their numbers those before it
        # down to the last that is sure; what is shown and since which decision, what the storage lacks, the snapshots,
        # what was given to the storage last.
        self._decided: dict[EntityRef, dict[str, Fault]] = {}
        self._unsure: dict[Key, dict[int, Fault]] = {}
        self._shown: dict[EntityRef, dict[str, Fault]] = {}
        self._unsaved: set[Key] = set()
        self._numbers = itertools.count(1)
        self._newest_shown: dict[Key, int] = {}
        self.is_restored = not awaits_storage
        """Whether what was stored is known."""
        self._snapshots: dict[Key, Frames] = {}
        self._unsaved_snapshots: set[Key] = set()
        self._waiting: dict[Key, WaitingFault] = {}
        self._waiting_snapshots: dict[Key, WaitingSnapshot] = {}

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

    def is_unsure(self, ref: EntityRef, code: str) -> bool:
        """Whether the newest decision may turn out to be none: a clearing that is not stored yet."""
        return (ref, code) in self._unsure

    def decide(self, ref: EntityRef, fault: Fault, stored: Stored) -> None:
        """How a fault is from now on; shown, and then told, when that is stored or cannot be. Of decisions that wait
        for the storage and do not change the status the last one is shown.
        """
        self._decided.setdefault(ref, {})[fault.code] = fault
        self._unsure.pop((ref, fault.code), None)
        before = self._waiting.get((ref, fault.code))
        waiting = before if before is not None and before.takes(fault) else WaitingFault(ref, before)
        waiting.fault, waiting.number = fault, next(self._numbers)
        if stored is not unheard:
            waiting.told.append(stored)
        if waiting is not before:
            self._waiting[ref, fault.code] = waiting
            self._keep(waiting, partial(self._done, waiting))

    def decide_or_not(self, faults: Iterable[tuple[EntityRef, Fault]], stored: Stored) -> None:
        """How these are from now on, all of them or none: what cannot be stored is not so."""
        changed = list(faults)
        number = next(self._numbers)

        def settle(start: int, failure: StorageFailure | None) -> None:
            for ref, fault in changed[start : start + SETTLED_AT_ONCE]:
                self._make_sure((ref, fault.code), number, failure)
                if failure is None:
                    self._show(ref, fault, None, number)
            if start + SETTLED_AT_ONCE < len(changed):
                asyncio.get_running_loop().call_soon(settle, start + SETTLED_AT_ONCE, failure)
            else:
                stored(failure)

        for ref, fault in changed:
            decided = self._decided.setdefault(ref, {})
            self._unsure.setdefault((ref, fault.code), {0: decided.get(fault.code, fault)})[number] = fault
            decided[fault.code] = fault
            self._waiting.pop((ref, fault.code), None)  # what is decided later comes after it
        self._keep(WaitingFaults(changed), partial(settle, 0))

    def forget(self, ref: EntityRef, code: str) -> None:
        """A fault that makes room for others."""
        self._decided.get(ref, {}).pop(code, None)
        self._shown.get(ref, {}).pop(code, None)
        self._unsure.pop((ref, code), None)
        self._snapshots.pop((ref, code), None)
        self._unsaved.discard((ref, code))
        self._unsaved_snapshots.discard((ref, code))
        self._newest_shown.pop((ref, code), None)
        self._waiting.pop((ref, code), None)
        self._waiting_snapshots.pop((ref, code), None)
        self._keep(drop_fault((ref, code)), unheard)

    def note(self, ref: EntityRef, code: str, frames: Frames) -> None:
        """The snapshot of the last occurrence of a fault."""
        if self.newest(ref, code) is not None:  # else it made room for others meanwhile
            self._snapshots[ref, code] = frames
            self._save_snapshot((ref, code))

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
                self.decide(ref, joined(fault, newest), unheard)
        for ref, of_entity in self._decided.items():
            own = ((ref, code) for code, fault in of_entity.items() if fault.history)
            self._unsaved.update(key for key in own if key not in found)
        noted = dict(filter(None, map(read_snapshot, snapshots)))
        self._unsaved_snapshots.update(self._snapshots.keys() - noted.keys())
        for key, frames in noted.items():
            self._snapshots.setdefault(key, frames)
        self.is_restored = True
        self.save_again()

    def save_again(self) -> None:
        """Stores what could not be stored."""
        for key in list(self._unsaved):
            self._save_newest(key)
        for key in list(self._unsaved_snapshots):
            self._save_snapshot(key)

    def _save_newest(self, key: Key) -> None:
        ref, code = key
        fault = self.newest(ref, code)
        if fault is not None and key not in self._unsure:  # else it may turn out to be none
            self.decide(ref, fault, unheard)

    def _make_sure(self, key: Key, number: int, failure: StorageFailure | None) -> None:
        """The decision `number` is stored, or is none; a report since has made all before it sure."""
        unsure = self._unsure.get(key, {})
        if number not in unsure:
            return
        for over in [number] if failure is not None else [each for each in unsure if each < number]:
            del unsure[over]
        self._decided[key[0]][key[1]] = unsure[max(unsure)]
        if len(unsure) == 1:
            del self._unsure[key]

    def _done(self, waiting: WaitingFault, failure: StorageFailure | None) -> None:
        waiting.is_open = False
        key = (waiting.ref, waiting.fault.code)
        if self._waiting.get(key) is waiting:
            del self._waiting[key]
        self._show(waiting.ref, waiting.fault, failure, waiting.number)
        for stored in waiting.told:
            stored(failure)

    def _save_snapshot(self, key: Key) -> None:
        """Stores the snapshot of a fault as it is when it is written."""
        waiting = self._waiting_snapshots.get(key)
        if waiting is not None and waiting.is_open:
            return
        waiting = self._waiting_snapshots[key] = WaitingSnapshot(key, self._snapshots)
        self._keep(waiting, partial(self._done_snapshot, key, waiting))

    def _done_snapshot(self, key: Key, waiting: WaitingSnapshot, failure: StorageFailure | None) -> None:
        waiting.is_open = False
        if self._waiting_snapshots.get(key) is waiting:
            del self._waiting_snapshots[key]
        if failure is None:
            self._unsaved_snapshots.discard(key)
        elif key in self._snapshots:
            self._unsaved_snapshots.add(key)

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
        fault = next((key for key in self._unsaved if key not in self._unsure), None)
        if fault is not None:
            self._unsaved.discard(fault)
            self._save_newest(fault)
        for key in list(itertools.islice(self._unsaved_snapshots, 1)):
            self._save_snapshot(key)
