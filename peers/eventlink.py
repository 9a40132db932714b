"""The open line to one peer: told of what changes, and of the end of the line, instead of at the next probe."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from peers.client import PeerAnswer, PeerClient, PeerStreamError
from peers.errors import PeerError, PeerReason
from peers.eventtext import MAX_EVENT_BYTES, EventParser, EventTooLongError, ServerEvent
from peers.line_allowance import LineAllowance, LineRule
from peers.request import PeerRequest

LONGEST_ID: Final = 100
"""Characters of an id of an event that is sent back; a peer that sends a longer one has none."""

TURN_BYTES: Final = 4 * 1024
"""Read of a line before others have their turn on the loop."""

_MALFORMED: Final = frozenset({PeerReason.HTTP_PROTOCOL_ERROR, PeerReason.HTTP_RESPONSE_HEADER_SIZE})

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
    abused_ms: int = 10_000
    """After more was said on it than `allowed`, or what is no event."""
    allowed: LineRule = field(default_factory=LineRule)


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
        abused: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """`client`: the one to use now. `abused`: is told why the line was broken off, and None once it is well."""
        self._peer = peer
        self._client = client
        self._settings = settings
        self._hearer = hearer
        self._jitter = jitter
        # Mutable: whether the line should be open, and whether it is.
        self._wanted = asyncio.Event()
        self.is_open = False
        # Mutable: what may still be said on it, and why it was broken off.
        self._allowance: LineAllowance | None = None
        self._abused = abused
        self._abuse: str | None = None

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
            pause_ms = await self._listen()
            await asyncio.sleep(pause_ms / 1000 * self._jitter.uniform(0.8, 1.2))

    async def _listen(self) -> int:
        """Listens until the line ends; milliseconds until it is tried again."""
        loop = asyncio.get_running_loop()
        headers = (("Accept", "text/event-stream"), *self._hearer.headers())
        answer = await self._client().send(
            PeerRequest("GET", self._hearer.path, headers),
            deadline=loop.time() + self._settings.open_timeout_ms / 1000,
            stream=True,
            idle_s=self._settings.idle_ms / 1000,
        )
        if isinstance(answer, PeerError):
            return self._after(answer)
        if answer.status != 200:
            await answer.aclose()
            log.debug("peer gives no events", peer=self._peer, status=answer.status)
            return self._settings.refused_ms
        self._turn(is_open=True)
        try:
            abuse = await self._hear_out(answer)
        except PeerStreamError as error:
            log.debug("event link broke", peer=self._peer, why=str(error))
            return self._after(error.error)
        finally:
            self._turn(is_open=False)
            await answer.aclose()
        if abuse is None:
            return self._settings.retry_ms
        self._note(abuse)
        return self._settings.abused_ms

    def _after(self, error: PeerError) -> int:
        if error.reason not in _MALFORMED:
            return self._settings.retry_ms
        self._note(f"{error.reason}: {error.detail}")
        return self._settings.abused_ms

    async def _hear_out(self, answer: PeerAnswer) -> str | None:
        """Hears all of it; why it is not listened to any longer, if that is so. Raises PeerStreamError."""
        loop = asyncio.get_running_loop()
        opened = loop.time()
        allowance = self._allowance = self._allowance or LineAllowance(self._settings.allowed, opened)
        parser = EventParser()
        async for piece in answer.chunks():
            for start in range(0, len(piece), TURN_BYTES):
                part = piece[start : start + TURN_BYTES]
                if not allowance.take(part, loop.time()):
                    return f"{PeerReason.PEER_LIMIT_EXCEEDED}: its event line says more than {self._settings.allowed}"
                try:
                    events = parser.feed(part)
                except EventTooLongError:
                    return f"{PeerReason.PEER_LIMIT_EXCEEDED}: an event of more than {MAX_EVENT_BYTES} bytes"
                for event in events:
                    self._hearer.hear(event)
                if len(piece) > TURN_BYTES:
                    await asyncio.sleep(0)
            if self._abuse is not None and loop.time() - opened > self._settings.abused_ms / 1000:
                self._note(None)
        return None

    def _note(self, abuse: str | None) -> None:
        if abuse is None:
            log.info("event line of a peer well again", peer=self._peer)
        elif self._abuse is None:
            log.warning("event line of a peer broken off", peer=self._peer, why=abuse)
        self._abuse = abuse
        self._abused(abuse)

    def _turn(self, *, is_open: bool) -> None:
        self.is_open = is_open
        self._hearer.turned(is_open=is_open)
