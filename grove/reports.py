"""Faults that a program reports: from any thread, before the gateway runs and while it does."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import structlog

from entities.model import EntityKind
from gateway.local.answers import EntityRef
from gateway.local.fault_spec import FAULT_CODE_LIMIT, Debounce, FaultSpec, Severity
from gateway.local.own import OwnEntities
from gateway.local.storage import StorageFailure

MAX_WAITING: Final = 1000
"""Reports kept until the gateway runs; the oldest go first."""

Report = Callable[[OwnEntities], object]

_log = structlog.get_logger("grove")


class Reports:
    """The faults of one App. Reporting returns at once; what became of it is in the log and in the API."""

    def __init__(self, app_id: str) -> None:
        self._ref = EntityRef(EntityKind.APP, app_id)
        self._lock = threading.Lock()
        # Mutable: what is known of faults beforehand; under the lock: where reports go, and those that wait for it.
        self.fault_specs: dict[str, FaultSpec] = {}
        self._bound: tuple[OwnEntities, asyncio.AbstractEventLoop] | None = None
        self._waiting: list[Report] = []

    def fault(
        self,
        code: str,
        description: str = "",
        *,
        severity: Severity = Severity.ERROR,
        fail: int = 1,
        heal: int | None = 1,
        snapshot: Iterable[str] = (),
    ) -> None:
        """Say beforehand what is to be known of a fault.

        `fail`, `heal`: reports in a row that confirm and heal it; `heal` None: it stays until somebody clears it.
        `snapshot`: data items whose values are noted when it occurs. Raises ValueError for a code that can be none.
        """
        _check(code)
        self.fault_specs[code] = FaultSpec(
            code, severity, description, debounce=Debounce(fail, heal), snapshot=tuple(snapshot)
        )

    def report_fault(self, code: str, description: str | None = None, *, severity: Severity | None = None) -> None:
        """It happens: one more occurrence. `severity` where nothing is known beforehand; ERROR if it is not said.

        Raises ValueError for a code that can be none.
        """
        _check(code)
        known = self.fault_specs.get(code) or FaultSpec(code)
        spec = known if severity is None else replace(known, severity=severity)
        self._send(lambda own: own.faults.report_failed(self._ref, code, spec, _unheard, description=description))

    def pass_fault(self, code: str) -> None:
        """A look found that it does not happen. Nothing for one that never did."""
        _check(code)
        self._send(lambda own: own.faults.report_passed(self._ref, code, _unheard))

    def bind(self, own: OwnEntities, loop: asyncio.AbstractEventLoop) -> None:
        """Send what waits, and everything from now on, to `own`, on its loop. Called on that loop."""
        with self._lock:
            self._bound, waiting, self._waiting = (own, loop), self._waiting, []
        for report in waiting:
            report(own)

    def unbind(self) -> None:
        """The gateway ends; reports wait again."""
        with self._lock:
            self._bound = None

    def _send(self, report: Report) -> None:
        with self._lock:
            if self._bound is None:
                if len(self._waiting) == MAX_WAITING:
                    _log.warning("reports of the program lost", reason="the gateway does not run", kept=MAX_WAITING)
                    del self._waiting[0]
                self._waiting.append(report)
                return
            own, loop = self._bound
        try:
            loop.call_soon_threadsafe(report, own)
        except RuntimeError:
            self.unbind()


def _unheard(_failure: StorageFailure | None) -> None:
    """What cannot be stored is in the log and in `/health`; the program goes on."""


def _check(code: str) -> None:
    if not 1 <= len(code) <= FAULT_CODE_LIMIT:
        raise ValueError(f"found a fault code of {len(code)} characters; allowed are 1 to {FAULT_CODE_LIMIT}")
