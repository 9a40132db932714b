"""The two shapes of a fault on the wire, and which ones a query asks for (docs/api.md, "Faults"). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.local.answers import ResourceError
from gateway.local.fault_life import Fault
from gateway.local.fault_spec import DeclaredFault, FaultStatus
from gateway.local.moments import NS_PER_S, iso_time

ACTIVE_STATUSES: Final[frozenset[str]] = frozenset({FaultStatus.PREFAILED, FaultStatus.CONFIRMED})
"""What is listed when the client asks for nothing else."""

_FILTERS: Final[Mapping[str, frozenset[str]]] = {
    "pending": frozenset({FaultStatus.PREFAILED}),
    "confirmed": frozenset({FaultStatus.CONFIRMED}),
    "cleared": frozenset({FaultStatus.CLEARED, FaultStatus.HEALED, FaultStatus.PREPASSED}),
    "healed": frozenset({FaultStatus.HEALED, FaultStatus.PREPASSED}),
    "all": frozenset(FaultStatus),
}

_DTC: Final[Mapping[FaultStatus, tuple[str, str, str, str]]] = {
    FaultStatus.CONFIRMED: ("active", "1", "1", "0"),
    FaultStatus.PREFAILED: ("passive", "1", "0", "1"),
    FaultStatus.PREPASSED: ("passive", "0", "0", "1"),
    FaultStatus.HEALED: ("cleared", "0", "0", "0"),
    FaultStatus.CLEARED: ("cleared", "0", "0", "0"),
}
"""Status -> aggregatedStatus, testFailed, confirmedDTC, pendingDTC."""


def parse_status_filter(text: str | None) -> frozenset[str] | ResourceError:
    """The statuses a `status` query asks for; absent = PREFAILED and CONFIRMED; 400 for another word."""
    if text is None:
        return ACTIVE_STATUSES
    if text in _FILTERS:
        return _FILTERS[text]
    allowed = list(_FILTERS)
    message = f"Invalid status parameter: found '{text[:40]}', allowed are {', '.join(allowed)}"
    parameters = {"allowed_values": allowed, "parameter": "status", "value": text}
    return ResourceError(400, "invalid-parameter", message, parameters)


def starting_fault(declared: DeclaredFault, sources: tuple[str, ...], now_ns: int) -> Fault:
    """A declared fault as it is when the gateway starts; a time that is not given is the other one, or now."""
    first, last = declared.first_occurred_ns, declared.last_occurred_ns
    known = first if first is not None else last
    return Fault(
        code=declared.spec.code,
        severity=declared.spec.severity,
        description=declared.spec.description,
        status=declared.status,
        confirmed=declared.status is FaultStatus.CONFIRMED,
        first_occurred_ns=now_ns if known is None else known,
        last_occurred_ns=last if last is not None else (now_ns if known is None else known),
        occurrence_count=declared.occurrence_count,
        sources=sources,
    )


def render_fault_item(fault: Fault) -> dict[str, Any]:
    """The item of a list; times in seconds since 1970."""
    passed = {} if fault.last_passed_ns is None else {"last_passed": fault.last_passed_ns / NS_PER_S}
    return {
        "fault_code": fault.code,
        "severity": fault.severity.value,
        "severity_label": fault.severity.name,
        "description": fault.description,
        "first_occurred": fault.first_occurred_ns / NS_PER_S,
        "last_occurred": fault.last_occurred_ns / NS_PER_S,
        **passed,
        "occurrence_count": fault.occurrence_count,
        "status": fault.status.value,
        "reporting_sources": list(fault.sources),
    }


def render_fault_detail(fault: Fault, snapshots: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The detail; times as ISO 8601 with milliseconds. `snapshots`: the freeze frames of the last occurrence."""
    aggregated, failed, confirmed, pending = _DTC[fault.status]
    item: dict[str, Any] = {
        "code": fault.code,
        "severity": fault.severity.value,
        "status": {
            "aggregatedStatus": aggregated,
            "testFailed": failed,
            "confirmedDTC": confirmed,
            "pendingDTC": pending,
        },
    }
    if fault.description:
        item["fault_name"] = fault.description
    medkit: dict[str, Any] = {
        "occurrence_count": fault.occurrence_count,
        "reporting_sources": list(fault.sources),
        "severity_label": fault.severity.name,
        "status_raw": fault.status.value,
    }
    if fault.history:
        medkit["history"] = [{"status": moment.status.value, "at": iso_time(moment.at_ns)} for moment in fault.history]
    if fault.last_passed_ns is not None:
        medkit["last_passed"] = iso_time(fault.last_passed_ns)
    return {
        "item": item,
        "environment_data": {
            "extended_data_records": {
                "first_occurrence": iso_time(fault.first_occurred_ns),
                "last_occurrence": iso_time(fault.last_occurred_ns),
            },
            "snapshots": list(snapshots),
        },
        "x-medkit": medkit,
    }
