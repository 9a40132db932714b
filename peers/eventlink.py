"""The open line to one peer: told of what changes, and of the end of the line, instead of at the next probe."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from peers.client import PeerClient, PeerStreamError
from peers.errors import PeerError
from peers.eventtext import EventParser, EventTooLongError, ServerEvent
from peers.request import PeerRequest

LONGEST_ID: Final = 100
"""Characters of an id of an event that is sent back; a peer that sends a longer one has none."""

log = structlog.get_logger("peers")


@dataclass(frozen=True, slots=True)
class EventLinkSettings:
    """Milliseconds of one event link."""

    open_timeout_ms: int = 1_000
    """For the head of the stream."""
    idle_ms: int = 15_000
    """Without any byte before the line counts as dead; pings come every 5 s."""
    retry_ms: int = 1_000
    """Between two attempts to open it."""
    refused_ms: int = 1_000
    """After it was answered with an error."""


class Hearer(Protocol):
    """Who hears what is said on a line. Nothing of it blocks or raises."""

    @property
    def path(self) -> str:
        """Where the line is opened."""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What is sent to open it, beside what every line has."""

    def hear(self, event: ServerEvent) -> None:
        """One event."""

    def turned(self, *, is_open: bool) -> None:
        """The line was opened, or an open one ended."""


class EventLink:
    """Keeps the line open while it is wanted; never decides anything itself."""

    def __init__(
        self,
        peer: str,
        client: Callable[[], PeerClient],
        settings: EventLinkSettings,
        hearer: Hearer,
        *,
        jitter: random.Random,
    ) -> None:
        """`client`: the one to use now."""
        self._peer = peer
        self._client = client
        self._settings = settings
        self._hearer = hearer
        self._jitter = jitter
        # Mutable: whether the line should be open, and whether it is.
        self._wanted = asyncio.Event()
        self.is_open = False

    @property
    def is_wanted(self) -> bool:
        """Whether the line should be open."""
        return self._wanted.is_set()

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
            was_refused = await self._listen()
            pause_ms = self._settings.refused_ms if was_refused else self._settings.retry_ms
            await asyncio.sleep(pause_ms / 1000 * self._jitter.uniform(0.8, 1.2))

    async def _listen(self) -> bool:
        """True if the peer answered that there is no line."""
        loop = asyncio.get_running_loop()
        headers = (("Accept", "text/event-stream"), *self._hearer.headers())
        answer = await self._client().send(
            PeerRequest("GET", self._hearer.path, headers),
            deadline=loop.time() + self._settings.open_timeout_ms / 1000,
            stream=True,
            idle_s=self._settings.idle_ms / 1000,
        )
        if isinstance(answer, PeerError):
            return False
        if answer.status != 200:
            await answer.aclose()
            log.debug("peer gives no events", peer=self._peer, status=answer.status)
            return True
        self._turn(is_open=True)
        parser = EventParser()
        try:
            async for piece in answer.chunks():
                for event in parser.feed(piece):
                    self._hearer.hear(event)
        except (PeerStreamError, EventTooLongError) as error:
            log.debug("event link broke", peer=self._peer, why=str(error) or type(error).__name__)
        finally:
            self._turn(is_open=False)
            await answer.aclose()
        return False

    def _turn(self, *, is_open: bool) -> None:
        self.is_open = is_open
        self._hearer.turned(is_open=is_open)
