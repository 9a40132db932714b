"""A log that a program writes into this process; held in memory."""

from collections.abc import Sequence

from gateway.local.logs.entry import LogContext, LogEntry, LogOrigin, LogSeverity, LogText
from gateway.local.logs.kept import KeptEntries, Numbers
from gateway.local.logs.line_text import clean, cut_text
from gateway.local.shared_read import Clock


class ProgramLog:
    """What was appended; the newest entries are kept. May be appended to from any thread."""

    def __init__(self, name: str, clock: Clock, numbers: Numbers) -> None:
        """`name`: who writes, where nothing else is said."""
        self._context = LogContext(name)
        self._clock = clock
        self._kept = KeptEntries(numbers)

    def append(self, severity: LogSeverity, message: str, context: LogContext | None = None) -> None:
        """One more entry, of now. A message that is too long is cut, control characters are escaped."""
        shown, cut = cut_text(clean(message))
        self._kept.add([LogText(self._clock(), severity, shown, context or self._context, cut)])

    async def read(self) -> Sequence[LogEntry]:
        return self._kept.all()


_: type[LogOrigin] = ProgramLog
