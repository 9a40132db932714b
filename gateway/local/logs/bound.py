"""The log that a declaration is bound to."""

from typing import assert_never

from gateway.local.logs.bindings import FileLogBinding, JournalLogBinding, LogBinding
from gateway.local.logs.entry import LogOrigin
from gateway.local.logs.file_log import FileLog
from gateway.local.logs.journal_log import JournalLog
from gateway.local.logs.kept import Numbers
from gateway.local.shared_read import Clock


def bound_log(binding: LogBinding, clock: Clock, numbers: Numbers) -> LogOrigin:
    """It is not read before somebody asks."""
    match binding:
        case FileLogBinding():
            return FileLog(binding, clock, numbers)
        case JournalLogBinding():
            return JournalLog(binding, clock, numbers)
        case _:
            assert_never(binding)
