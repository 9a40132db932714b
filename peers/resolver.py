"""Names of peers to addresses: a small cache in front of the system's resolver, which blocks and cannot be stopped."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from peers.destination import Address, Destination
from peers.errors import PeerError, PeerReason
from peers.settings import ResolverSettings

Found = tuple[socket.AddressFamily, str, int]
"""Family, address and scope id."""

Lookup = Callable[[str], Sequence[Found]]
"""Blocking: the addresses of a name in order of preference; raises OSError."""


Launch = Callable[[Callable[[], None], str], None]
"""Starts work in a thread of this name; raises RuntimeError when there can be no further thread."""


def in_daemon_thread(work: Callable[[], None], name: str) -> None:
    """A thread that the exit of the process does not wait for."""
    threading.Thread(target=work, name=name, daemon=True).start()


def system_lookup(host: str) -> list[Found]:
    """What getaddrinfo(3) says, in its order (RFC 6724)."""
    found: list[Found] = []
    for family, _, _, _, sockaddr in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM):
        scope = sockaddr[3] if family is socket.AF_INET6 and len(sockaddr) == 4 else 0
        found.append((family, str(sockaddr[0]), scope))
    return found


@dataclass(frozen=True, slots=True)
class _Answer:
    found: tuple[Found, ...]
    failure: str | None
    good_until: float
    reason: PeerReason = PeerReason.DNS_ERROR


class Resolver:
    """Shared by all peers of a process; literal addresses pass through without a lookup.

    One lookup per name at a time, each in a daemon thread of its own: a name that does not resolve
    takes no thread from another, and a thread stuck in the system's resolver does not delay the exit
    (the threads of an executor are joined there).
    """

    def __init__(
        self,
        settings: ResolverSettings | None = None,
        *,
        lookup: Lookup = system_lookup,
        launch: Launch = in_daemon_thread,
    ) -> None:
        self._settings = settings or ResolverSettings()
        self._lookup = lookup
        self._launch = launch
        # Mutable state: what is known, who waits for which name, which names wait for a thread.
        self._answers: dict[str, _Answer] = {}
        self._waiters: dict[str, asyncio.Future[_Answer]] = {}
        self._queue: deque[str] = deque()
        self._running = 0

    def __repr__(self) -> str:
        return f"<Resolver {len(self._answers)} known, {self._running} running, {len(self._queue)} queued>"

    async def resolve(self, destination: Destination, deadline: float) -> tuple[Address, ...] | PeerError:
        """The addresses to try, in order. `deadline`: loop.time().

        A name that cannot be looked up now keeps its last addresses.
        """
        try:
            literal = destination.literal
        except OSError:
            return PeerError(PeerReason.DNS_ERROR, f"{destination.host}: this machine has no such network interface")
        if literal is not None:
            return (literal,)
        answer = self._known(destination.host)
        if answer is None:
            answer = await self._wait(destination.host, deadline)
        if answer is None:
            return PeerError(PeerReason.DNS_TIMEOUT, f"the name {destination.host} was not resolved in time")
        if not answer.found:
            return PeerError(answer.reason, f"{destination.host}: {answer.failure}")
        return tuple(_address(found, destination.port) for found in answer.found)

    def forget(self, host: str) -> None:
        """Look the name up again next time: its addresses do not answer."""
        answer = self._answers.get(host)
        if answer is not None and answer.found:
            self._answers[host] = _Answer(answer.found, None, good_until=0)

    def _known(self, host: str) -> _Answer | None:
        answer = self._answers.get(host)
        if answer is None or answer.good_until <= asyncio.get_running_loop().time():
            return None
        return answer

    async def _wait(self, host: str, deadline: float) -> _Answer | None:
        waiter = self._waiters.get(host)
        if waiter is None:
            waiter = self._waiters[host] = asyncio.get_running_loop().create_future()
            self._queue.append(host)
            self._start_lookups()
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(waiter)  # others may be waiting for the same name
        except TimeoutError:
            stale = self._answers.get(host)
            return stale if stale is not None and stale.found else None

    def _start_lookups(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue and self._running < self._settings.max_lookups:
            host = self._queue.popleft()
            try:
                self._launch(partial(self._look_up, loop, host), f"resolve {host}")
            except RuntimeError as error:
                self._settle(host, (), str(error), PeerReason.CONNECTION_LIMIT_REACHED)
            else:
                self._running += 1

    def _look_up(self, loop: asyncio.AbstractEventLoop, host: str) -> None:
        """In the thread: everything that happens here goes back to the loop as a value."""
        try:
            found, failure = tuple(self._lookup(host)), None
        except (OSError, ValueError) as error:  # ValueError: a label the IDNA codec refuses
            found, failure = (), str(error)
        try:
            loop.call_soon_threadsafe(self._finish, host, found, failure)
        except RuntimeError:
            return  # the loop was closed while the system's resolver kept us waiting: nobody asks any more

    def _finish(self, host: str, found: tuple[Found, ...], failure: str | None) -> None:
        self._running -= 1
        self._settle(host, found, failure)
        self._start_lookups()

    def _settle(
        self, host: str, found: tuple[Found, ...], failure: str | None, reason: PeerReason = PeerReason.DNS_ERROR
    ) -> None:
        """Remember what came of the lookup, and tell those who wait for it."""
        last = self._answers.get(host)
        keep_ms = self._settings.name_ttl_ms if found else self._settings.name_retry_ms
        known = found or (last.found if last is not None else ())
        good_until = asyncio.get_running_loop().time() + keep_ms / 1000
        answer = self._remember(host, _Answer(known, failure, good_until, reason))
        self._waiters.pop(host).set_result(answer)

    def _remember(self, host: str, answer: _Answer) -> _Answer:
        self._answers.pop(host, None)  # so that the dictionary's order is that of the last lookup
        self._answers[host] = answer
        if len(self._answers) > self._settings.max_names:
            del self._answers[next(iter(self._answers))]
        return answer


def _address(found: Found, port: int) -> Address:
    family, text, scope = found
    if family is socket.AF_INET6:
        return Address(family, (text, port, 0, scope))
    return Address(family, (text, port))
