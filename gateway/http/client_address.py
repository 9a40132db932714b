"""Who a client is, by address: the other end of the connection, or whom a trusted proxy says it speaks for. Pure.

Source: docs/security.md, "Behind a proxy".
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from gateway.settings import ServerSettings
from gateway.site import IpAddress, parse_address

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

X_FORWARDED_FOR: Final = "X-Forwarded-For"
FORWARDED: Final = "Forwarded"

MAX_PROXIES: Final = 32
"""Addresses of the header that are looked at, the last ones."""

_FOR: Final = re.compile(r'(?:^|;)\s*for=(?:"([^"]*)"|([^\s;,"]*))', re.IGNORECASE)


class TrustedProxies:
    """The proxies of one gateway; what they say of their clients is believed, what others say is not."""

    def __init__(self, server: ServerSettings) -> None:
        """`server.trusted_proxies` are networks, `server.client_address_header` is the header they set."""
        self._networks = networks(server.trusted_proxies)
        self.header: Final = FORWARDED if server.client_address_header == "forwarded" else X_FORWARDED_FOR
        """The one they set."""

    def client_of(self, remote: str | None, lines: Sequence[str]) -> str:
        """The address of the client that asks over a connection from `remote`; empty if nobody can know.

        `lines`: the values of `header`, one for each time it is there.
        """
        address = parse_address(remote or "")
        if address is None:
            return ""
        told = self._told(lines)
        # One that is no address the proxy does not know, or a client made it up: the last one that is known counts.
        while is_within(address, self._networks) and (before := parse_address(next(told, ""))) is not None:
            address = before
        return str(address)

    def _told(self, lines: Sequence[str]) -> Iterator[str]:
        """The addresses in the header, the last proxy's word first."""
        items = (item for line in reversed(lines) for item in reversed(line.rsplit(",", MAX_PROXIES)))
        for item in islice(items, MAX_PROXIES):
            if self.header == X_FORWARDED_FOR:
                yield item.strip()
            else:
                match = _FOR.search(item)
                yield "" if match is None else match[1] or match[2] or ""


def networks(texts: Sequence[str]) -> tuple[IpNetwork, ...]:
    """The networks of these `ADDRESS` and `ADDRESS/LENGTH`; what is none is left out."""
    return tuple(network for text in texts if (network := parse_network(text)) is not None)


def parse_network(text: str) -> IpNetwork | None:
    """The network of `ADDRESS` or `ADDRESS/LENGTH`, or None."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def is_within(address: IpAddress, among: Sequence[IpNetwork]) -> bool:
    """Whether the address is in one of the networks."""
    return any(address.version == network.version and address in network for network in among)
