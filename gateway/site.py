"""The addresses of clients, and what counts as one of them."""

import ipaddress
import re
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

SITE_BITS: Final = 64
"""Of an IPv6 address: whoever has one has all that begin alike, so they count as one client."""

_WITH_PORT: Final = re.compile(r"\[([^\]]*)\](?::\d{1,5})?|([0-9.]+)(?::\d{1,5})?")


def parse_address(text: str) -> IpAddress | None:
    """The address in `text`, perhaps with brackets, port or zone; IPv4 written as IPv6 is IPv4. None: there is none."""
    match = _WITH_PORT.fullmatch(text)
    bare = text if match is None else match[1] or match[2] or ""
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def site_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or an IPv6 network of `SITE_BITS`. What is no address, as it is."""
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, SITE_BITS), strict=False))
    return address if parsed is None else str(parsed)
