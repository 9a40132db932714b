"""What a program logs about one App, as that App's log."""

import logging
import time
from pathlib import Path
from typing import Final

from gateway.local.logs.entry import LogContext, LogSeverity
from gateway.local.logs.kept import Numbers
from gateway.local.logs.program_log import ProgramLog

_LEVELS: Final = (
    (logging.CRITICAL, LogSeverity.FATAL),
    (logging.ERROR, LogSeverity.ERROR),
    (logging.WARNING, LogSeverity.WARNING),
    (logging.INFO, LogSeverity.INFO),
)


class JournalHandler(logging.Handler):
    """Appends records of the standard library's logging to the log of an App, once it is served."""

    def __init__(self, app_id: str) -> None:
        super().__init__()
        self._app_id = app_id
        self._log: ProgramLog | None = None  # mutable: where records go

    def open(self, numbers: Numbers) -> ProgramLog:
        """The log that records go to from now on."""
        self._log = ProgramLog(self._app_id, time.time_ns, numbers)
        return self._log

    def emit(self, record: logging.LogRecord) -> None:
        """One record; what is wrong with it is the logging module's to tell."""
        if self._log is None:
            return
        try:
            context = LogContext(record.name, record.funcName, Path(record.pathname).name, record.lineno)
            self._log.append(_severity(record.levelno), self.format(record), context)
        except Exception:  # noqa: BLE001 -- as every handler: logging never raises to who logs
            self.handleError(record)


def _severity(level: int) -> LogSeverity:
    return next((severity for least, severity in _LEVELS if level >= least), LogSeverity.DEBUG)
