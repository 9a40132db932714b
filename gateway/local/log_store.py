"""The logs of the own entities: what of them is shown, and what a query must look like (docs/api.md, "Logs")."""

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import structlog

from gateway.local.answers import NO_CONTENT, EntityRef, ItemAnswer, ResourceError
from gateway.local.logs.entry import LogEntry, LogFailure, LogOrigin, LogReading, LogSeverity, LogText
from gateway.local.shared_read import Clock
from gateway.local.values import shown

SEVERITIES: Final[Mapping[str, LogSeverity]] = MappingProxyType({one.word: one for one in LogSeverity})
"""The wire's words for how bad an entry is."""

CONTEXT_LIMIT: Final = 256
"""Characters of the `context` query."""

CHOSEN_ON_LOOP: Final = 1000
"""Entries up to which the loop itself chooses what is shown of them; it is done in a thread for more."""

MAX_ENTRIES_RANGE: Final = range(1, 10_001)


_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LogConfiguration:
    """What is kept of an entity's log: from which severity on, and how many entries."""

    severity_filter: str = "debug"
    max_entries: int = 100


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What is asked of a log: entries from a severity on, whose context has some words in it."""

    severity: LogSeverity = LogSeverity.DEBUG
    context: str = ""

    def admits(self, text: LogText) -> bool:
        """Whether an entry is asked for."""
        if text.severity < self.severity:
            return False
        return not self.context or (text.context is not None and self.context in text.context.node)


def parse_log_query(severity: str | None, context: str | None) -> LogQuery | ResourceError:
    """The query of a request; 400 for an unknown severity or an overlong context."""
    if severity is not None and severity not in SEVERITIES:
        return _bad("severity", severity, f"allowed are {', '.join(SEVERITIES)}")
    if context is not None and len(context) > CONTEXT_LIMIT:
        return _bad("context", f"{len(context)} characters", f"allowed are at most {CONTEXT_LIMIT}")
    return LogQuery(SEVERITIES[severity or "debug"], context or "")


class LogStore:
    """The logs of each entity, and their configuration, which is held in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Mutable: the logs of each entity, and what was configured.
        self._origins: Mapping[EntityRef, Sequence[LogOrigin]] = {}
        self._configurations: dict[EntityRef, LogConfiguration] = {}

    def declare(self, origins: Mapping[EntityRef, Sequence[LogOrigin]]) -> None:
        """From now on these are the logs."""
        self._origins = origins

    async def read(self, ref: EntityRef, query: LogQuery) -> LogReading:
        """The entries of one entity that are asked for and configured to be shown, oldest first."""
        origins = self._origins.get(ref, ())
        readings = await asyncio.gather(*(_read(ref, origin) for origin in origins))
        found = [reading for reading in readings if not isinstance(reading, LogFailure)]
        failures = tuple(reading for reading in readings if isinstance(reading, LogFailure))
        choose = partial(_shown, self.limits(ref), query, found)
        shown = choose() if sum(map(len, found)) <= CHOSEN_ON_LOOP else await asyncio.to_thread(choose)
        return LogReading(self._clock(), shown, failures)

    def limits(self, ref: EntityRef) -> LogConfiguration:
        """What is configured for one entity."""
        return self._configurations.get(ref, LogConfiguration())

    def configuration(self, ref: EntityRef) -> ItemAnswer:
        """The settings of one entity."""
        current = self.limits(ref)
        body = {"severity_filter": current.severity_filter, "max_entries": current.max_entries}
        return ItemAnswer(200, body)

    def write_configuration(self, ref: EntityRef, body: Any) -> ItemAnswer | ResourceError:
        """Change any of the two settings, all or nothing; 400 when one is not allowed."""
        if not isinstance(body, Mapping):
            message = "Request body must be a JSON object: {severity_filter?, max_entries?}"
            return ResourceError(400, "invalid-request", message)
        changed = self.limits(ref)
        severity = body.get("severity_filter")
        if severity is not None:
            if not isinstance(severity, str) or severity not in SEVERITIES:
                return _bad("severity_filter", severity, f"allowed are {', '.join(SEVERITIES)}")
            changed = replace(changed, severity_filter=severity)
        entries = body.get("max_entries")
        if entries is not None:
            if not isinstance(entries, int) or isinstance(entries, bool) or entries not in MAX_ENTRIES_RANGE:
                return _bad("max_entries", entries, "allowed are integers from 1 to 10000")
            changed = replace(changed, max_entries=entries)
        self._configurations[ref] = changed
        return NO_CONTENT


async def _read(ref: EntityRef, origin: LogOrigin) -> Sequence[LogEntry] | LogFailure:
    try:
        return await origin.read()
    except Exception as error:  # noqa: BLE001 -- a mistake of ours in one log must not take others with it
        _log.warning("log unreadable", entity=ref.id, detail=repr(error))
        return LogFailure(ref.id, f"it cannot be read: {type(error).__name__}")


def _shown(limits: LogConfiguration, query: LogQuery, found: Sequence[Sequence[LogEntry]]) -> Sequence[LogEntry]:
    """The newest of several logs that are asked for and configured to be shown, oldest first."""
    entries = found[0] if len(found) == 1 else sorted(itertools.chain(*found), key=_by_time)
    least = max(query.severity, SEVERITIES[limits.severity_filter])
    shown = deque(
        (entry for entry in entries if entry.text.severity >= least and query.admits(entry.text)),
        maxlen=limits.max_entries,
    )
    return tuple(shown)


def _by_time(entry: LogEntry) -> tuple[int, int]:
    return entry.text.timestamp_ns, entry.number


def _is_short(value: Any) -> bool:
    return not isinstance(value, list | dict | str) or (isinstance(value, str) and len(value) <= CONTEXT_LIMIT)


def _bad(parameter: str, value: Any, allowed: str) -> ResourceError:
    message = f"Invalid {parameter}: found {shown(value)}, {allowed}"
    return ResourceError(
        400,
        "invalid-parameter",
        message,
        {"parameter": parameter, "value": value if _is_short(value) else shown(value)},
    )
