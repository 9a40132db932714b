"""The network interfaces of this machine, and which of them mDNS may use."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import psutil

from discovery.trials import Trial, read_trials

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

_IP_FAMILIES: Final = frozenset({socket.AF_INET, socket.AF_INET6})


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface that is up and carries multicast; `addresses` with their prefix length, without zone."""

    name: str
    index: int
    loopback: bool
    addresses: tuple[IpInterface, ...]
    """Those that can be spoken from now."""
    on_trial: bool = False
    """Whether there is another, that the system still asks the network about; for a second or two (RFC 4862, 5.4)."""


def read_interfaces() -> tuple[Interface, ...]:
    """The interfaces as they are now, by name. Reads files of the system: not for the event loop."""
    addresses = psutil.net_if_addrs()
    trials = read_trials()
    found = []
    for name, state in sorted(psutil.net_if_stats().items()):
        flags = state.flags.split(",")
        loopback = "loopback" in flags
        if not state.isup or not (loopback or "multicast" in flags):
            continue
        try:
            index = socket.if_nametoindex(name)
        except OSError:  # it went between the two readings
            continue
        own = [
            _with_prefix(each.address, each.netmask) for each in addresses.get(name, ()) if each.family in _IP_FAMILIES
        ]
        ready = tuple(address for address in own if (index, address.ip) not in trials)
        on_trial = any(trials.get((index, address.ip)) is Trial.PENDING for address in own)
        found.append(Interface(name, index, loopback, ready, on_trial))
    return tuple(found)


def interface_names() -> tuple[str, ...]:
    """Every interface there is, up or not, by number. Asks the system: not for the event loop."""
    return tuple(name for _, name in sorted(socket.if_nameindex()))


class InterfaceWatch:
    """The interfaces as the last look that succeeded saw them."""

    def __init__(self, read: Callable[[], tuple[Interface, ...]] = read_interfaces) -> None:
        """`read` may block and may raise OSError."""
        self._read = read
        # Mutable: what was seen last.
        self._seen: tuple[Interface, ...] = ()

    async def look(self) -> tuple[Interface, ...]:
        """The interfaces now; those of before when the system cannot tell, for want of file descriptors for one."""
        with suppress(OSError):
            self._seen = await asyncio.to_thread(self._read)
        return self._seen


def bound_addresses(host: str) -> frozenset[IpAddress]:
    """What `server.host` means: its address, or those of its name. Looks the name up: not for the event loop."""
    try:
        return frozenset({ipaddress.ip_address(host.partition("%")[0])})
    except ValueError:
        pass
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers)


def interfaces_in_reach(
    interfaces: Iterable[Interface], bound: frozenset[IpAddress], names: Sequence[str] = ()
) -> tuple[Interface, ...]:
    """Where peers are looked for: `names`, or else every interface on which we can be reached ourselves.

    Bound to loopback only, a gateway does not speak to the network unless it is told to.
    """
    if names:
        return tuple(one for one in interfaces if one.name in names)
    return tuple(
        one
        for one in interfaces
        if any(_is_bound(one, address.ip, bound) for address in one.addresses) or _may_be_bound_soon(one, bound)
    )


def interfaces_served(
    interfaces: Iterable[Interface], bound: frozenset[IpAddress], names: Sequence[str] = ()
) -> tuple[Interface, ...]:
    """Where we are announced, each interface with those of its addresses on which the API really answers."""
    served = []
    for one in interfaces_in_reach(interfaces, bound, names):
        own = [address for address in one.addresses if _is_bound(one, address.ip, bound)]
        # A link-local address means something else on every link; it is told only where there is no other.
        told = [address for address in own if not address.ip.is_link_local] or own
        if told or _may_be_bound_soon(one, bound):
            served.append(replace(one, addresses=tuple(told)))
    return tuple(served)


def wait_for_trials(interfaces: Iterable[Interface]) -> bool:
    """Whether there is nothing to speak from yet, and soon will be."""
    seen = tuple(interfaces)
    return any(one.on_trial for one in seen) and not any(one.addresses for one in seen)


def _is_bound(interface: Interface, ip: IpAddress, bound: frozenset[IpAddress]) -> bool:
    if ip in bound:
        return True
    return not interface.loopback and any(each.is_unspecified and each.version == ip.version for each in bound)


def _may_be_bound_soon(interface: Interface, bound: frozenset[IpAddress]) -> bool:
    return interface.on_trial and any(each.version == 6 and not each.is_loopback for each in bound)


def _with_prefix(text: str, mask: str | None) -> IpInterface:
    ip = ipaddress.ip_address(text.partition("%")[0])
    length = int(ipaddress.ip_address(mask)).bit_count() if mask else ip.max_prefixlen
    return ipaddress.ip_interface(f"{ip}/{length}")
