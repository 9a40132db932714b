"""The loops of one peer: probe it and learn who it is; and beside that, read its tree when it changed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from entities.codec import OtherFormat
from peers.behind import Behind
from peers.errors import PeerError, PeerReason
from peers.eventlink import EventLink
from peers.foreign import ForeignReader
from peers.health import PeerState
from peers.native import HeldTree, Probed, Unchanged, probe, read_tree
from peers.peer import Peer
from peers.reading import Reading
from peers.registry import Registry
from peers.sickness import OwnSickness

log = structlog.get_logger("peers")

R = TypeVar("R")

HURRIED_LOOKS = 4
"""Looks in quick succession after an open line ended: enough to call a dead peer down."""

MAX_WALKS = 2
"""Readings of an upstream gateway that fail in a row; the next one waits for the periodic refresh."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How often a peer is looked at, in milliseconds, and how much of it is read."""

    interval_ms: int = 1000
    """Between two probes."""
    timeout_ms: int = 1000
    """Of one probe."""
    read_timeout_ms: int = 2000
    """Of one tree document."""
    strike_ms: int = 200
    """Between a failure and the next probe, so that a death is known soon."""
    hurry_ms: int = 20
    """Between two looks when the peer told us of news, or its line ended."""
    behind_pause_ms: int = 2_000
    """Between two readings of an upstream gateway whose own peers come and go; doubles while they go on."""
    behind_max_pause_ms: int = 60_000
    """The longest such pause."""
    tree_body_bytes: int = 64 * 1024 * 1024
    """Most bytes of a tree document."""
    max_entities: int = 100_000
    """Most entities in a tree document (`aggregation.max_peer_entities`)."""


