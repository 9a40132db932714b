"""Log settings of the own entities, and what a log query must look like (docs/api.md, "Logs")."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.local.answers import NO_CONTENT, EntityRef, ItemAnswer, ResourceError
from gateway.local.values import excerpt

SEVERITIES: Final = ("debug", "info", "warning", "error", "fatal")
CONTEXT_LIMIT: Final = 256
"""Characters of the `context` query."""

MAX_ENTRIES_RANGE: Final = range(1, 10_001)


@dataclass(frozen=True, slots=True)
class LogConfiguration:
    """What is kept of an entity's log: from which severity on, and how many entries."""

    severity_filter: str = "debug"
    max_entries: int = 100


class LogStore:
    """Keeps the log configuration of each entity in memory. No source writes entries, so every log is empty."""

    def __init__(self) -> None:
        self._configurations: dict[EntityRef, LogConfiguration] = {}  # mutable

    def items(self, severity: str | None, context: str | None) -> list[dict[str, Any]] | ResourceError:
        """The entries of an entity; 400 for an unknown severity or an overlong context."""
        if severity is not None and severity not in SEVERITIES:
            return _bad("severity", severity, f"allowed are {', '.join(SEVERITIES)}")
        if context is not None and len(context) > CONTEXT_LIMIT:
            return _bad("context", f"{len(context)} characters", f"allowed are at most {CONTEXT_LIMIT}")
        return []

    def configuration(self, ref: EntityRef) -> ItemAnswer:
        """The settings of one entity."""
        current = self._of(ref)
        body = {"severity_filter": current.severity_filter, "max_entries": current.max_entries}
        return ItemAnswer(200, body)

    def write_configuration(self, ref: EntityRef, body: Any) -> ItemAnswer | ResourceError:
        """Change any of the two settings, all or nothing; 400 when one is not allowed."""
        if not isinstance(body, Mapping):
            message = "Request body must be a JSON object: {severity_filter?, max_entries?}"
            return ResourceError(400, "invalid-request", message)
        changed = self._of(ref)
        severity = body.get("severity_filter")
        if severity is not None:
            if severity not in SEVERITIES:
                return _bad("severity_filter", severity, f"allowed are {', '.join(SEVERITIES)}")
            changed = replace(changed, severity_filter=severity)
        entries = body.get("max_entries")
        if entries is not None:
            if not isinstance(entries, int) or isinstance(entries, bool) or entries not in MAX_ENTRIES_RANGE:
                return _bad("max_entries", entries, "allowed are integers from 1 to 10000")
            changed = replace(changed, max_entries=entries)
        self._configurations[ref] = changed
        return NO_CONTENT

    def _of(self, ref: EntityRef) -> LogConfiguration:
        return self._configurations.get(ref, LogConfiguration())


def _bad(parameter: str, value: Any, allowed: str) -> ResourceError:
    message = f"Invalid {parameter}: found {excerpt(str(value))}, {allowed}"
    return ResourceError(400, "invalid-parameter", message, {"parameter": parameter, "value": value})
