"""Server-sent events as text: bytes in any pieces -> events. Pure. WHATWG HTML, section 9.2.6."""

from dataclasses import dataclass
from typing import Final

MAX_EVENT_BYTES: Final = 64 * 1024
"""Longest event; a stream that exceeds it is not read on."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its type (`message` by default), its data lines joined by newlines, the last id seen."""

    event: str
    data: str
    last_id: str = ""


class EventTooLongError(ValueError):
    """An event is longer than MAX_EVENT_BYTES."""


class EventParser:
    """Reads one stream."""

    def __init__(self) -> None:
        """At the beginning of a stream."""
        # Mutable: the line and the event that are not finished yet, the last id.
        self._rest = b""
        self._event = ""
        self._data: list[str] = []
        self._size = 0
        self._last_id = ""
        self._is_first = True

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """The events that `piece` completes; comments and unknown fields are skipped. Raises EventTooLongError."""
        text = self._rest + piece
        # A CR at the very end may be half of a CRLF: it waits for the next piece.
        held = b"\r" if text.endswith(b"\r") else b""
        lines = text[: len(text) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLongError
        found = []
        for line in lines:
            event = self._line(line.decode("utf-8", "replace"))
            if event is not None:
                found.append(event)
        return found

    def _line(self, line: str) -> ServerEvent | None:
        if self._is_first:
            line = line.removeprefix("\ufeff")
            self._is_first = False
        if not line:
            return self._dispatch()
        if line.startswith(":"):
            return None  # a comment is part of no event, however many there are
        self._size += len(line)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLongError
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._last_id = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        event, data = self._event or "message", self._data
        self._event, self._data, self._size = "", [], 0
        return ServerEvent(event, "\n".join(data), self._last_id) if data else None
