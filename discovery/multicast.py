"""The mDNS sockets of ours: one that listens and one that asks, for each interface and address family.

zeroconf hides who sent a packet, and for an upstream gateway the sender is its address; so these read the packets
themselves. The listening socket is bound to the group, not to the machine: what is sent to port 5353 of this machine
alone stays with the responder it is meant for (Avahi, or our own announcement).
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, Self

from discovery.interfaces import Interface, IpInterface
from discovery.origin import UNROUTED_HOPS, Origin
from discovery.trouble import NO_INTERFACE

PORT: Final = 5353
GROUP: Final = {4: "224.0.0.251", 6: "ff02::fb"}
"""RFC 6762, section 3."""

MAX_DATAGRAM_BYTES: Final = 9000
"""RFC 6762, section 17: no packet is longer."""

DATAGRAMS_AT_ONCE: Final = 32
READ_AT_ONCE_S: Final = 0.005
"""Datagrams read in one go, and seconds after which none is begun; then other work of the event loop has its turn."""

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_ALL_GROUPS: Final = {4: (socket.IPPROTO_IP, 49), 6: (socket.IPPROTO_IPV6, 29)}
"""IP_MULTICAST_ALL and IPV6_MULTICAST_ALL of Linux, which Python does not name. Off: only what this socket joined."""

_TELL_HOPS: Final = {4: (socket.IPPROTO_IP, 12), 6: (socket.IPPROTO_IPV6, 51)}
"""IP_RECVTTL and IPV6_RECVHOPLIMIT of Linux: every datagram comes with what is left of its hop limit."""
_HOPS_TOLD: Final = frozenset({(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, 52)})
"""How that is marked; 52: IPV6_HOPLIMIT."""
_HOPS: Final = struct.Struct("@i")
_HOPS_SPACE: Final = socket.CMSG_SPACE(_HOPS.size)

_Group = tuple[str, int] | tuple[str, int, int, int]
"""The address of a socket that is the mDNS group on one interface."""

Hear = Callable[[bytes, Origin], None]

Way = tuple[str, int]
"""The name of an interface and the IP version: each is spoken on by itself."""


class Multicast:
    """Open sockets; made by `open`, ended by `close`."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        # Mutable: every socket that is read; those that ask, with the group they ask; where none could be opened.
        self._read: list[socket.socket] = []
        self._asking: list[tuple[socket.socket, _Group]] = []
        self._missing: list[tuple[Interface, IpInterface]] = []
        self.failures: dict[Way, OSError] = {}
        """Where there should be sockets and are none, and why."""

    @classmethod
    def open(cls, interfaces: Iterable[Interface], hear: Hear) -> Self:
        """Listens on `interfaces`; `hear` gets every datagram. Raises OSError when none of them can be used."""
        self = cls(hear)
        self._missing = list(_one_per_family(interfaces))
        if not self.mend():
            self.close()
            raise next(iter(self.failures.values()), OSError(NO_INTERFACE))
        return self

    def mend(self) -> bool:
        """Tries again what could not be opened; whether some of it could."""
        wanted, self._missing, self.failures = self._missing, [], {}
        for interface, address in wanted:
            try:
                self._add(interface, address)
            except OSError as error:
                self._missing.append((interface, address))
                self.failures[interface.name, address.version] = error
        return len(self._missing) < len(wanted)

    def ask(self, packet: bytes) -> OSError | None:
        """Sends a question to the group on every interface; the last error if it went out on none."""
        failure: OSError | None = None
        sent = False
        for sock, group in self._asking:
            try:
                sock.sendto(packet, group)
                sent = True
            except OSError as error:
                failure = error
        return None if sent else failure

    def close(self) -> None:
        """Closes all sockets."""
        loop = asyncio.get_running_loop()
        for sock in self._read:
            loop.remove_reader(sock)
            sock.close()

    def _add(self, interface: Interface, address: IpInterface) -> None:
        ear = _ear(interface, address)
        try:
            mouth = _mouth(interface, address)
        except OSError:
            ear.close()
            raise
        self._asking.append((mouth, _group(interface, address)))
        for sock in (ear, mouth):
            self._read.append(sock)
            asyncio.get_running_loop().add_reader(sock, partial(_read, sock, interface, self._hear))


