"""What is heard on the event line of a Grove gateway (docs/api.md, "Events")."""

from collections.abc import Callable
from typing import Any, Final

import structlog

from entities.jsontext import InvalidJsonError, parse_json
from peers.eventlink import LONGEST_ID, Hearer
from peers.eventtext import MAX_EVENT_BYTES, ServerEvent
from peers.fault_exchange import FaultExchange
from peers.fault_news import InvalidNewsError, parse_news

EVENTS_PATH: Final = "/api/v1/x-medkit-events"

log = structlog.get_logger("peers")


class GroveLine:
    """Generations go to the watcher, news of faults to the exchange; where the line was is remembered."""

    def __init__(
        self,
        peer: str,
        *,
        told: Callable[[int], None],
        lost: Callable[[], None],
        faults: FaultExchange,
        may_tell: Callable[[str], bool],
    ) -> None:
        """`told(generation)`: the peer has this generation; `lost()`: an open line ended. Both must not block.

        `may_tell`: whether this peer's word counts for a gateway.
        """
        self._peer = peer
        self._told = told
        self._lost = lost
        self._faults = faults
        self._may_tell = may_tell
        # Mutable: the peer's number of the last news that it told.
        self._position: str | None = None

    @property
    def path(self) -> str:
        return EVENTS_PATH

    def headers(self) -> tuple[tuple[str, str], ...]:
        return () if self._position is None else (("Last-Event-ID", self._position),)

    def hear(self, event: ServerEvent) -> None:
        match event.event:
            case "hello" | "tree":
                self._hear_generation(_object(event.data))
            case "gap":
                count = _object(event.data).get("faults")
                if type(count) is int and count > 0:
                    self._faults.lost(self._peer, count)
            case "fault":
                self._hear_news(event)
            case _:
                pass

    def turned(self, *, is_open: bool) -> None:
        if not is_open:
            self._lost()
        self._faults.look_at_silence()

    def _hear_generation(self, told: dict[str, Any]) -> None:
        generation, newest = told.get("generation"), told.get("faults")
        if type(generation) is int:
            self._told(generation)
        if self._position is None and isinstance(newest, str) and _is_id(newest):
            self._position = newest

    def _hear_news(self, event: ServerEvent) -> None:
        if _is_id(event.last_id):
            self._position = event.last_id
        try:
            news = parse_news(event.data)
        except InvalidNewsError as error:
            log.debug("peer told what is no news", peer=self._peer, why=str(error))
            return
        if self._may_tell(news.origin):
            self._faults.take(news)


def _is_id(text: str) -> bool:
    """Whether it can be sent back as it is."""
    return 0 < len(text) <= LONGEST_ID and text.isascii() and text.isprintable()


def _object(data: str) -> dict[str, Any]:
    """The JSON object in the data of an event; an empty one where there is none."""
    try:
        told = parse_json(data.encode(), max_bytes=MAX_EVENT_BYTES)
    except InvalidJsonError:
        return {}
    return told if isinstance(told, dict) else {}


_: type[Hearer] = GroveLine
