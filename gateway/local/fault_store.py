"""The faults of all own entities: raised, listed, cleared (docs/api.md, "Faults")."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import structlog

from gateway.local.answers import NO_CONTENT, EntityRef, ItemAnswer, ResourceError
from gateway.local.bindings import FAULT_CODE_LIMIT, DeclaredFault, FaultStatus, Severity
from gateway.local.fault_record import Fault, render_fault_detail, render_fault_item, starting_fault
from gateway.local.shared_read import Clock

Sources = Callable[[EntityRef], list[str]]

_log = structlog.get_logger(__name__)


class FaultStore:
    """Faults by entity and code, in memory. `sources` names who reports for an entity; nobody = no faults.

    `changed` is called after every change, never for a clearing that found nothing to clear.
    """

    def __init__(
        self,
        declared: Mapping[EntityRef, tuple[DeclaredFault, ...]],
        *,
        sources: Sources,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._changed = changed
        self._faults: dict[EntityRef, dict[str, Fault]] = {}  # mutable
        for ref, faults in declared.items():
            reporters = tuple(sources(ref))
            self._faults[ref] = {fault.code: starting_fault(fault, reporters, clock()) for fault in faults}

    def items(self, ref: EntityRef | None, statuses: Collection[str]) -> list[dict[str, Any]]:
        """Those of one entity, or of all, that are in one of `statuses`."""
        return [
            render_fault_item(fault)
            for faults in self._select(ref)
            for fault in faults.values()
            if fault.status in statuses
        ]

    def detail(self, ref: EntityRef, code: str) -> ItemAnswer | ResourceError:
        """One fault in whatever status; 404 unknown."""
        fault = self._faults.get(ref, {}).get(code)
        return _unknown(ref, code) if fault is None else ItemAnswer(200, render_fault_detail(fault))

    def clear(self, ref: EntityRef, code: str) -> ItemAnswer | ResourceError:
        """Acknowledge one fault; 404 unknown. It stays known as CLEARED and may be raised again."""
        faults = self._faults.get(ref, {})
        if code not in faults:
            return _unknown(ref, code)
        if self._clear(faults, [code]):
            self._changed()
        return NO_CONTENT

    def clear_all(self, ref: EntityRef | None, statuses: Collection[str]) -> ItemAnswer:
        """Acknowledge those of one entity, or of all, that are in one of `statuses`."""
        cleared = 0
        for faults in self._select(ref):
            cleared += self._clear(faults, [code for code, fault in faults.items() if fault.status in statuses])
        if cleared:
            self._changed()
        return NO_CONTENT

    def raise_fault(
        self,
        ref: EntityRef,
        code: str,
        *,
        severity: Severity | None,
        description: str | None,
        status: FaultStatus,
    ) -> ResourceError | None:
        """Count one more occurrence, now. What is None stays as it was; a new fault is ERROR, without text."""
        sources = tuple(self._sources(ref))
        if not sources:
            message = f"{ref.kind.title} '{ref.id}' reports no faults: apps and external components do"
            return ResourceError(400, "invalid-parameter", message, {"entity_id": ref.id})
        if not 1 <= len(code) <= FAULT_CODE_LIMIT:
            message = f"Fault code has {len(code)} characters, allowed are 1 to {FAULT_CODE_LIMIT}"
            return ResourceError(400, "invalid-parameter", message, {"entity_id": ref.id})
        now = self._clock()
        faults = self._faults.setdefault(ref, {})
        fault = faults.get(code) or Fault(code, Severity.ERROR, "", status, now, now, 0, sources)
        faults[code] = replace(
            fault,
            severity=fault.severity if severity is None else severity,
            description=fault.description if description is None else description,
            status=status,
            last_occurred_ns=now,
            occurrence_count=fault.occurrence_count + 1,
        )
        if fault.occurrence_count == 0 or fault.status is not status:
            _log.warning("fault raised", entity=ref.id, code=code, status=status.value)
        self._changed()
        return None

    def _select(self, ref: EntityRef | None) -> list[dict[str, Fault]]:
        return list(self._faults.values()) if ref is None else [self._faults.get(ref, {})]

    def _clear(self, faults: dict[str, Fault], codes: Collection[str]) -> int:
        """How many of `codes` were not cleared before."""
        cleared = [code for code in codes if faults[code].status is not FaultStatus.CLEARED]
        for code in cleared:
            faults[code] = replace(faults[code], status=FaultStatus.CLEARED)
            _log.info("fault cleared", code=code, sources=list(faults[code].sources))
        return len(cleared)


def _unknown(ref: EntityRef, code: str) -> ResourceError:
    parameters = {f"{ref.kind.singular}_id": ref.id, "details": "Fault not found", "fault_code": code}
    return ResourceError(404, "resource-not-found", "Fault not found", parameters)
