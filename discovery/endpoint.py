"""The leaf value everyone shares: where a peer is said to be, and who said so. No secrets in it."""

from dataclasses import dataclass
from enum import Enum


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


@dataclass(frozen=True, slots=True)
class PeerEndpoint:
    """A peer's name and base URL (scheme://host:port, no path, no trailing slash)."""

    name: str
    url: str
    found_by: FoundBy = FoundBy.STATIC
    address_rule: AddressRule = AddressRule.ANY
