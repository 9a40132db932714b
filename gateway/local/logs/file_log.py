"""A file as a log: its end is read when somebody asks, at most once a second for all who ask."""

from collections.abc import Sequence
from typing import Final, assert_never

import structlog

from gateway.local.data_items import TOO_SLOW
from gateway.local.logs.bindings import FileLogBinding
from gateway.local.logs.entry import LogEntry, LogFailure, LogOrigin, LogText
from gateway.local.logs.kept import KEPT_ENTRIES, KeptEntries, Numbers
from gateway.local.logs.line_format import Continuation, continued, read_line
from gateway.local.logs.tail import FileTail, NewLines
from gateway.local.regular_file import NotRegularError
from gateway.local.shared_read import Clock, SharedRead

LOG_FRESH_NS: Final = 1_000_000_000
"""What was read less than this ago, in ns, is given again."""

_log = structlog.get_logger(__name__)


class FileLog:
    """The entries of one file."""

    def __init__(self, binding: FileLogBinding, clock: Clock, numbers: Numbers) -> None:
        self._binding = binding
        self._clock = clock
        self._tail = FileTail(binding.path)
        self._kept = KeptEntries(numbers)
        self._shared: SharedRead[Sequence[LogEntry] | LogFailure] = SharedRead(
            self._read_now, clock=clock, fresh_for_ns=LOG_FRESH_NS
        )
        self._failure: LogFailure | None = None  # mutable: how the last reading failed, if it did

    async def read(self) -> Sequence[LogEntry] | LogFailure:
        outcome = await self._shared.get()
        if outcome is None:
            outcome = LogFailure(self._binding.rules.name, TOO_SLOW)
        self._note(outcome if isinstance(outcome, LogFailure) else None)
        return outcome

    def _read_now(self) -> Sequence[LogEntry] | LogFailure:
        """In a thread."""
        try:
            new = self._tail.read(self._clock())
        except NotRegularError:
            return LogFailure(self._binding.rules.name, "it is not a regular file")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or "invalid name"
            return LogFailure(self._binding.rules.name, f"its file cannot be read: {reason}")
        self._take(new)
        return self._kept.all()

    def _take(self, new: NewLines) -> None:
        texts: list[LogText] = []
        follows = new.follows and len(new.lines) <= KEPT_ENTRIES
        newest = self._kept.newest if follows else None
        for line in new.lines[-KEPT_ENTRIES:]:
            read = read_line(line, self._binding.rules, new.modified_ns)
            match read:
                case LogText():
                    texts.append(read)
                case Continuation(more) if texts:
                    texts[-1] = continued(texts[-1], more)
                case Continuation(more) if newest is not None:
                    newest = continued(newest, more)
                    self._kept.replace_newest(newest)
                case Continuation(more):
                    texts.append(more)
                case _:
                    assert_never(read)
        self._kept.add(texts, follows=follows)

    def _note(self, failure: LogFailure | None) -> None:
        """Log when the failure begins, changes and ends."""
        if failure == self._failure:
            return
        self._failure = failure
        path = str(self._binding.path)
        if failure is None:
            _log.info("log file readable again", path=path)
        else:
            _log.warning("log file unreadable", path=path, reason=failure.reason)


_: type[LogOrigin] = FileLog
