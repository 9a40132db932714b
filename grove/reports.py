"""Faults that a program reports: from any thread, before the gateway runs and while it does."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import structlog

from entities.items import NOT_IN_IDS, is_addressable
from entities.model import EntityKind
from gateway.local.answers import EntityRef
from gateway.local.fault_spec import FAULT_CODE_LIMIT, Debounce, FaultSpec, Severity
from gateway.local.own import OwnEntities
from gateway.local.storage import unheard

MAX_WAITING: Final = 1000
"""Reports kept until the gateway has taken them; the oldest go first."""

AT_ONCE: Final = 32
"""Reports taken in one turn of the event loop."""

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
        self._waiting: deque[Report] = deque()
        self._lost = 0

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
            code, severity, _shown(description), debounce=Debounce(fail, heal), snapshot=tuple(snapshot)
        )

    def report_fault(self, code: str, description: str | None = None, *, severity: Severity | None = None) -> None:
        """It happens: one more occurrence. `severity` where nothing is known beforehand; ERROR if it is not said.

        Raises ValueError for a code that can be none.
        """
        _check(code)
        known = self.fault_specs.get(code) or FaultSpec(code)
        spec = known if severity is None else replace(known, severity=severity)
        description = None if description is None else _shown(description)
        self._send(lambda own: own.faults.report_failed(self._ref, code, spec, unheard, description=description))

    def pass_fault(self, code: str) -> None:
        """A look found that it does not happen. Nothing for one that never did."""
        _check(code)
        self._send(lambda own: own.faults.report_passed(self._ref, code, unheard))

    def bind(self, own: OwnEntities, loop: asyncio.AbstractEventLoop) -> None:
        """Send what waits, and everything from now on, to `own`, on its loop. Called on that loop."""
        with self._lock:
            self._bound = (own, loop)
        self._drain()

    def unbind(self) -> None:
        """The gateway ends; reports wait again."""
        with self._lock:
            self._bound = None

    def _send(self, report: Report) -> None:
        with self._lock:
            is_first = not self._waiting
            if len(self._waiting) == MAX_WAITING:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(report)
            bound = self._bound
        if bound is not None and is_first:
            try:
                bound[1].call_soon_threadsafe(self._drain)
            except RuntimeError:
                self.unbind()

    def _drain(self) -> None:
        """On the loop: some of what waits, then the rest after others had their turn."""
        with self._lock:
            if self._bound is None:
                return
            own, loop = self._bound
            some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            lost, self._lost = self._lost, 0
            rest = bool(self._waiting)
        if lost:
            _log.warning("reports of the program lost", app=self._ref.id, lost=lost, kept=MAX_WAITING)
        for report in some:
            try:
                report(own)
            except Exception:  # noqa: BLE001 -- a mistake in one report is none of the gateway's
                _log.exception("report of the program failed", app=self._ref.id)
        if rest:
            loop.call_soon(self._drain)


def _check(code: str) -> None:
    if not 1 <= len(code) <= FAULT_CODE_LIMIT:
        raise ValueError(f"found a fault code of {len(code)} characters; allowed are 1 to {FAULT_CODE_LIMIT}")
    if not is_addressable(code):
        raise ValueError(f"found the fault code {code!r}; allowed is text without {NOT_IN_IDS}: it stands in paths")
    if _shown(code) != code:
        raise ValueError(f"found the fault code {_shown(code)!r}; allowed is text that is UTF-8")


def _shown(text: str) -> str:
    """What of a text can be sent; file names need not be UTF-8."""
    return text.encode(errors="backslashreplace").decode()
