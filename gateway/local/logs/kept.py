"""The entries of one log that are remembered, and their numbers."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gateway.local.logs.entry import LogEntry, LogText

KEPT_ENTRIES: Final = 10_000
"""Entries remembered of one log; as many as a client can ask for."""

KEPT_CHARACTERS: Final = 4 * 1024 * 1024
"""Characters of messages, and of where they come from, remembered of one log."""

Numbers = Iterator[int]
"""Of all logs of a gateway, so that no two entries of it have one id."""


def log_numbers(clock: Callable[[], int]) -> Numbers:
    """Rising numbers; after a restart they go on above those of before. `clock`: ns since 1970."""
    return itertools.count(clock() // 1_000_000)


class KeptEntries:
    """The newest entries, without a gap between them. May be used from any thread."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._lock = threading.Lock()
        # Mutable: the entries, oldest first, and their characters.
        self._entries: deque[LogEntry] = deque()
        self._characters = 0

    def add(self, texts: Sequence[LogText], *, follows: bool = True) -> None:
        """Newer entries. Not `follows`: something between them and the older ones is missing, which are dropped."""
        with self._lock:
            if not follows:
                self._entries.clear()
                self._characters = 0
            for text in texts:
                self._entries.append(LogEntry(next(self._numbers), text))
                self._characters += _characters(text)
            while len(self._entries) > KEPT_ENTRIES or self._characters > KEPT_CHARACTERS:
                self._characters -= _characters(self._entries.popleft().text)

    def replace_newest(self, text: LogText) -> None:
        """The newest entry says more now; it keeps its number."""
        with self._lock:
            newest = self._entries.pop()
            self._entries.append(LogEntry(newest.number, text))
            self._characters += _characters(text) - _characters(newest.text)

    @property
    def newest(self) -> LogText | None:
        """What the newest entry says."""
        with self._lock:
            return self._entries[-1].text if self._entries else None

    def all(self) -> Sequence[LogEntry]:
        """Everything that is remembered, oldest first."""
        with self._lock:
            return tuple(self._entries)


def _characters(text: LogText) -> int:
    context = text.context
    if context is None:
        return len(text.message)
    return len(text.message) + len(context.node) + len(context.function or "") + len(context.file or "")
