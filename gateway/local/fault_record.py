"""One fault, and its two shapes on the wire (docs/api.md, "Faults"). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gateway.local.answers import ResourceError
from gateway.local.bindings import DeclaredFault, FaultStatus, Severity

NS_PER_S: Final = 1_000_000_000

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


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it is now. Times in ns since 1970; `sources` are the reporting sources."""

    code: str
    severity: Severity
    description: str
    status: FaultStatus
    first_occurred_ns: int
    last_occurred_ns: int
    occurrence_count: int
    sources: tuple[str, ...]


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
        code=declared.code,
        severity=declared.severity,
        description=declared.description,
        status=declared.status,
        first_occurred_ns=now_ns if known is None else known,
        last_occurred_ns=last if last is not None else (now_ns if known is None else known),
        occurrence_count=declared.occurrence_count,
        sources=sources,
    )


def render_fault_item(fault: Fault) -> dict[str, Any]:
    """The item of a list; times in seconds since 1970."""
    return {
        "fault_code": fault.code,
        "severity": fault.severity.value,
        "severity_label": fault.severity.name,
        "description": fault.description,
        "first_occurred": fault.first_occurred_ns / NS_PER_S,
        "last_occurred": fault.last_occurred_ns / NS_PER_S,
        "occurrence_count": fault.occurrence_count,
        "status": fault.status.value,
        "reporting_sources": list(fault.sources),
    }


def render_fault_detail(fault: Fault) -> dict[str, Any]:
    """The detail; times as ISO 8601 with milliseconds. There are no snapshots of own faults."""
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
    return {
        "item": item,
        "environment_data": {
            "extended_data_records": {
                "first_occurrence": _iso(fault.first_occurred_ns),
                "last_occurrence": _iso(fault.last_occurred_ns),
            },
            "snapshots": [],
        },
        "x-medkit": {
            "occurrence_count": fault.occurrence_count,
            "reporting_sources": list(fault.sources),
            "severity_label": fault.severity.name,
            "status_raw": fault.status.value,
        },
    }


def _iso(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // NS_PER_S, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % NS_PER_S // 1_000_000:03d}Z"
