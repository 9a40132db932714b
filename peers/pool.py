"""The connections to one peer: who may have one now, who waits, and which are kept."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from peers.budget import ByteBudget
from peers.connection import PeerConnection
from peers.descriptors import PASSED_ON_SHARE, UNCOUNTED, Descriptors
from peers.dialer import Dialer
from peers.errors import PeerError, PeerReason
from peers.settings import TransportSettings

log = structlog.get_logger("peers")


_RETIRE_LOOK_S: Final = 0.05
_QUIET_LOOKS: Final = 2  # one that repeats its request has no connection for a moment


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """What a pool did and does. `opened` and `unasked` count from its start."""

    requests: int
    streams: int
    idle: int
    queued: int
    opened: int
    unasked: int


class _Lane:
    """The slots of one kind of exchange, and the queue for them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        # Mutable state: slots taken, and who waits for one.
        self.active = 0
        self.queue: deque[asyncio.Future[None]] = deque()

    def try_enter(self) -> bool:
        if self.active >= self.limit:
            return False
        self.active += 1
        return True

    async def enter(self, deadline: float) -> bool:
        """Wait for a slot; False when the deadline passed first."""
        turn = asyncio.get_running_loop().create_future()
        self.queue.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException as error:
            self._give_up(turn)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def leave(self) -> None:
        """Free the slot, for the next in the queue if there is one."""
        self.active -= 1
        self._admit()

    def limit_to(self, limit: int) -> None:
        """Another number of slots from now on: those too many are not given again, more are given at once."""
        self.limit = limit
        self._admit()

    def _admit(self) -> None:
        while self.queue and self.active < self.limit:
            turn = self.queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self.active += 1

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self.leave()  # the slot came in the same moment as the end of the wait
        elif turn in self.queue:
            self.queue.remove(turn)


