"""A part of this machine's journal as a log, asked through `journalctl`."""

from collections.abc import Sequence
from typing import Final, assert_never

import structlog

from gateway.local.data_items import TOO_SLOW
from gateway.local.logs.bindings import IdentifierJournal, JournalLogBinding, JournalPart, UnitJournal
from gateway.local.logs.entry import LogEntry, LogFailure, LogOrigin
from gateway.local.logs.file_log import LOG_FRESH_NS
from gateway.local.logs.journal_entry import FIELDS, JournalText, newer, read_journal
from gateway.local.logs.kept import KeptEntries, Numbers
from gateway.local.shared_read import Clock, SharedRead
from gateway.local.systemd import NothingPrinted, Printed, ask_systemd

JOURNAL_TIMEOUT_S: Final = 15.0
"""Seconds after which `journalctl` is ended. Requests wait less long; what it finds later is shown to the next."""

JOURNAL_ENTRIES: Final = 1000
"""Newest entries asked of the journal, at first and when more is new than is usual."""

JOURNAL_NEW_ENTRIES: Final = 50
"""Newest entries asked of the journal where most of it is known."""

JOURNAL_LIMIT_BYTES: Final = 4 * 1024 * 1024
"""Bytes of the journal read at once."""

_AS_JSON: Final = ("--output=json", f"--output-fields={','.join(FIELDS)}", "--reverse")
_NO_JOURNAL: Final = "No journal files were found"
_NOT_ALLOWED: Final = ("not seeing messages from", "insufficient permissions")

_log = structlog.get_logger(__name__)


class JournalLog:
    """The entries of one unit or identifier. `journalctl`: the program, by name or path."""

    def __init__(
        self, binding: JournalLogBinding, clock: Clock, numbers: Numbers, *, journalctl: str = "journalctl"
    ) -> None:
        self._binding = binding
        self._program = journalctl
        self._which = _which(binding.part)
        self._kept = KeptEntries(numbers)
        self._shared: SharedRead[Sequence[LogEntry] | LogFailure] = SharedRead(
            self._read_now, clock=clock, fresh_for_ns=LOG_FRESH_NS
        )
        # Mutable: the newest entry's place in the journal, and how the last reading failed, if it did.
        self._cursor: str | None = None
        self._failure: LogFailure | None = None

    async def read(self) -> Sequence[LogEntry] | LogFailure:
        outcome = await self._shared.get()
        if outcome is None:
            outcome = LogFailure(self._binding.name, TOO_SLOW)
        self._note(outcome if isinstance(outcome, LogFailure) else None)
        return outcome

    def _read_now(self) -> Sequence[LogEntry] | LogFailure:
        """In a thread. At first much is asked for; then little, and much only if that does not reach what is known."""
        found = self._newest(JOURNAL_NEW_ENTRIES if self._cursor else JOURNAL_ENTRIES)
        if isinstance(found, list) and self._cursor and not _reaches(found, self._cursor):
            found = self._newest(JOURNAL_ENTRIES)
        if isinstance(found, LogFailure):
            return found
        new, follows = newer(found, self._cursor)
        self._kept.add([one.text for one in new], follows=follows)
        self._cursor = new[-1].cursor if new else self._cursor
        return self._kept.all()

    def _newest(self, entries: int) -> list[JournalText] | LogFailure:
        """So many entries, the newest first."""
        printed = self._ask([*_AS_JSON, f"--lines={entries}"])
        if isinstance(printed, NothingPrinted):
            return LogFailure(self._binding.name, printed.reason)
        found = list(read_journal(printed.output))
        reason = None if found else self._refusal(printed)
        return found if reason is None else LogFailure(self._binding.name, reason)

    def _refusal(self, printed: Printed) -> str | None:
        """Why there is nothing to read, None if there is just nothing. Of that, it tells people only, not in JSON."""
        told = printed if printed.complaint else self._ask(["--lines=1"])
        return told.reason if isinstance(told, NothingPrinted) else refusal(told)

    def _ask(self, options: Sequence[str]) -> Printed | NothingPrinted:
        return ask_systemd(
            self._program,
            ["--no-pager", *options, self._which],
            timeout_s=JOURNAL_TIMEOUT_S,
            limit_bytes=JOURNAL_LIMIT_BYTES,
        )

    def _note(self, failure: LogFailure | None) -> None:
        """Log when the failure begins, changes and ends."""
        if failure == self._failure:
            return
        self._failure = failure
        if failure is None:
            _log.info("journal readable again", journal=self._binding.name)
        else:
            _log.warning("journal unreadable", journal=self._binding.name, reason=failure.reason)


def _which(part: JournalPart) -> str:
    match part:
        case UnitJournal(unit):
            return f"--unit={unit}"
        case IdentifierJournal(identifier):
            return f"--identifier={identifier}"
        case _:
            assert_never(part)


def _reaches(found: Sequence[JournalText], cursor: str) -> bool:
    return any(one.cursor == cursor for one in found)


def refusal(printed: Printed) -> str | None:
    """Why there is nothing to read, None if there is just nothing."""
    if _NO_JOURNAL in printed.complaint:
        return "this machine keeps no journal"
    if any(words in printed.complaint for words in _NOT_ALLOWED):
        return "the gateway may not read the journal; add its user to the group systemd-journal"
    if printed.code:
        last = printed.complaint.rpartition("\n")[2]
        return f"journalctl failed: {last or f'exit code {printed.code}'}"
    return None


_: type[LogOrigin] = JournalLog
