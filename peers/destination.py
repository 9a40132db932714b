"""Where a peer's URL points to."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from discovery.endpoint import IpAddress

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_HOST: Final = re.compile(r"[!-~]+")


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
