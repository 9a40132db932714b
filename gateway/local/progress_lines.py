"""What a program tells of its progress, line by line among its output: `progress: 40`, or an object with `progress`."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from entities.jsontext import InvalidJsonError, parse_json

LINE_LIMIT_BYTES: Final = 16 * 1024
"""A longer line tells nothing of progress."""

LINES_LOOKED_AT: Final = 64
"""Lines of one piece of output that are looked at, the last ones: only the newest progress counts."""

_PERCENT: Final = re.compile(rb"\s*progress:\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%?\s*")


def progress_of(line: bytes) -> float | dict[str, Any] | None:
    """What the line tells: percent, or an object that has `progress` in it; None for any other line."""
    if len(line) > LINE_LIMIT_BYTES or b"progress" not in line:
        return None
    percent = _PERCENT.fullmatch(line)
    if percent is not None:
        told = percent[1].decode()
        return float(told) if "." in told else int(told)
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        found = parse_json(line, max_bytes=LINE_LIMIT_BYTES)
    except InvalidJsonError:
        return None
    return found if isinstance(found, dict) and "progress" in found else None


def without_progress(lines: Iterable[bytes]) -> list[bytes]:
    """The lines that say something else."""
    return [line for line in lines if progress_of(line) is None]


class ProgressListener:
    """Called in a thread with output as it comes; calls `tell` on the loop with the newest progress.

    However fast the program talks, at most one call waits on the loop.
    """

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        # Mutable: the line that has not ended, and (under the lock) what the loop has not been told yet.
        self._rest = b""
        self._newest: float | dict[str, Any] | None = None

    def __call__(self, chunk: bytes) -> None:
        """In the thread that reads the output."""
        pieces = (self._rest + chunk).rsplit(b"\n", LINES_LOOKED_AT)
        self._rest = pieces[-1][-LINE_LIMIT_BYTES - 1 :]  # too long for a line that counts, if it is longer
        lines = pieces[1:-1] if len(pieces) > LINES_LOOKED_AT else pieces[:-1]
        newest = next((told for told in map(progress_of, reversed(lines)) if told is not None), None)
        if newest is not None:
            self._post(newest)

    def _post(self, told: float | dict[str, Any]) -> None:
        with self._lock:
            waits = self._newest is not None
            self._newest = told
        if waits:
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is gone, and nobody wants to know
            return

    def _deliver(self) -> None:
        with self._lock:
            told, self._newest = self._newest, None
        self._tell(told)