def _read(sock: socket.socket, interface: Interface, hear: Hear) -> None:
    clock = asyncio.get_running_loop().time
    until = clock() + READ_AT_ONCE_S
    for _ in range(DATAGRAMS_AT_ONCE):
        if clock() >= until:
            return
        try:
            data, told, _, sender = sock.recvmsg(MAX_DATAGRAM_BYTES, _HOPS_SPACE)
        except OSError:  # nothing more; or what the network says about a question of ours that it could not deliver
            return
        hops = next((_HOPS.unpack(value)[0] for level, kind, value in told if (level, kind) in _HOPS_TOLD), None)
        hear(data, Origin(str(sender[0]).partition("%")[0], interface, hops))


def try_port() -> None:
    """Raises OSError when port 5353 cannot be shared. zeroconf would say so too, and leave its socket open."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _share(sock)
        sock.bind(("", PORT))


def try_to_speak(interfaces: Iterable[Interface]) -> dict[Way, OSError | None]:
    """Every way to the group, and why nothing could be sent on it; zeroconf would only log that."""
    tried: dict[Way, OSError | None] = {}
    for interface, address in _one_per_family(interfaces):
        try:
            with _mouth(interface, address) as sock:
                sock.connect(_group(interface, address))
        except OSError as error:
            tried[interface.name, address.version] = error
        else:
            tried[interface.name, address.version] = None
    return tried


def _group(interface: Interface, address: IpInterface) -> _Group:
    return (GROUP[4], PORT) if address.version == 4 else (GROUP[6], PORT, 0, interface.index)


def _share(sock: socket.socket) -> None:
    """Lets others have the port too, who let us."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _tell_hops(sock: socket.socket, version: int) -> None:
    if sys.platform == "linux":
        sock.setsockopt(*_TELL_HOPS[version], 1)


def _one_per_family(interfaces: Iterable[Interface]) -> Iterator[tuple[Interface, IpInterface]]:
    """Each interface with the address to speak from: of IPv6 a link-local one, of IPv4 rather another.

    Of loopback IPv4 alone where it has both: Linux has no IPv6 multicast there.
    """
    for interface in interfaces:
        for version in (4, 6):
            own = [address for address in interface.addresses if address.version == version]
            if own and not (version == 6 and interface.loopback and any(a.version == 4 for a in interface.addresses)):
                yield interface, min(own, key=lambda address: address.ip.is_link_local != (address.version == 6))


def _ear(interface: Interface, address: IpInterface) -> socket.socket:
    """Hears what is sent to the group on this interface; shares the port with whoever shares it."""
    version, group = address.version, GROUP[address.version]
    sock = socket.socket(_FAMILIES[version], socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        _share(sock)
        _tell_hops(sock, version)
        if sys.platform == "linux":
            sock.setsockopt(*_ALL_GROUPS[version], 0)
        if version == 4:
            sock.bind((group, PORT))
            membership = socket.inet_aton(group) + address.ip.packed + struct.pack("@i", interface.index)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((group, PORT, 0, interface.index))
            membership = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", interface.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
    except OSError:
        sock.close()
        raise
    return sock


def _mouth(interface: Interface, address: IpInterface) -> socket.socket:
    """Asks from a port of its own, so that answers come back to it and to nobody else on this machine."""
    sock = socket.socket(_FAMILIES[address.version], socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        _tell_hops(sock, address.version)
        if address.version == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address.ip.packed)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, UNROUTED_HOPS)
            sock.bind((str(address.ip), 0))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, UNROUTED_HOPS)
            sock.bind((str(address.ip), 0, 0, interface.index))
    except OSError:
        sock.close()
        raise
    return sock
