"""The leaf values everyone shares: where a peer is said to be, who said so, where a connection may go. No secrets."""

import ipaddress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA: Final = frozenset(
    ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")
)
"""Where clouds answer every local process with credentials: AWS, Azure and GCP; AWS over IPv6; Alibaba."""

_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")
_LOOPBACK_IPV4: Final = ipaddress.IPv4Network("127.0.0.0/8")
_LOOPBACK_IPV6: Final = ipaddress.IPv6Address("::1")
_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")


class FoundBy(Enum):
    """The source of an endpoint; static always wins over the others."""

    STATIC = "static"
    MDNS = "mdns"
    FILE = "file"
    DNS = "dns"


class AddressRule(Enum):
    """Which addresses a connection to this endpoint may go to."""

    ANY = "any"
    PUBLISHED_ONLY = "published_only"
    PUBLISHED_OR_LOOPBACK = "published_or_loopback"
    """For a gateway that is bound to loopback: its neighbours on this machine are its network."""


@dataclass(frozen=True, slots=True)
class PeerEndpoint:
    """A peer's name and base URL (scheme://host:port, no path, no trailing slash)."""

    name: str
    url: str
    found_by: FoundBy = FoundBy.STATIC
    address_rule: AddressRule = AddressRule.ANY
    source: str = field(default="static", compare=False)
    """The name of the source; who found it changes nothing of where it is."""
    instance: str | None = field(default=None, compare=False)
    """The instance id it is said to have: who proves another one there is not the one that was found."""


@dataclass(frozen=True, slots=True)
class RefusedEndpoint:
    """An endpoint that must not become a peer: the reason word, and why, for people. `url` without credentials."""

    name: str
    url: str
    found_by: FoundBy
    source: str
    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class EndpointSet:
    """All endpoints there are now: static ones as configured, then what may be tried, and what may not."""

    admitted: tuple[PeerEndpoint, ...] = ()
    refused: tuple[RefusedEndpoint, ...] = ()
    departed: frozenset[str] = frozenset()
    """URLs of admitted endpoints that said goodbye."""
    unread: frozenset[str] = frozenset()
    """Sources that could not tell anything yet: that they found nobody means nothing."""


def refusal(rule: AddressRule, ip: IpAddress) -> str | None:
    """Why this rule keeps us from connecting to this address; None when it does not."""
    if rule is AddressRule.ANY or (rule is AddressRule.PUBLISHED_OR_LOOPBACK and is_loopback(ip)):
        return None
    inner = _embedded_ipv4(ip)
    return _never_published(ip) or (_never_published(inner) if inner is not None else None)


def without_credentials(url: str) -> str:
    """`url` as it may be shown: what stands before the last `@` may be a password, whatever else is wrong with it."""
    before, at, after = url.rpartition("@")
    if not at:
        return url
    scheme, slashes, _ = before.partition("//")
    return f"{scheme}//***@{after}" if slashes else f"***@{after}"


def is_loopback(ip: IpAddress) -> bool:
    """Whether this address, as it is written, is one of this machine alone; a form that only leads there is not."""
    return ip in _LOOPBACK_IPV4 if isinstance(ip, ipaddress.IPv4Address) else ip == _LOOPBACK_IPV6


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
