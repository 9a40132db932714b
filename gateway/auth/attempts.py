"""How often somebody may try a secret: failures are counted by client and by address. Pure, with the clock handed in.

A client that an address has proven to be is not locked for that address by what others try elsewhere.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Failures that are answered at once, and how fast they are forgiven."""

    per_address: int = 10
    """Failures of one address (of IPv6, of one /64)."""
    per_client: int = 20
    """Failures for one client id, from all addresses together."""
    forgiven_s: float = 6.0
    """Seconds after which one failure is forgiven."""
    remembered: int = 4096
    """Addresses, and clients, that are counted; of more, those that failed longest ago are forgotten."""


@dataclass(slots=True)
class _Count:
    failures: float
    at: float
    is_told: bool = False


class _Counts:
    """Failures by whom they are counted against."""

    def __init__(self, most: int, limits: AttemptLimits) -> None:
        self._most = most
        self._limits = limits
        # Mutable: the counts, the one that failed longest ago first.
        self._counts: OrderedDict[Hashable, _Count] = OrderedDict()

    def wait_s(self, key: Hashable, now: float) -> float:
        """Seconds until one more attempt is answered."""
        found = self._counts.get(key)
        if found is None:
            return 0.0
        left = found.failures - (now - found.at) / self._limits.forgiven_s
        return max(0.0, (left - self._most + 1) * self._limits.forgiven_s)

    def add(self, key: Hashable, now: float) -> bool:
        """Counts a failure; whether it is the first for which others have to wait, since all were forgiven."""
        found = self._counts.pop(key, None)
        left = 0.0 if found is None else max(0.0, found.failures - (now - found.at) / self._limits.forgiven_s)
        was_told = found is not None and found.is_told and left > 0
        is_full = left + 1 > self._most - 1
        self._counts[key] = _Count(left + 1, now, is_told=was_told or is_full)
        while len(self._counts) > self._limits.remembered:
            self._counts.popitem(last=False)
        return is_full and not was_told


class Attempts:
    """Everybody who failed lately. `clock`: monotonic seconds."""

    def __init__(self, limits: AttemptLimits, *, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        # Mutable: the failures, and from where which client proved itself.
        self._by_address = _Counts(limits.per_address, limits)
        self._by_client = _Counts(limits.per_client, limits)
        self._proven: OrderedDict[tuple[str, Hashable], None] = OrderedDict()

    def retry_after_s(self, client: str, address: str) -> int:
        """Whole seconds until an attempt is answered again; 0 if it is now."""
        now, where = self._clock(), network_of(address)
        wait = self._by_address.wait_s(where, now)
        if (client, where) not in self._proven:
            wait = max(wait, self._by_client.wait_s(client, now))
        return ceil(wait)

    def failed(self, client: str, address: str) -> bool:
        """Counts a failure; whether from now on others are refused, which is news."""
        now, where = self._clock(), network_of(address)
        of_address, of_client = self._by_address.add(where, now), self._by_client.add(client, now)
        return of_address or of_client

    def succeeded(self, client: str, address: str) -> None:
        """Notes that this address knows the client's secret."""
        place = (client, network_of(address))
        self._proven[place] = None
        self._proven.move_to_end(place)
        while len(self._proven) > self._limits.remembered:
            self._proven.popitem(last=False)


def network_of(address: str) -> Hashable:
    """What counts as one place: an IPv4 address, or the /64 that one subscriber of IPv6 has to itself."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return ip.ipv4_mapped or (int(ip) >> _HOST_BITS)
    return ip


_HOST_BITS: Final = 64
