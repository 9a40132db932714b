"""Where a peer's URL points to, and which addresses a connection may go to."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from discovery.endpoint import AddressRule

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_HOST: Final = re.compile(r"[!-~]+")

_METADATA: Final = frozenset(
    ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")
)
"""Where clouds answer every local process with credentials: AWS, Azure and GCP; AWS over IPv6; Alibaba."""

_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")
_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")


@dataclass(frozen=True, slots=True)
class Destination:
    """The parts of a peer's URL: `host` as the resolver and TLS want it, `authority` as the Host header does."""

    host: str
    port: int
    authority: str
    secure: bool

    @property
    def literal(self) -> "Address | None":
        """The address, if the host is one and no name has to be looked up."""
        return literal_address(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Address:
    """One address to connect to, as the socket module wants it."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    @property
    def ip(self) -> IpAddress:
        """The bare address, without zone and port."""
        return ipaddress.ip_address(self.sockaddr[0].partition("%")[0])

    def __str__(self) -> str:
        host, port = self.sockaddr[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_destination(url: str) -> Destination:
    """The destination of `scheme://host[:port]`.

    An IPv6 zone may be written `%25eth0` (RFC 6874) or `%eth0`; it stays out of the Host header.
    Raises ValueError for anything else than http and https, a missing host, a path, or user information.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("a peer's URL is http://host:port or https://host:port, without user information")
    if parts.path or parts.query or parts.fragment:
        raise ValueError(f"a peer's URL ends after the port, found {(parts.path + parts.query)!r} behind it")
    host = parts.hostname.replace("%25", "%", 1)
    if _HOST.fullmatch(host) is None:
        raise ValueError(f"a host is ASCII without spaces, found {host!r}; write an international name as xn--...")
    if parts.port == 0:
        raise ValueError("a peer's port is between 1 and 65535, found 0")
    bare = host.partition("%")[0]
    shown = f"[{bare}]" if ":" in bare else bare
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    authority = shown if parts.port is None else f"{shown}:{port}"
    return Destination(host, port, authority, parts.scheme == "https")


def literal_address(host: str, port: int) -> Address | None:
    """The address a literal IP stands for, without asking any resolver; None for a name.

    Raises OSError for a zone that is no interface of this machine.
    """
    bare, _, zone = host.partition("%")
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if ip.version == 4:
        return Address(socket.AF_INET, (bare, port))
    scope = 0 if not zone else int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
    return Address(socket.AF_INET6, (bare, port, 0, scope))


def refusal(rule: AddressRule, ip: IpAddress) -> str | None:
    """Why this rule keeps us from connecting to this address; None when it does not."""
    if rule is AddressRule.ANY:
        return None
    inner = _embedded_ipv4(ip)
    return _never_published(ip) or (_never_published(inner) if inner is not None else None)


def _never_published(ip: IpAddress) -> str | None:
    if ip in _METADATA:
        return "a cloud metadata service"
    if ip.is_loopback:
        return "a loopback address"
    if ip.is_link_local:
        return "a link-local address"
    if ip.is_multicast or ip == _BROADCAST:
        return "a multicast or broadcast address"
    if ip.is_unspecified or (isinstance(ip, ipaddress.IPv4Address) and ip in _THIS_NETWORK):
        return "an unspecified address"
    return None


def _embedded_ipv4(ip: IpAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped, compatible, 6to4 or NAT64 address leads to."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip in _IPV4_COMPATIBLE or any(ip in network for network in _NAT64):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None
