"""Takes connections from listening sockets: each is counted from the moment it is accepted, not from its first request.

asyncio's server tells of a connection only when its TLS handshake is over, and keeps those that never finish for
itself. Source: docs/security.md, "Limits".
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import structlog

from gateway.http.connections import Admission, Connections
from gateway.http.protocol import GREETING_S, ApiProtocol

BACKLOG: Final = 1024
"""Connections the kernel holds until we accept them; so many may still come when we stop."""

AT_ONCE: Final = 16
"""Connections that are accepted before others have their turn on the loop."""

MOMENT_S: Final = 0.25
"""Seconds that everybody has for a TLS handshake, however many others come; meanwhile these wait in the kernel."""

RETRY_S: Final = 0.5
"""Seconds after which it is tried again where the system let us accept nothing, for want of files most often."""

_log = structlog.stdlib.get_logger(__name__)


class _Newcomer:
    """A connection that is accepted and whose handshake is not over."""

    __slots__ = ("began", "connection", "is_begun", "protocol", "task")

    def __init__(self, connection: socket.socket, protocol: ApiProtocol, began: float) -> None:
        self.connection = connection
        self.protocol = protocol
        self.began = began
        # Mutable: whether its transport has the socket by now, and what waits for the handshake.
        self.is_begun = False
        self.task: asyncio.Task[None]


class Acceptor:
    """Accepts until `stop`. Without a context there is no handshake: whoever is accepted is a client at once."""

    def __init__(
        self,
        listening: Iterable[socket.socket],
        connections: Connections,
        make: Callable[[], ApiProtocol],
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        """Begins on the running loop; `listening` is closed by `stop`."""
        self._loop = asyncio.get_running_loop()
        self._connections = connections
        self._make = make
        self._ssl_context = ssl_context
        # Mutable: the sockets, with how many are still taken of each when they are to be closed, and whether they are;
        # why none of them can be accepted from, or whether nobody is for a moment, and the timer of the next try; who
        # is new, in the order of their coming, who of them gives way, and whether the log knows.
        self._listening = dict.fromkeys(listening, BACKLOG)
        self._is_stopping = False
        self._trouble: str | None = None
        self._is_held = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_crowded = False
        self._new: dict[_Newcomer, None] = {}
        self._leaving: set[_Newcomer] = set()
        self._listen()

    def is_busy(self, now: float) -> bool:
        """Whether somebody came just now, who has not had the time to ask, or is not yet taken. `now`: loop time."""
        return (self._is_stopping and bool(self._listening)) or any(now - one.began < GREETING_S for one in self._new)

    def stop(self) -> None:
        """Takes those whom the kernel holds for us, in turns as ever, and no more; what is begun goes on.

        The sockets are closed when there is nobody left, most often at once.
        """
        if not self._is_stopping:
            self._is_stopping = True
            for one in tuple(self._listening):
                self._accept_some(one)

    async def aclose(self) -> None:
        """Stops, whoever is left, and ends handshakes that are under way."""
        self._is_stopping = True
        for one in tuple(self._listening):
            self._close(one)
        if self._timer is not None:
            self._timer.cancel()
        tasks = [one.task for one in (*self._new, *self._leaving)]
        if self._ssl_context is not None:  # else they are over in a moment, and uvloop forgets who is cut off in it
            for task in tasks:
                task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _close(self, listening: socket.socket) -> None:
        """Who came since the last look is lost."""
        del self._listening[listening]
        self._loop.remove_reader(listening)
        listening.close()

    def _listen(self) -> None:
        self._is_held = False
        for one in self._listening:
            self._loop.add_reader(one, self._accept_some, one)

    def _accept_some(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if self._hold() or not self._accept(listening):
                return

    def _hold(self) -> bool:
        """Whether nobody is accepted for a moment: all who could give way to one more have just come themselves."""
        if self._ssl_context is None or not self._new:
            return False
        if len(self._new) < self._connections.limits.handshakes and self._connections.has_room:
            return False
        left_s = next(iter(self._new)).began + MOMENT_S - self._loop.time()
        if left_s > 0:
            self._is_held = True
            self._pause(left_s)
        return left_s > 0

    def _accept(self, listening: socket.socket) -> bool:
        """Takes one; False where there is none to take."""
        try:
            connection, _ = listening.accept()
        except BlockingIOError:
            if self._is_stopping:
                self._close(listening)
            return False
        except ConnectionAbortedError:  # it left before we looked
            return True
        except OSError as error:
            self._wait(error)
            return False
        if self._trouble is not None:
            _log.info("connections are accepted again")
            self._trouble = None
        self._take(connection)
        if self._is_stopping:
            self._listening[listening] -= 1
            if not self._listening[listening]:
                self._close(listening)
                return False
        return True

    def _wait(self, error: OSError) -> None:
        """Until the system lets us: the sockets stay ready, and the loop must not turn on that."""
        why = error.strerror or str(error)
        if self._trouble is None:
            _log.warning("connections cannot be accepted", why=why, retry_s=RETRY_S)
        self._trouble = why
        self._pause(RETRY_S)

    def _pause(self, seconds: float) -> None:
        for one in self._listening:
            self._loop.remove_reader(one)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._listen)

    def _take(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if not self._connections.enter() and not self._make_room():
            connection.close()
            return
        if self._ssl_context is not None and len(self._new) >= self._connections.limits.handshakes:
            self._end_oldest()
        one = _Newcomer(connection, self._make(), self._loop.time())
        one.task = self._loop.create_task(self._shake_hands(one), name="accept a connection")
        self._new[one] = None
        one.task.add_done_callback(lambda _: self._settle(one))

    def _make_room(self) -> bool:
        """Enters one more in the place of another, who is on the way out; False where nobody is to go."""
        if self._ssl_context is None or not self._new:
            return False
        self._end_oldest()
        self._connections.enter(replacing=True)
        return True

    def _end_oldest(self) -> None:
        """Who has been shaking hands for longest gives way: a client needs moments for it."""
        if not self._is_crowded:
            self._is_crowded = True
            _log.warning("too many tls handshakes, the longest give way", number=len(self._new))
        oldest = next(iter(self._new))
        del self._new[oldest]
        self._leaving.add(oldest)
        oldest.task.cancel()

    async def _shake_hands(self, one: _Newcomer) -> None:
        one.is_begun = True
        with suppress(OSError):  # it is gone, took too long, or speaks something else
            await self._loop.connect_accepted_socket(
                lambda: one.protocol,
                one.connection,
                ssl=self._ssl_context,
                ssl_handshake_timeout=None if self._ssl_context is None else self._connections.limits.handshake_s,
            )

    def _settle(self, one: _Newcomer) -> None:
        """Its handshake is over, in whatever way."""
        if not one.task.cancelled() and (error := one.task.exception()) is not None:
            _log.error("connection could not be begun", exc_info=error)
        self._new.pop(one, None)
        self._leaving.discard(one)
        if self._is_crowded and len(self._new) < self._connections.limits.handshakes / 2:
            self._is_crowded = False
            _log.info("tls handshakes have room again")
        if self._is_held:
            self._listen()
        if not one.is_begun:
            one.connection.close()
        if one.protocol.admission is Admission.NEW:
            self._connections.leave_new()
