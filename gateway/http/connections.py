"""All connections of clients: how many there may be, and a look now and then at those that keep us waiting.

aiohttp's server has no limit for either. Source: docs/security.md, "Limits".
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

import structlog

from gateway.http.pace import PaceRule
from peers.descriptors import ANSWERED_SHARE, SERVED_SHARE, UNCOUNTED, Descriptors
from peers.view import Warned

LOOK_S: Final = 0.25
"""Seconds between two looks at the connections that keep us waiting; so much later than its limit one may end."""

CROWDED_HEAD_S: Final = 2.0
"""Seconds for the head of a request on a connection beyond the limit."""

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What clients may use of us. Seconds, bytes and numbers of connections."""

    most: int = 65_536
    """Connections that are served; see `spare`."""
    spare: int = 32
    """Connections beyond `most` on which `/health` is answered and everything else is refused; more are closed."""
    handshakes: int = 32_768
    """Connections that may be in their TLS handshake at a time."""
    head_bytes: int = 32 * 1024
    """Of all header lines of one request; so much is held of a head that is not whole, and of its line."""
    head_s: float = 10.0
    """For the whole head of a request, and before the first byte on a new connection."""
    handshake_s: float = 10.0
    """For the TLS handshake."""
    keep_alive_s: float = 75.0
    """For an idle connection, after an answer."""
    body: PaceRule = PaceRule(grace_s=5.0, bytes_per_s=1024, most_s=60.0)  # noqa: RUF009 -- frozen, as good as a number
    """For the body of a request."""
    sending: PaceRule = PaceRule(grace_s=60.0, bytes_per_s=1024, most_s=60.0)  # noqa: RUF009 -- the same
    """For taking our answer."""


class Admission(Enum):
    """What becomes of a connection."""

    NEW = auto()
    """It is accepted; nobody knows yet whether its handshake comes to an end."""
    SERVED = auto()
    CROWDED = auto()
    """`/health` is answered, everything else is refused."""


class Watched(Protocol):
    """A connection that may keep us waiting."""

    def look(self, now: float) -> bool:
        """Ends what takes too long; False when we do not wait for the client any more. `now`: loop time."""


class Connections:
    """The connections of one listener."""

    def __init__(self, limits: ConnectionLimits, descriptors: Descriptors | None = None) -> None:
        """Nobody is connected. `descriptors`: where they are counted beside other sockets, and which limit them too."""
        self.limits = limits
        self._descriptors = descriptors or Descriptors(UNCOUNTED)
        # Mutable: how many there are, and of these new; whether the log knows that there are too many; which are looked
        # at, and the timer of the next look.
        self._count = 0
        self._new = 0
        self._is_full = False
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def has_room(self) -> bool:
        """Whether one more may be accepted."""
        return self._count < self.limits.most + self.limits.spare and self._descriptors.has_room(ANSWERED_SHARE)

    def enter(self, *, replacing: bool = False) -> bool:
        """One more is accepted, and new, unless there is no room. Either `admit` or `leave_new` is called for it.

        `replacing`: there is, for another one is being ended.
        """
        if not replacing and not self.has_room:
            return False
        self._count += 1
        self._new += 1
        self._descriptors.open += 1
        return True

    def admit(self) -> Admission:
        """A new one may send requests from now on; `leave` is called when it is closed.

        Those that are still new take no place from it.
        """
        self._new -= 1
        if self._count - self._new <= self.limits.most and self._descriptors.has_room(SERVED_SHARE):
            return Admission.SERVED
        if not self._is_full:
            self._is_full = True
            _log.warning("too many connections of clients", most=self.limits.most)
        return Admission.CROWDED

    def leave(self) -> None:
        """One less."""
        self._count -= 1
        self._descriptors.open -= 1
        if self._is_full and self._count - self._new < self.limits.most and self._descriptors.has_room(SERVED_SHARE):
            self._is_full = False
            _log.info("connections of clients are within the limit again", number=self._count)

    def leave_new(self) -> None:
        """One less, whose handshake never ended."""
        self._new -= 1
        self.leave()

    def watch(self, connection: Watched) -> None:
        """It keeps us waiting: look at it, until it does not."""
        self._watched.add(connection)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def unwatch(self, connection: Watched) -> None:
        """It is closed."""
        self._watched.discard(connection)

    def warnings(self) -> Iterable[Warned]:
        """What users must be told."""
        if self._is_full:
            message = (
                f"{self._count} connections of clients are open, {self.limits.most} are served, and "
                f"{self._descriptors.open} sockets of {self._descriptors.files} files: further clients get 503 but for "
                "/health; raise the limit of open files or server.max_connections, or find out who holds them"
            )
            yield Warned("too_many_connections", message)

    def aclose(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        # First of all, so that an error about one connection never ends the looking at all others.
        self._timer = loop.call_later(LOOK_S, self._look)
        now = loop.time()
        for connection in tuple(self._watched):
            if not connection.look(now):
                self._watched.discard(connection)
        if not self._watched:
            self._timer.cancel()
            self._timer = None
