"""The open line to one Grove peer: told of a new generation or of its end at once, instead of at the next probe."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from entities.jsontext import InvalidJsonError, parse_json
from peers.client import PeerClient, PeerStreamError
from peers.errors import PeerError
from peers.eventtext import MAX_EVENT_BYTES, EventParser, EventTooLongError, ServerEvent
from peers.request import PeerRequest

log = structlog.get_logger("peers")

EVENTS_PATH: Final = "/api/v1/x-medkit-events"
_REQUEST: Final = PeerRequest("GET", EVENTS_PATH, (("Accept", "text/event-stream"),))


@dataclass(frozen=True, slots=True)
class EventLinkSettings:
    """Milliseconds of one event link."""

    open_timeout_ms: int = 1_000
    """For the head of the stream."""
    idle_ms: int = 15_000
    """Without any byte before the line counts as dead; pings come every 5 s."""
    retry_ms: int = 1_000
    """Between two attempts to open it."""


class EventLink:
    """Keeps the line open while it is wanted; never decides anything itself."""

    def __init__(
        self,
        peer: str,
        client: Callable[[], PeerClient],
        settings: EventLinkSettings,
        *,
        told: Callable[[int], None],
        lost: Callable[[], None],
        jitter: random.Random,
    ) -> None:
        """`client`: the one to use now. `told(generation)`: the peer has this generation; `lost()`: an open line ended.

        None of them may block.
        """
        self._peer = peer
        self._client = client
        self._settings = settings
        self._told = told
        self._lost = lost
        self._jitter = jitter
        # Mutable: whether the line should be open, and whether it is.
        self._wanted = asyncio.Event()
        self.is_open = False

    def want(self, wanted: bool) -> None:
        """Whether the line should be open; one that is open ends by itself."""
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    async def run(self) -> None:
        """Opens the line again and again, for ever."""
        while True:
            await self._wanted.wait()
            await self._listen()
            await asyncio.sleep(self._settings.retry_ms / 1000 * self._jitter.uniform(0.8, 1.2))

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        answer = await self._client().send(
            _REQUEST,
            deadline=loop.time() + self._settings.open_timeout_ms / 1000,
            stream=True,
            idle_s=self._settings.idle_ms / 1000,
        )
        if isinstance(answer, PeerError):
            return
        if answer.status != 200:
            await answer.aclose()
            log.debug("peer gives no events", peer=self._peer, status=answer.status)
            return
        self.is_open = True
        parser = EventParser()
        try:
            async for piece in answer.chunks():
                for event in parser.feed(piece):
                    self._take(event)
        except (PeerStreamError, EventTooLongError) as error:
            log.debug("event link broke", peer=self._peer, why=str(error) or type(error).__name__)
        finally:
            self.is_open = False
            await answer.aclose()
        self._lost()

    def _take(self, event: ServerEvent) -> None:
        if event.event not in ("hello", "tree"):
            return
        try:
            told = parse_json(event.data.encode(), max_bytes=MAX_EVENT_BYTES)
        except InvalidJsonError:
            return
        generation = told.get("generation") if isinstance(told, dict) else None
        if type(generation) is int:
            self._told(generation)
