"""The life of one fault: what reports and clearings make of it. Pure.

A report says that a check failed or passed. `fail` failed ones in a row confirm the fault, `heal` passed ones in a row
heal it; until then it is PREFAILED or PREPASSED. A clearing forgets what was counted. Reports and clearings take
effect in the order in which they come, so one that is cleared while it is being confirmed begins to count anew.
"""

from dataclasses import dataclass, replace
from typing import Final

from gateway.local.fault_spec import Debounce, FaultStatus, Severity

HISTORY_LIMIT: Final = 32
"""Changes of its status that a fault remembers; older ones are forgotten."""

MAX_OCCURRENCES: Final = 2**32 - 1
"""Occurrences are counted up to here."""

SETTLED: Final = frozenset({FaultStatus.HEALED, FaultStatus.CLEARED})
"""Statuses of a fault that is over."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A status that a fault took, and when, in ns since 1970."""

    status: FaultStatus
    at_ns: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it is now. Times in ns since 1970; `sources` are the reporting sources.

    `fails`, `passes`: reports of this kind since the last one of the other kind, counted as far as they matter.
    `confirmed`: it was, and is neither healed nor cleared since.
    """

    code: str
    severity: Severity
    description: str
    status: FaultStatus
    first_occurred_ns: int
    last_occurred_ns: int
    occurrence_count: int
    sources: tuple[str, ...]
    last_passed_ns: int | None = None
    fails: int = 0
    passes: int = 0
    confirmed: bool = False
    history: tuple[Moment, ...] = ()


def new_fault(code: str, sources: tuple[str, ...], now_ns: int) -> Fault:
    """A fault that nobody has reported yet; the first report makes something of it."""
    return Fault(code, Severity.ERROR, "", FaultStatus.CLEARED, now_ns, now_ns, 0, sources)


def failed(fault: Fault, now_ns: int, debounce: Debounce, *, counted: bool = True) -> Fault:
    """After a failed report. Not `counted`: it belongs to the occurrence that was counted last."""
    fails = min(fault.fails + 1, debounce.fail)
    confirmed = fault.confirmed or fails >= debounce.fail
    after = replace(
        fault,
        fails=fails,
        passes=0,
        confirmed=confirmed,
        last_occurred_ns=now_ns,
        occurrence_count=min(fault.occurrence_count + counted, MAX_OCCURRENCES),
    )
    return _in_status(after, FaultStatus.CONFIRMED if confirmed else FaultStatus.PREFAILED, now_ns)


def passed(fault: Fault, now_ns: int, debounce: Debounce) -> Fault:
    """After a passed report. What is over stays over."""
    if fault.status in SETTLED:
        return replace(fault, last_passed_ns=now_ns)
    after = replace(fault, fails=0, passes=min(fault.passes + 1, debounce.heal or 1), last_passed_ns=now_ns)
    if debounce.heal is None and fault.confirmed:
        return after
    if after.passes >= (debounce.heal or 1):
        return _in_status(replace(after, passes=0, confirmed=False), FaultStatus.HEALED, now_ns)
    return _in_status(after, FaultStatus.PREPASSED, now_ns)


def joined(before: Fault, since: Fault) -> Fault:
    """A fault that was reported `since` a restart, when nobody knew yet what had come of it `before`."""
    after = replace(
        since,
        first_occurred_ns=min(before.first_occurred_ns, since.first_occurred_ns),
        occurrence_count=min(before.occurrence_count + since.occurrence_count, MAX_OCCURRENCES),
        sources=tuple(dict.fromkeys((*before.sources, *since.sources))),
        last_passed_ns=before.last_passed_ns if since.last_passed_ns is None else since.last_passed_ns,
        history=(*before.history, *since.history)[-HISTORY_LIMIT:],
    )
    if not before.confirmed or any(moment.status in SETTLED for moment in since.history):
        return after
    after = replace(after, confirmed=True)
    is_failing = after.status is FaultStatus.PREFAILED
    return _in_status(after, FaultStatus.CONFIRMED, since.last_occurred_ns) if is_failing else after


def cleared(fault: Fault, now_ns: int) -> Fault:
    """After a clearing: acknowledged, and nothing counted. It may be reported again."""
    return _in_status(replace(fault, fails=0, passes=0, confirmed=False), FaultStatus.CLEARED, now_ns)


def _in_status(fault: Fault, status: FaultStatus, now_ns: int) -> Fault:
    if fault.status is status:
        return fault
    return replace(fault, status=status, history=(*fault.history, Moment(status, now_ns))[-HISTORY_LIMIT:])