class Watcher:
    """Watches one peer until cancelled; tells `changed` whenever what is known of it changed."""

    def __init__(
        self,
        peer: Peer,
        registry: Registry,
        settings: WatchSettings,
        *,
        foreign: ForeignReader,
        changed: Callable[[], None],
        jitter: random.Random,
        sickness: OwnSickness,
    ) -> None:
        """`foreign` reads the peer if it has no tree document; `sickness` learns of late timers and mass failures.

        `changed` is called on the loop and must not block.
        """
        self._peer = peer
        self._registry = registry
        self._settings = settings
        self._foreign = foreign
        self._changed = changed
        self._jitter = jitter
        self._sickness = sickness
        # Mutable: what asks for attention before the interval is over.
        self._kick = asyncio.Event()
        self._read_due = True
        self._has_news = False
        self._hurry = 0
        self._calm_until = 0.0
        self._failed_reads = 0
        self._defect: str | None = None
        self._behind = Behind(pause_ms=settings.behind_pause_ms, max_pause_ms=settings.behind_max_pause_ms)
        self._tree = Reading(is_walk=False)
        self._walk = Reading(is_walk=True)
        self._untold = False
        self.line: EventLink | None = None
        """The event link to this peer, opened while the peer is up and offers one."""
        self.faults: EventLink | None = None
        """The fault stream of this peer, opened while it is an upstream gateway that is up and somebody reads it."""
        self.faults_wanted: Callable[[], bool] = lambda: False
        """Whether somebody reads it."""
        self.first_look = asyncio.Event()
        """Set once the peer was looked at for the first time, and read if it was to be."""

    def kick(self, *, read: bool = False) -> None:
        """Look now; `read`: also ask for the tree, changed or not (a conditional request)."""
        if read:
            self._read_due, self._failed_reads = True, 0
        self._kick.set()

    def news(self, generation: int) -> None:
        """The peer said that it has this generation."""
        held = self._peer.held
        if held is None or held.document.generation != generation:
            self._has_news = True
            self._kick.set()

    def hurry(self) -> None:
        """A connection broke or was refused: look at once, and again in quick succession if nobody answers.

        Once per strike interval: a peer that refuses some connections and takes others is not looked at all the time.
        """
        loop = asyncio.get_running_loop()
        if loop.time() >= self._calm_until:
            self._calm_until = loop.time() + self._settings.strike_ms / 1000
            self._hurry = HURRIED_LOOKS
        self._kick.set()

    def want_lines(self) -> None:
        """The lines that this peer should have now."""
        is_upstream = self._peer.upstream is not None
        if self.line is not None:
            self.line.want(self._peer.is_up and self._peer.has_events)
        if self.faults is not None:
            self.faults.want(self._peer.is_up and is_upstream and self.faults_wanted())

    @property
    def is_deaf(self) -> bool:
        """The peer is up, but the line on which it tells what changes is not open."""
        lines = [line for line in (self.line, self.faults) if line is not None and line.is_wanted]
        return self._peer.is_up and any(not line.is_open for line in lines)

    @property
    def is_reading(self) -> bool:
        """Whether the peer is being read, or is to be."""
        return self._tree.is_expected or self._walk.is_expected

    @property
    def peer(self) -> str:
        """The name of the peer."""
        return self._peer.name

    async def run(self) -> None:
        """Looks at the peer for ever, and reads it meanwhile."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_on(), name=f"look at {self._peer.name}")
            for reading in (self._tree, self._walk):
                group.create_task(self._read_on(reading), name=f"read {self._peer.name}")

    async def _look_on(self) -> None:
        loop = asyncio.get_running_loop()
        looked_at = 0.0
        while True:
            self._kick.clear()
            started = loop.time()
            looked_lately = started - looked_at < self._settings.interval_ms / 1000
            if self._has_news and self._peer.is_up and looked_lately:
                self._has_news = False
                self._reading.due.set()
            else:
                looked_at = started
                self._has_news = False
                await self.look()
                if not self.is_reading:
                    self.first_look.set()
            await self._rest()
            # Evidence of failures comes in bursts; they are answered with one probe per strike interval.
            floor = self._settings.hurry_ms if self._has_news or self._hurry else self._settings.strike_ms
            await asyncio.sleep(max(0.0, started + floor / 1000 - loop.time()))

    async def _read_on(self, reading: Reading) -> None:
        """Reads whenever it is due; each kind by itself, for a gateway may be replaced by one of the other."""
        while True:
            await reading.due.wait()
            await self._read_now(reading)
            self.first_look.set()

    @property
    def _reading(self) -> Reading:
        """The one of such a peer as it is now."""
        return self._tree if self._peer.upstream is None else self._walk

    async def _rest(self) -> None:
        strike = self._peer.health.state in (PeerState.UNKNOWN, PeerState.SUSPECT)
        pause_ms = min(self._settings.strike_ms, self._settings.interval_ms) if strike else self._settings.interval_ms
        if self._hurry:
            self._hurry -= 1
            pause_ms = self._settings.hurry_ms
        pause = pause_ms / 1000 * self._jitter.uniform(0.9, 1.1)
        try:
            async with asyncio.timeout(pause):
                await self._kick.wait()
        except TimeoutError:
            return

    async def read(self) -> None:
        """Reads what the peer has."""
        await self._read_now(self._reading)

    async def _read_now(self, reading: Reading) -> None:
        reading.is_under_way = True
        reading.due.clear()
        before = self._peer.unreadable
        is_new = await self._read(reading)
        reading.is_under_way = False
        self.want_lines()
        if is_new or self._untold or self._peer.unreadable != before:
            self._untold = False
            self._changed()

    async def look(self) -> bool:
        """One probe; whether there is something to be read now."""
        before = (self._peer.link(), self._peer.health.state, self._peer.unreadable)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.timeout_ms / 1000
        probed = await self._contained(probe(self._peer.watch_client, deadline=deadline))
        due = named = False
        match probed:
            case PeerError():
                self._sickness.timer_was_late(loop.time() - deadline)
                if probed.is_timeout or probed.reason is PeerReason.DESTINATION_IP_UNROUTABLE:
                    self._sickness.peer_timed_out(self._peer.name)
                self._peer.health.failed(probed)
                if not self._peer.health.linked:
                    self._peer.client.drop_idle()
                    self._peer.watch_client.drop_idle()
            case Probed():
                self._sickness.peer_answered(self._peer.name)
                due = self._take(probed, loop.time())
                named = self._name_lost(loop.time())
        self.want_lines()
        if self._peer.health.state is not before[1]:
            self._registry.log_transition(self._peer, probed.detail if isinstance(probed, PeerError) else "")
        if named or before != (self._peer.link(), self._peer.health.state, self._peer.unreadable):
            # Together with the tree it has now, not with the one from before; but upstream's takes up to a minute.
            self._untold = due and self._peer.upstream is None
            if not self._untold:
                self._changed()
        if due:
            self._reading.due.set()
        return due

    def _take(self, probed: Probed, now: float) -> bool:
        """Who answered is taken note of; True if it is a peer whose tree should be read now."""
        if not self._registry.identify(self._peer, probed, now=now):
            return False
        came_back = self._peer.health.ok(probed.rtt_ms)
        held = self._peer.held
        if self._peer.upstream is not None:
            self._behind.look(self._peer.upstream)
            is_new = held is None and self._failed_reads < MAX_WALKS
            if came_back or ((self._read_due or is_new) and not self._walk.is_under_way):
                self._behind.is_read()
                return True
            return self._behind.should_read(now)
        return not self._tree.is_under_way and (
            self._read_due
            or held is None
            or held.document.boot_id != probed.boot_id
            or held.document.generation != probed.generation
        )

    def _name_lost(self, now: float) -> bool:
        """Whom an upstream gateway lost is told before it is read again; True if there is a new document."""
        named = self._foreign.name_lost(self._peer) if self._behind.should_name(now) else None
        if named is not None:
            self._peer.held = named
        return named is not None

    async def _read(self, reading: Reading) -> bool:
        """Reads the peer; True if there is a new document."""
        peer, boot = self._peer, self._peer.boot
        read = await self._contained(self._foreign.read(peer) if reading.is_walk else self._read_native())
        if reading is not self._reading:
            return False  # somebody else answers there since
        match read:
            case Unchanged():
                self._readable()
                return False
            case HeldTree() as held:
                peer.held = held
                self._readable()
                return True
            case OtherFormat(found):
                log.info("peer is read as an upstream gateway", peer=peer.name, why=f"tree document: {found}")
                peer.other_format = boot
                self._read_due = True
                self.hurry()
            case PeerError() as error:
                self._unreadable(error)
        return False

    async def _contained(self, asking: Awaitable[R]) -> R | PeerError:
        """What one peer tells must not end the watching of the others, whatever we missed in it."""
        try:
            return await asking
        except Exception as error:  # our defect, not the peer's failure; a cancellation is none of these
            why = f"it could not be taken in: {type(error).__name__}, see the log"
            if self._defect != why:
                log.exception("peer answered what this gateway cannot handle", peer=self._peer.name)
            self._defect = why
            return PeerError(PeerReason.INVALID_JSON, why)

    async def _read_native(self) -> HeldTree | Unchanged | OtherFormat | PeerError:
        read = await read_tree(
            self._peer.watch_client,
            self._peer.held,
            deadline=asyncio.get_running_loop().time() + self._settings.read_timeout_ms / 1000,
            max_bytes=self._settings.tree_body_bytes,
            max_entities=self._settings.max_entities,
        )
        if isinstance(read, HeldTree) and read.document.instance_id != self._peer.instance:
            return PeerError(PeerReason.INVALID_JSON, "another gateway answered than on /health")
        return read

    def _readable(self) -> None:
        self._defect = None
        self._read_due, self._failed_reads = False, 0
        if self._peer.unreadable is not None:
            log.info("peer tree readable again", peer=self._peer.name)
        self._peer.unreadable, self._peer.exceeds_limits, self._peer.lets_us_in = None, False, True

    def _unreadable(self, error: PeerError) -> None:
        self._failed_reads += 1
        self._read_due = self._peer.upstream is None or self._failed_reads < MAX_WALKS
        if error.is_broken_line:
            self.hurry()
        why = f"{error.reason}: {error.detail}"
        if self._peer.unreadable is None:
            log.warning("peer tree unreadable", peer=self._peer.name, why=why)
        self._peer.unreadable = why
        self._peer.exceeds_limits = error.reason is PeerReason.PEER_LIMIT_EXCEEDED
        self._peer.lets_us_in = error.reason is not PeerReason.AUTH
