"""Logs of an entity and its members as one list, and which of them cannot be read (docs/api.md, "Logs"). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.http import errors
from gateway.http.log_items import UNAVAILABLE
from gateway.http.parts import Part
from gateway.http.subject import Subject
from gateway.local.answers import EntityRef
from gateway.local.log_store import SEVERITIES, LogConfiguration

TOLD_LIMIT: Final = 1024
"""Characters of each word that a gateway tells of a log that cannot be read."""


def refuse_unreadable(subject: Subject, parts: Sequence[Part]) -> None:
    """Raises ApiError 503 where only one entity of ours is asked, and none of its logs can be read."""
    itself = EntityRef(subject.entity.kind, subject.own_id)
    failures = [error for part in parts if (error := _error_of(part)) is not None]
    if subject.others or subject.local_members != (itself,) or not failures or len(failures) < len(parts):
        return
    reasons = [str(error.get("message")) for error in failures]
    raise errors.ApiError(503, UNAVAILABLE, "; ".join(reasons), {"entity_id": subject.entity.id})


def sort_out(subject: Subject, parts: Iterable[Part]) -> tuple[list[Part], list[dict[str, Any]]]:
    """The parts that are entries, by time, and `x-medkit.failed_logs` for the others."""
    entries: list[Part] = []
    failed: list[dict[str, Any]] = []
    for part in parts:
        error = _error_of(part)
        if error is None:
            entries.append(part)
        else:
            failed.append({"member_id": subject.member(part).here, **error})
    entries.sort(key=lambda part: str(part.body.get("timestamp")))
    return entries, failed


def refuse_failed(medkit: Mapping[str, Any]) -> None:
    """Raises ApiError 503 instead of a list without those that cannot be read, as `Prefer: handling=strict` asks."""
    failed = medkit.get("failed_logs")
    if failed:
        members = ", ".join(dict.fromkeys(one["member_id"] for one in failed))
        raise errors.ApiError(
            503,
            UNAVAILABLE,
            f"The logs of {members} cannot be read; leave out 'Prefer: handling=strict' to get the rest",
            headers=[("Preference-Applied", "handling=strict")],
            marks={"failed_logs": failed},
        )


def narrow(items: Sequence[dict[str, Any]], limits: LogConfiguration) -> list[dict[str, Any]]:
    """What of the list of an entity is configured to be shown."""
    least = SEVERITIES[limits.severity_filter]
    return [item for item in items if SEVERITIES.get(str(item.get("severity")), least) >= least][-limits.max_entries :]


def _error_of(part: Part) -> Mapping[str, Any] | None:
    medkit = part.body.get("x-medkit")
    error = medkit.get("error") if isinstance(medkit, dict) else None
    if not isinstance(error, dict):
        return None
    told = {"error_code": UNAVAILABLE, "message": "The log cannot be read now"}
    for name in ("error_code", "message", "log"):
        found = error.get(name)
        if isinstance(found, str):
            told[name] = found[:TOLD_LIMIT]
    return told
