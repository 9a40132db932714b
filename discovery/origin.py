"""Where an mDNS packet came from, and whether it can have come from this network at all. Pure."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from discovery.interfaces import Interface
from discovery.networks import IpNetwork

UNROUTED_HOPS: Final = 255
"""The hop limit with which mDNS is sent (RFC 6762, section 11); every router takes one away."""

ELSEWHERE: Final = "elsewhere"
"""Those whose address is in no network of the interface that hears them count as one sender: it costs nothing to have
any number of such addresses.
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """The address of the sender, and the interface of ours that heard it."""

    address: str
    interface: Interface
    hops: int | None = None
    """What was left of its hop limit; None where the system does not tell."""

    @property
    def sender(self) -> str:
        """Whose words these are, for counting them."""
        return self.address if self._is_neighbour(()) else ELSEWHERE

    def is_on_link(self, networks: Iterable[IpNetwork] = ()) -> bool:
        """Whether it comes from this network: its address is in one of the interface's or in `networks`, or no router
        has passed it on.
        """
        return self.hops == UNROUTED_HOPS or self._is_neighbour(networks)

    def _is_neighbour(self, networks: Iterable[IpNetwork]) -> bool:
        ip = ipaddress.ip_address(self.address)
        if ip.version == 6 and ip.is_link_local:
            return True
        own = (address.network for address in self.interface.addresses)
        return any(ip in network for network in (*own, *networks))
