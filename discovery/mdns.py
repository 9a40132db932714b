"""Looking for peers by mDNS: asks, listens, and publishes everybody who was heard. Off by default.

One task, whatever arrives: packets go straight into the table of `neighbours.py`, which is published when it changed.
"""

import asyncio
import errno
import math
import random
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
from zeroconf import DNSIncoming, DNSOutgoing, DNSQuestion

from discovery.budget import SenderBudget
from discovery.endpoint import FoundBy
from discovery.interfaces import Interface, wait_for_trials
from discovery.multicast import Multicast
from discovery.neighbours import Bounds, Neighbour, Neighbours
from discovery.networks import IpNetwork
from discovery.origin import Origin
from discovery.records import APPLICATION, Goodbye, service_type, understand
from discovery.settings import MdnsSettings
from discovery.source import Found, Reading
from discovery.trouble import explain, explain_partly

log = structlog.get_logger("discovery")

_QUERY: Final = 0
_TYPE_PTR: Final = 12
_TYPE_SRV: Final = 33
_CLASS_IN_UNICAST: Final = 0x8001
"""IN, with the wish for an answer to the asking port (RFC 6762, 5.4)."""

_MOST_DOUBLINGS: Final = 16

_HEADER: Final = struct.Struct("!4x4H")
"""Of a packet: its id and flags; then how many questions, answers and other records it has (RFC 1035, 4.1.1)."""
_IS_RESPONSE: Final = 0x80
"""Of the third byte of a packet."""

ReadInterfaces = Callable[[], Awaitable[tuple[Interface, ...]]]