class ConnectionPool:
    """Lends out connections to one peer, requests and streams counted apart; keeps them for reuse.

    Reused is the one used last, so that what a burst opened goes cold and is closed.
    """

    def __init__(
        self,
        name: str,
        dialer: Dialer,
        settings: TransportSettings,
        budget: ByteBudget,
        descriptors: Descriptors | None = None,
    ) -> None:
        """`descriptors`: where connections are counted, and which limit them; None: nowhere."""
        self._name = name
        self._descriptors = descriptors or Descriptors(UNCOUNTED)
        self._dialer = dialer
        self._settings = settings
        self._budget = budget
        # Mutable state: slots and limits, queues, unused connections (used longest ago first), all connections, those
        # that count as open files, counts.
        self._requests = _Lane(settings.max_requests)
        self._streams = _Lane(settings.max_streams)
        self._max_idle = settings.max_idle
        self._idle_keep_s = settings.idle_keep_ms / 1000
        self._idle: dict[PeerConnection, None] = {}
        self._all: set[PeerConnection] = set()
        self._counted: set[PeerConnection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._opened = 0
        self._unasked = 0
        self._closed: asyncio.Event | None = None
        self.is_ours = False
        """Whether connections are for our own requests, which there are always files for."""

    def __repr__(self) -> str:
        active = self._requests.active + self._streams.active
        queued = len(self._requests.queue) + len(self._streams.queue)
        return f"<ConnectionPool {self._name}: {active} active, {len(self._idle)} idle, {queued} queued>"

    @property
    def figures(self) -> PoolFigures:
        """For metrics and tests."""
        return PoolFigures(
            requests=self._requests.active,
            streams=self._streams.active,
            idle=len(self._idle),
            queued=len(self._requests.queue) + len(self._streams.queue),
            opened=self._opened,
            unasked=self._unasked,
        )

    def limit_to(self, settings: TransportSettings) -> None:
        """Other numbers of slots and idle connections from now on; what is under way goes on."""
        self._max_idle, self._idle_keep_s = settings.max_idle, settings.idle_keep_ms / 1000
        self.drop_idle()
        if self._sweeper is not None:
            self._sweeper.cancel()  # it was for a connection that is gone, after the former time
            self._sweeper = None
        self._requests.limit_to(settings.max_requests)
        self._streams.limit_to(settings.max_streams)

    def lease_idle(self, *, stream: bool = False) -> PeerConnection | None:
        """A connection to use once if both a slot and an unused connection are there; it comes back by itself."""
        lane = self._streams if stream else self._requests
        if not self._idle or not lane.try_enter():
            return None
        connection = self._take_idle()
        if connection is None:
            lane.leave()
        else:
            connection.streaming = stream
        return connection

    async def lease(self, deadline: float, *, stream: bool = False, fresh: bool = False) -> PeerConnection | PeerError:
        """A connection to use once; it comes back by itself. `fresh`: not one that was used before."""
        lane = self._streams if stream else self._requests
        if not (lane.try_enter() or await lane.enter(deadline)):
            return PeerError(
                PeerReason.CONNECTION_LIMIT_REACHED,
                f"{lane.limit} {'streams' if stream else 'requests'} are under way to this peer",
            )
        connection: PeerConnection | PeerError | None = None
        try:
            connection = (None if fresh else self._take_idle()) or await self._dial(deadline)
        finally:
            if isinstance(connection, PeerConnection):
                connection.streaming = stream
            else:
                lane.leave()
        return connection

    def drop_idle(self) -> None:
        """Close the connections nobody uses."""
        for connection in list(self._idle):
            connection.abort()
        self._idle.clear()

    async def retire(self, patience_s: float, *, with_streams: bool) -> None:
        """Let what is under way come to its end, but for what takes longer, then close all.

        Nobody comes here any more but who was on the way. Streams are cut off at once, unless it is `with_streams`.
        """
        self._max_idle = 0
        self.drop_idle()
        if not with_streams:
            for connection in [one for one in self._all if one.streaming]:
                connection.abort()
        deadline = asyncio.get_running_loop().time() + patience_s
        try:
            quiet = 0
            while quiet < _QUIET_LOOKS and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(_RETIRE_LOOK_S)
                lanes = (self._requests, self._streams)
                quiet = 0 if any(lane.active or lane.queue for lane in lanes) else quiet + 1
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close all connections, and wait until they are. Exchanges under way end with an error."""
        self._closed = self._closed or asyncio.Event()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()
        if self._all:
            await self._closed.wait()

    # What connections tell (ConnectionOwner).

    def opened(self, connection: PeerConnection) -> None:
        self._all.add(connection)
        self._opened += 1

    def released(self, connection: PeerConnection, *, reusable: bool) -> None:
        if reusable and (self._closed is not None or len(self._idle) >= self._max_idle):
            connection.abort()
        elif reusable:
            self._keep(connection)
        (self._streams if connection.streaming else self._requests).leave()

    def lost(self, connection: PeerConnection) -> None:
        self._idle.pop(connection, None)
        if connection in self._counted:
            self._counted.discard(connection)
            self._descriptors.open -= 1
        self._all.discard(connection)
        if self._closed is not None and not self._all:
            self._closed.set()

    def unasked(self, connection: PeerConnection) -> None:
        self._idle.pop(connection, None)
        self._unasked += 1
        if self._unasked == 1:
            log.warning("peer sent bytes nobody asked for", peer=self._name, connection=repr(connection))

    # Inside.

    async def _dial(self, deadline: float) -> PeerConnection | PeerError:
        dialled = None
        if not (self.is_ours or self._descriptors.has_room(PASSED_ON_SHARE)):
            return PeerError(
                PeerReason.CONNECTION_LIMIT_REACHED,
                f"{self._descriptors.open} of {self._descriptors.files} files are sockets already",
            )
        if self._closed is None:
            with self._one_more() as make:
                dialled = await self._dialer.dial(deadline, make)
        if dialled is not None and self._closed is None:
            return dialled
        if isinstance(dialled, PeerConnection):
            dialled.abort()
        return PeerError(PeerReason.DESTINATION_UNAVAILABLE, "this peer was removed")

    @contextmanager
    def _one_more(self) -> Iterator[Callable[[], PeerConnection]]:
        """Makes connections that count from the moment they are dialled, for many may be at the same time."""
        is_dialling = True
        self._descriptors.open += 1

        def make() -> PeerConnection:
            nonlocal is_dialling
            if not is_dialling:
                self._descriptors.open += 1
            is_dialling = False
            connection = PeerConnection(self._settings, self._budget, self)
            self._counted.add(connection)
            return connection

        try:
            yield make
        finally:
            if is_dialling:
                self._descriptors.open -= 1

    def _take_idle(self) -> PeerConnection | None:
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.is_clean:
                return connection
            connection.abort()
        return None

    def _keep(self, connection: PeerConnection) -> None:
        self._idle[connection] = None
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._idle_keep_s, self._sweep)

    def _sweep(self) -> None:
        """Close what was not used for long enough, and look again when the next one is due."""
        self._sweeper = None
        loop = asyncio.get_running_loop()
        for connection in list(self._idle):
            due = connection.idle_since + self._idle_keep_s
            if due > loop.time():
                self._sweeper = loop.call_at(due, self._sweep)
                return
            del self._idle[connection]
            connection.abort()
