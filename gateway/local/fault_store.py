"""The faults of all own entities: reported, listed, cleared (docs/api.md, "Faults")."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import structlog

from entities.items import NOT_IN_IDS, is_addressable
from gateway.local.answers import NO_CONTENT, EntityRef, ItemAnswer, ResourceError
from gateway.local.fault_book import FaultBook
from gateway.local.fault_change import ChangeKind, FaultChange, change_of
from gateway.local.fault_life import SETTLED, Fault, cleared, failed, new_fault, passed
from gateway.local.fault_record import render_fault_detail, render_fault_item, starting_fault
from gateway.local.fault_snapshots import Snapshots
from gateway.local.fault_spec import FAULT_CODE_LIMIT, MAX_FRAMES, DeclaredFault, FaultSpec, FaultStatus
from gateway.local.shared_read import Clock
from gateway.local.storage import PATIENCE_S, Keep, StorageFailure, Stored, keep_nothing, outcome_of

MAX_CODES: Final = 1000
"""Faults of one entity; a further one takes the place of the oldest that is healed or cleared, or is refused."""

DESCRIPTION_LIMIT: Final = 1024
"""Characters of a description that are kept; it is told to every gateway with every change."""

Sources = Callable[[EntityRef], list[str]]
Listener = Callable[[FaultChange], None]

_log = structlog.get_logger(__name__)


class FaultStore:
    """Faults by the entity that reports them and their code. `sources` names who reports for an entity; nobody = no
    faults. Listeners are called on the event loop after every change that is shown.
    """

    def __init__(
        self,
        *,
        sources: Sources,
        snapshots: Snapshots,
        clock: Clock,
        keep: Keep = keep_nothing,
        awaits_storage: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`awaits_storage`: what was stored is yet to come, and nothing can be cleared until then. `patience_s`:
        seconds a clearing waits for the disk.
        """
        self._sources = sources
        self._clock = clock
        self._snapshots = snapshots
        self._patience_s = patience_s
        self.book = FaultBook(keep, self._shown, awaits_storage=awaits_storage)
        self.listeners: list[Listener] = []
        # Mutable: what is declared of faults, what came with a report, and what is cleared as a symptom of another one.
        self._specs: dict[EntityRef, dict[str, FaultSpec]] = {}
        self._given: dict[tuple[EntityRef, str], FaultSpec] = {}
        self._auto_cleared: dict[tuple[EntityRef, str], tuple[str, ...]] = {}

    def declare(
        self,
        faults: Mapping[EntityRef, tuple[DeclaredFault, ...]],
        specs: Mapping[EntityRef, tuple[FaultSpec, ...]],
    ) -> None:
        """What entities start with, and what they may report, from now on; faults that are known stay."""
        self._specs = {ref: {spec.code: spec for spec in of_entity} for ref, of_entity in specs.items()}
        for ref, of_entity in faults.items():
            reporters = tuple(self._sources(ref))
            for fault in of_entity:
                self._specs.setdefault(ref, {}).setdefault(fault.spec.code, fault.spec)
                if self.book.newest(ref, fault.spec.code) is None:
                    self.book.begin(ref, starting_fault(fault, reporters, self._clock()))

    def items(self, ref: EntityRef, statuses: Collection[str]) -> list[dict[str, Any]]:
        """Those of one entity that are in one of `statuses`."""
        return [render_fault_item(fault) for fault in self.book.shown(ref).values() if fault.status in statuses]

    def detail(self, ref: EntityRef, code: str) -> ItemAnswer | ResourceError:
        """{item, environment_data, x-medkit} of one fault in whatever status; 404 unknown."""
        fault = self.book.shown(ref).get(code)
        if fault is None:
            return _unknown(ref, code)
        return ItemAnswer(200, render_fault_detail(fault, self.book.snapshot(ref, code)))

    async def clear(self, ref: EntityRef, code: str) -> ItemAnswer | ResourceError:
        """Acknowledge one fault and its symptoms, 204 when that is stored; 404 unknown, 503, 504 nobody knows.
        It may occur again.
        """
        fault = self.book.newest(ref, code)
        if fault is None:
            return _unknown(ref, code) if self.book.is_restored else _not_known_yet()
        found = (self.book.newest(ref, symptom) for symptom in self._spec(ref, fault).symptoms)
        symptoms = [each for each in found if each is not None]
        return await self._clear([(ref, each) for each in (fault, *symptoms)], root=(ref, code))

    async def clear_all(self, ref: EntityRef | None, statuses: Collection[str]) -> ItemAnswer | ResourceError:
        """Acknowledge those of one entity, or of all, that are in one of `statuses`: all of them, 204, or none, 503;
        nobody knows, 504.
        """
        chosen = self.book.entities() if ref is None else [ref]
        return await self._clear(
            [
                (one, fault)
                for one in chosen
                for fault in self.book.decided(one).values()
                if fault.status in statuses or self.book.is_unsure(one, fault.code)
            ]
        )

    async def raise_fault(
        self, ref: EntityRef, code: str, spec: FaultSpec | None = None, *, description: str | None = None
    ) -> ResourceError | None:
        """Count one more occurrence, and return when it is stored. `spec`: where it was not declared, or changed.

        400 when the entity reports no faults, or has too many; 503 when it is shown, but cannot be stored.
        """
        failure = await outcome_of(lambda stored: self.report_failed(ref, code, spec, stored, description=description))
        return _not_stored(ref, code, failure) if isinstance(failure, StorageFailure) else failure

    async def heal_fault(self, ref: EntityRef, code: str) -> ResourceError | None:
        """Its check passed once more; returns when that is stored. Nothing for a fault that never occurred. 503."""
        failure = await outcome_of(lambda stored: self.report_passed(ref, code, stored))
        return None if failure is None else _not_stored(ref, code, failure)

    def report_failed(
        self,
        ref: EntityRef,
        code: str,
        spec: FaultSpec | None,
        stored: Stored,
        *,
        description: str | None = None,
        counted: bool = True,
    ) -> ResourceError | None:
        """A check failed, now; `stored` is told later, unless it is refused. Not `counted`: it is no new occurrence."""
        fault = self._to_report(ref, code)
        if isinstance(fault, ResourceError):
            return fault
        if spec is not None:
            self._given[ref, code] = spec
        known = self._spec(ref, fault)
        now = self._clock()
        after = failed(fault, now, known.debounce, counted=counted)
        if fault.status in SETTLED:
            self._snapshots.take(ref, known.snapshot[:MAX_FRAMES], lambda frames: self.book.note(ref, code, frames))
        text = (known.description if description is None else description)[:DESCRIPTION_LIMIT]
        self.book.decide(ref, replace(after, severity=known.severity, description=text), stored)
        return None

    def report_passed(self, ref: EntityRef, code: str, stored: Stored) -> None:
        """A check passed, now; `stored` is told later."""
        fault = self.book.newest(ref, code)
        if fault is None:
            stored(None)
            return
        self.book.decide(ref, passed(fault, self._clock(), self._spec(ref, fault).debounce), stored)

    def _spec(self, ref: EntityRef, fault: Fault) -> FaultSpec:
        """What is known of it: from its last report, else as declared."""
        known = self._given.get((ref, fault.code)) or self._specs.get(ref, {}).get(fault.code)
        return known or FaultSpec(fault.code, fault.severity, fault.description)

    def _to_report(self, ref: EntityRef, code: str) -> Fault | ResourceError:
        """The fault that a report is about, a new one where it is not known."""
        fault = self.book.newest(ref, code)
        if fault is not None:
            return fault
        sources = tuple(self._sources(ref))
        if not sources:
            message = f"{ref.kind.title} '{ref.id}' reports no faults: apps and components do"
            return ResourceError(400, "invalid-parameter", message, {"entity_id": ref.id})
        if not 1 <= len(code) <= FAULT_CODE_LIMIT:
            message = f"Fault code has {len(code)} characters, allowed are 1 to {FAULT_CODE_LIMIT}"
            return ResourceError(400, "invalid-parameter", message, {"entity_id": ref.id})
        if not is_addressable(code):
            message = f"Fault code {code!r} is not allowed: a code stands in paths, and has none of {NOT_IN_IDS}"
            return ResourceError(400, "invalid-parameter", message, {"entity_id": ref.id})
        known = self.book.decided(ref)
        if len(known) >= MAX_CODES:
            over = [fault for fault in known.values() if fault.status in SETTLED]
            if not over:
                message = f"'{ref.id}' has {len(known)} faults, no more are kept; clear some"
                return ResourceError(400, "invalid-parameter", message, {"entity_id": ref.id})
            oldest = min(over, key=lambda fault: fault.last_occurred_ns).code
            self.book.forget(ref, oldest)
            self._given.pop((ref, oldest), None)
        return new_fault(code, sources, self._clock())

    async def _clear(
        self, faults: list[tuple[EntityRef, Fault]], root: tuple[EntityRef, str] | None = None
    ) -> ItemAnswer | ResourceError:
        now = self._clock()
        changed = [
            (ref, cleared(fault, now))
            for ref, fault in faults
            if fault.status is not FaultStatus.CLEARED or self.book.is_unsure(ref, fault.code)
        ]
        if not self.book.is_restored:
            return _not_known_yet()
        if not changed:
            return NO_CONTENT
        symptoms = tuple(fault.code for ref, fault in changed if (ref, fault.code) != root)
        if root is not None and symptoms and len(changed) > len(symptoms):
            self._auto_cleared[root] = symptoms

        def settle(stored: Stored, failure: StorageFailure | None) -> None:
            if failure is not None and root is not None and self._auto_cleared.get(root) is symptoms:
                del self._auto_cleared[root]
            stored(failure)

        failure = await outcome_of(
            lambda stored: self.book.decide_or_not(changed, partial(settle, stored)), self._patience_s
        )
        if failure is None:
            return NO_CONTENT
        entity = {} if root is None else {"entity_id": root[0].id}
        parameters = {**entity, "details": failure.reason}
        if failure.is_open:
            message = f"It may not have been cleared: {failure.reason}; list the faults to know"
            return ResourceError(504, "not-responding", message, {**parameters, "may_have_executed": True})
        message = f"Nothing was cleared, for it cannot be stored: {failure.reason}"
        return ResourceError(503, "service-unavailable", message, parameters)

    def _shown(self, ref: EntityRef, before: Fault | None, after: Fault) -> None:
        auto_cleared = self._auto_cleared.pop((ref, after.code), ())
        kind = change_of(before, after)
        if kind is None:
            return
        if before is None or before.status is not after.status:
            level = _log.info if kind is ChangeKind.CLEARED else _log.warning
            level("fault changed", entity=ref.id, code=after.code, status=after.status.value)
        change = FaultChange(kind, ref, after, self._clock(), auto_cleared)
        for listener in self.listeners:
            listener(change)


def _parameters(ref: EntityRef, code: str) -> dict[str, Any]:
    return {f"{ref.kind.singular}_id": ref.id, "fault_code": code}


def _unknown(ref: EntityRef, code: str) -> ResourceError:
    parameters = {**_parameters(ref, code), "details": "Fault not found"}
    return ResourceError(404, "resource-not-found", "Fault not found", parameters)


def _not_stored(ref: EntityRef, code: str, failure: StorageFailure) -> ResourceError:
    message = f"Fault '{code}' is shown, but cannot be stored: {failure.reason}"
    return ResourceError(503, "service-unavailable", message, {**_parameters(ref, code), "details": failure.reason})


def _not_known_yet() -> ResourceError:
    message = "Nothing was cleared, for what was stored cannot be read yet; /health says why"
    return ResourceError(503, "service-unavailable", message)
