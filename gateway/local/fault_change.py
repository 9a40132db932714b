"""What listeners are told when a fault is shown differently than before (docs/api.md, "The fault stream"). Pure."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from gateway.local.answers import EntityRef
from gateway.local.fault_life import SETTLED, Fault
from gateway.local.fault_record import render_fault_item
from gateway.local.fault_spec import FaultStatus
from gateway.local.moments import NS_PER_S

_TOLD: Final = ("status", "severity", "description", "occurrence_count")
"""Fields whose change is told; a check that passes again and again is none."""


class ChangeKind(Enum):
    """What happened; the value is the wire's `event_type`."""

    CONFIRMED = "fault_confirmed"
    UPDATED = "fault_updated"
    CLEARED = "fault_cleared"


@dataclass(frozen=True, slots=True)
class FaultChange:
    """A fault as it is shown from now on. `auto_cleared`: the codes of its symptoms that were cleared with it."""

    kind: ChangeKind
    ref: EntityRef
    fault: Fault
    at_ns: int
    auto_cleared: tuple[str, ...] = ()


def render_change(change: FaultChange) -> tuple[dict[str, Any], str]:
    """(the event as clients read it, the entity that reports: `apps/pump`)."""
    event: dict[str, Any] = {
        "event_type": change.kind.value,
        "fault": render_fault_item(change.fault),
        "timestamp": change.at_ns / NS_PER_S,
    }
    if change.auto_cleared:
        event["auto_cleared_codes"] = list(change.auto_cleared)
    return event, f"{change.ref.kind.value}/{change.ref.id}"


def change_of(before: Fault | None, after: Fault) -> ChangeKind | None:
    """What to tell; None when nothing of interest changed. A fault that heals is told like one that is cleared."""
    if before is not None and all(getattr(before, field) == getattr(after, field) for field in _TOLD):
        return None
    if after.status in SETTLED:
        is_news = before is not None and before.status not in SETTLED
        return ChangeKind.CLEARED if is_news else ChangeKind.UPDATED
    if after.status is FaultStatus.CONFIRMED and (before is None or before.status is not FaultStatus.CONFIRMED):
        return ChangeKind.CONFIRMED
    return ChangeKind.UPDATED
