"""mDNS on loopback as tests use it: each test with a service of its own, so that none hears another."""

import asyncio
import contextlib
import random
import secrets
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from zeroconf import DNSIncoming

from discovery.announce import Announcer
from discovery.interfaces import Interface, bound_addresses, interfaces_served, read_interfaces
from discovery.mdns import MdnsSource, ReadInterfaces
from discovery.records import Announcement
from discovery.settings import MdnsSettings
from discovery.source import Found, Reading
from tests.federation.eventually import eventually
from tests.unit.discovery.packets import upstream_announcement, upstream_question, upstream_reply

GROUP = "224.0.0.251"
PORT = 5353
QUICK = MdnsSettings(retry_s=0.2, interfaces_s=0.2)


def new_service() -> str:
    """A service type that nobody else uses, as the setting wants it."""
    return f"_t{secrets.token_hex(6)}._tcp.local"


async def on_loopback() -> tuple[Interface, ...]:
    return interfaces_served(await asyncio.to_thread(read_interfaces), bound_addresses("127.0.0.1"))


def announcement(label: str, port: int = 8080, instance: str | None = None) -> Announcement:
    return Announcement(
        label=label, port=port, instance=instance or (label[0] * 22), boot="b" * 22, version="0.1.0", scheme="http"
    )


class Looking:
    """A source at work, and what it published."""

    def __init__(self, service: str, settings: MdnsSettings = QUICK, **others: Any) -> None:
        self.source = MdnsSource(
            service,
            settings,
            read_interfaces=others.pop("read_interfaces", on_loopback),
            scheme="http",
            clock=time.monotonic,
            jitter=random.Random(1),
            **others,
        )
        self.readings: list[Reading] = []

    @property
    def found(self) -> dict[str, Found]:
        return {one.name: one for one in self.readings[-1].found} if self.readings else {}

    async def wait_for(self, name: str) -> Found:
        await eventually(lambda: name in self.found)
        return self.found[name]


@contextlib.asynccontextmanager
async def looking(service: str, settings: MdnsSettings = QUICK, **others: Any) -> AsyncIterator[Looking]:
    one = Looking(service, settings, **others)
    async with running(one.source.run(one.readings.append)):
        yield one


@contextlib.asynccontextmanager
async def announcing(
    service: str, said: Announcement, settings: MdnsSettings = QUICK, **others: Any
) -> AsyncIterator[Announcer]:
    one = Announcer(
        service, said, settings, read_interfaces=others.pop("read_interfaces", on_loopback), clock=time.monotonic
    )
    async with running(one.run()):
        yield one


async def names_of_equals(service: str, read_interfaces: ReadInterfaces) -> set[str]:
    """What four are called that all want the same name and come one after the other."""
    async with contextlib.AsyncExitStack() as stack:
        looker = await stack.enter_async_context(looking(service, read_interfaces=read_interfaces))
        announcers: list[Announcer] = []
        for number in range(4):
            said = announcement("same", 8081 + number, str(number) * 22)
            coming = announcing(service, said, read_interfaces=read_interfaces)
            announcers.append(await stack.enter_async_context(coming))
            await eventually(lambda: announcers[-1].is_announced and len(looker.found) == len(announcers))
        return set(looker.found)


@contextlib.asynccontextmanager
async def running(coroutine: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class UpstreamMdns:
    """An upstream gateway's side of mDNS on loopback, to the byte: what it sends, answers and understands."""

    def __init__(self, service: str, label: str, port: int) -> None:
        self._service, self._label, self._port = f"{service}.", label, port
        self.host = "upstream-host"
        # It answers from 5353 and asks from a port of its own.
        self.responder = group_socket()
        self.browser = group_socket(port=0)

    def announce(self, ttl: int = 120) -> None:
        """At its start; with `ttl` 0 at its end."""
        data = upstream_announcement(self._label, self._port, self.host, ttl, self._service)
        self.responder.sendto(data, (GROUP, PORT))

    def ask(self) -> None:
        self.browser.sendto(upstream_question(self._service), (GROUP, PORT))

    def replies(self) -> Iterator[tuple[DNSIncoming, tuple[str, int]]]:
        """What reached the port it asked from."""
        yield from received(self.browser)

    def answer_questions(self) -> int:
        """Answers everybody who asked for exactly its service; how many that were."""
        answered = 0
        for packet, sender in received(self.responder):
            asked = [one.name.lower() == self._service.lower() for one in packet.questions]
            if packet.is_query() and any(asked) and sender[1] != PORT:
                self.responder.sendto(upstream_reply(packet, self._label, self._port, self.host, self._service), sender)
                answered += 1
        return answered

    def close(self) -> None:
        self.responder.close()
        self.browser.close()


def group_socket(port: int = PORT, address: str = "127.0.0.1") -> socket.socket:
    """A socket on the group by the interface that has `address`."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("", port))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    if port:
        membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return sock


def received(sock: socket.socket) -> Iterator[tuple[DNSIncoming, tuple[str, int]]]:
    """Everything that has arrived."""
    while True:
        try:
            data, sender = sock.recvfrom(9000)
        except BlockingIOError:
            return
        yield DNSIncoming(data), sender