class MdnsSource:
    """A source of endpoints: the gateways that are heard on the network."""

    name = "mdns"

    def __init__(
        self,
        service: str,
        settings: MdnsSettings,
        *,
        read_interfaces: ReadInterfaces,
        scheme: str,
        clock: Callable[[], float],
        jitter: random.Random,
        own: tuple[str, str] | None = None,
        networks: Sequence[IpNetwork] = (),
    ) -> None:
        """`service`: `aggregation.mdns_service`; `read_interfaces`: where to look, now; `scheme`: of those who tell
        none; `clock`: monotonic seconds; `own`: our instance and boot id, so that we do not find ourselves;
        `networks`: those beside the interfaces' whose hosts are heard.
        """
        self._service = service_type(service)
        self._mark = self._service.partition(".")[0].lower().encode()
        self._settings = settings
        self._read_interfaces = read_interfaces
        self._scheme = scheme
        self._clock = clock
        self._jitter = jitter
        self._own = own
        self._networks = tuple(networks)
        bounds = Bounds(
            strangers=settings.max_neighbours,
            of_one=settings.max_of_sender,
            mentions=settings.max_questions,
            mention_s=settings.ask_again_s,
            chance_s=settings.chance_s,
            memory_s=settings.memory_s,
            farewell_s=settings.farewell_s,
        )
        self._table = Neighbours(bounds)
        self._budget = SenderBudget(
            burst=settings.record_burst,
            per_s=settings.records_per_s,
            senders=settings.max_senders,
            together=settings.senders_together,
        )
        # Mutable: the sockets and where they are open; why they are not; what wakes the task; when to ask next.
        self._sockets: Multicast | None = None
        self._open_on: tuple[Interface, ...] = ()
        self._trouble: str | None = None
        self._retry_at = 0.0
        self._stirred = asyncio.Event()
        self._questions = 0
        self._asked_at = 0.0
        self._ask_at = math.inf
        # Mutable: whether somebody was heard who is not on this network.
        self._heard_from_beyond = False

    @property
    def neighbours(self) -> tuple[Neighbour, ...]:
        """Everybody who was heard, ourselves left out."""
        return tuple(one for one in self._table.known if self._own is None or _identity(one) != self._own)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be heard; None when it can."""
        return self._trouble

    def keep(self, peers: frozenset[str]) -> None:
        """These URLs are peers now, and no others: what is heard of them has its place, whoever else is heard."""
        self._table.keep(peers)

    def reading(self) -> Reading:
        """Everybody of our application, as endpoints."""
        found = (
            Found(one.label, one.url(self._scheme), FoundBy.MDNS, one.told.instance, one.departed)
            for one in self.neighbours
            if one.told.app in {None, APPLICATION}
        )
        return Reading(tuple(found), self._trouble)

    async def run(self, publish: Callable[[Reading], None]) -> None:
        """Looks until cancelled. Never fails: what does is the reading's trouble."""
        published: Reading | None = None
        look_at = 0.0
        try:
            while True:
                now = self._clock()
                if now >= look_at:
                    await self._look_for_interfaces()
                    on_trial = any(one.on_trial for one in self._open_on)
                    look_at = now + (self._settings.trial_s if on_trial else self._settings.interfaces_s)
                if self._sockets is not None and now >= self._ask_at:
                    self._ask(self._sockets, now)
                self._table.forget_old(now)
                if (reading := self.reading()) != published:
                    publish(published := reading)
                    await asyncio.sleep(self._settings.settle_s)
                await self._wait(min(look_at, self._ask_at) - self._clock())
        finally:
            self._close()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, self._settings.settle_s)):
                await self._stirred.wait()
        self._stirred.clear()

    async def _look_for_interfaces(self) -> None:
        interfaces = await self._read_interfaces()
        if self._sockets is not None and interfaces == self._open_on:
            self._mend(self._sockets)
            return
        if self._sockets is None and interfaces == self._open_on and self._clock() < self._retry_at:
            return
        self._close()
        self._open_on = interfaces
        if wait_for_trials(interfaces):
            return
        self._retry_at = self._clock() + self._settings.retry_s
        try:
            self._sockets = Multicast.open(interfaces, self._hear)
        except OSError as error:
            self._trouble = explain(error)
            return
        self._trouble = None
        self._questions = 0
        # RFC 6762, 5.2: gateways that start together do not all ask at once.
        self._ask_at = self._clock() + self._jitter.uniform(0.02, 0.12)

    def _mend(self, sockets: Multicast) -> None:
        """Opens what could not be opened before, if it is time to try again, and asks there."""
        if not sockets.failures or self._clock() < self._retry_at:
            return
        self._retry_at = self._clock() + self._settings.retry_s
        if sockets.mend():
            self._questions = 0
            self._ask_at = self._clock()

    def _close(self) -> None:
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None
            self._ask_at = math.inf

    def _ask(self, sockets: Multicast, now: float) -> None:
        """Asks for everybody, and for the place of those who were named without one."""
        packet = DNSOutgoing(_QUERY)
        packet.add_question(DNSQuestion(self._service, _TYPE_PTR, _CLASS_IN_UNICAST))
        for label in self._table.take_mentioned(now):
            packet.add_question(DNSQuestion(f"{label}.{self._service}", _TYPE_SRV, _CLASS_IN_UNICAST))
        failures = [error for data in packet.packets() if (error := sockets.ask(data)) is not None]
        # Where another program has the port for IPv4, questions by IPv6 go nowhere, or out and find only half.
        missing = next(iter(sockets.failures.values()), None)
        blocked = missing is not None and (failures or missing.errno == errno.EADDRINUSE)
        cause = missing if blocked else next(iter(failures), None)
        self._trouble = explain_partly(sockets.failures) if cause is None else explain(cause)
        self._asked_at = now
        self._ask_at = now + min(self._settings.first_pause_s * 2**self._questions, self._settings.longest_pause_s)
        self._questions = min(self._questions + 1, _MOST_DOUBLINGS)

    def _ask_soon(self, now: float) -> None:
        soon = max(now, self._asked_at + self._settings.first_pause_s)
        if soon < self._ask_at:
            self._ask_at = soon
            self._stirred.set()

    def _hear(self, data: bytes, origin: Origin) -> None:
        # Most of what is said on a network are questions, or about other services.
        if len(data) < _HEADER.size or not data[2] & _IS_RESPONSE or self._mark not in data.lower():
            return
        if not origin.is_on_link(self._networks):
            self._ignore(origin)
            return
        now, refused = self._clock(), self._table.refused
        if not self._budget.allows(origin.sender, _records(data), now):
            return
        for saying in understand(DNSIncoming(data), self._service):
            if self._table.hear(saying, origin, now):
                self._stirred.set()
                if isinstance(saying, Goodbye):  # who did not say it himself will answer
                    self._ask_soon(now)
            if self._table.refused > refused:  # the rest of it would fare no better
                break
        if self._table.has_questions:
            self._ask_soon(now)
        if self._table.refused and not refused:
            log.warning("more gateways are announced than can be noted", limit=self._settings.max_neighbours)

    def _ignore(self, origin: Origin) -> None:
        """RFC 6762, section 11: who is not on this network has no business to answer."""
        if not self._heard_from_beyond:
            self._heard_from_beyond = True
            log.warning(
                "mdns from another network is ignored",
                sender=origin.address,
                hops=origin.hops,
                interface=origin.interface.name,
            )


def _records(data: bytes) -> int:
    """How many records and questions a packet has, as it says itself: no more than these are read."""
    return sum(_HEADER.unpack_from(data))


def _identity(one: Neighbour) -> tuple[str | None, str | None]:
    return one.told.instance, one.told.boot
