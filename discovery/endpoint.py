"""The leaf values everyone shares: where a peer is said to be, who said so, where a connection may go. No secrets."""

import ipaddress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "168.63.129.16",
        "192.0.0.192",
        "100.100.100.200",
    )
)
"""Where clouds answer every local process with credentials or settings: AWS, Azure and GCP; AWS over IPv6, and its
container credentials; GCP over IPv6; Azure's host; Oracle; Alibaba."""

_LAST_32_BITS: Final = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("::ffff:0:0:0/96"),
)
"""Where an IPv4 address stands at the end: NAT64, IPv4-compatible, and IPv4-translated (SIIT, RFC 2765)."""
_TEREDO: Final = ipaddress.IPv6Network("2001::/32")
_RESERVED_IPV4: Final = ipaddress.IPv4Network("240.0.0.0/4")
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
    terms: str = field(default="", repr=False)
    """What else its settings say of how it is to be talked to; other terms need other connections. No secrets."""
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
    """Sources of which a part could not be read yet: who never was among what they found may still be listed there."""


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
    kinds = {
        "a cloud metadata service": ip in _METADATA,
        "a loopback address": ip.is_loopback,
        "a link-local address": ip.is_link_local,
        "a multicast or broadcast address": ip.is_multicast or ip == _BROADCAST,
        "an unspecified address": ip.is_unspecified or ip in _THIS_NETWORK,
        "a reserved address": ip in _RESERVED_IPV4,
        "a site-local address": isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local,
        "a Teredo address": ip in _TEREDO,
    }
    return next((kind for kind, is_one in kinds.items() if is_one), None)


def _embedded_ipv4(ip: IpAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped, compatible, translated, 6to4 or NAT64 address leads to."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if any(ip in network for network in _LAST_32_BITS):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None
