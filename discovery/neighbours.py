"""Who was heard on the network: a bounded table that no stranger can empty. No sockets: `mdns.py` feeds it."""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from discovery.interfaces import Interface
from discovery.records import Goodbye, Mention, Place, Saying, Told

_Key = tuple[str, str, int]
"""The name in lower case, the host, the port."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a packet came from: the address of its sender, and the interface of ours that heard it."""

    address: str
    interface: Interface


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One instance at one place. The same name at two places is two neighbours: only one of them can be honest."""

    label: str
    host: str
    """An address literal; link-local IPv6 with its zone, as `fe80::1%eth0`."""
    port: int
    told: Told
    sender: str
    """The address whose packet said so."""
    heard_at: float
    """Monotonic seconds of the last word about it."""
    departed: bool = False

    def url(self, scheme: str) -> str:
        """Its base URL; `scheme` counts where it told none of its own."""
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        return f"{self.told.scheme or scheme}://{host}:{self.port}"


class Neighbours:
    """The table. At most `limit` entries, each forgotten `memory_s` seconds after it was last heard of.

    Nothing but age removes an entry, so forged goodbyes and places cannot. When it is full the sender with the most
    entries gives one up, and has no more taken: a flood displaces itself, never the others.
    """

    def __init__(self, *, limit: int, mentions: int, memory_s: float) -> None:
        """`mentions`: most instances remembered as named without a place."""
        self._limit = limit
        self._most_mentions = mentions
        self._memory_s = memory_s
        # Mutable: the entries by name and place; names whose place must be asked for; entries refused for want of room.
        self._entries: dict[_Key, Neighbour] = {}
        self._mentioned: dict[str, str] = {}
        self.refused = 0
        # Mutable: how many entries each sender has, and each name.
        self._of_sender: Counter[str] = Counter()
        self._of_label: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Neighbours {len(self._entries)} known, {len(self._mentioned)} to be asked for>"

    @property
    def known(self) -> tuple[Neighbour, ...]:
        """Everybody, by name and place."""
        return tuple(self._entries[key] for key in sorted(self._entries))

    @property
    def has_questions(self) -> bool:
        """Whether there is somebody whose place must be asked for."""
        return bool(self._mentioned)

    def take_mentioned(self) -> tuple[str, ...]:
        """The labels whose place is not known yet; they are asked for once."""
        labels = tuple(self._mentioned.values())
        self._mentioned.clear()
        return labels

    def hear(self, saying: Saying, origin: Origin, now: float) -> bool:
        """Takes one saying; whether what is known has changed."""
        match saying:
            case Place():
                return self._place(saying, origin, now)
            case Goodbye(label):
                return self._depart(label)
            case Mention(label):
                if len(self._mentioned) < self._most_mentions and not self._has(label):
                    self._mentioned[label.lower()] = label
                return False

    def forget_old(self, now: float) -> bool:
        """Drops who was not heard for too long; whether there was one."""
        old = [key for key, one in self._entries.items() if now - one.heard_at > self._memory_s]
        for key in old:
            self._drop(key)
        return bool(old)

    def _place(self, place: Place, origin: Origin, now: float) -> bool:
        self._mentioned.pop(place.label.lower(), None)
        host = choose_host(place.addresses, origin)
        key = (place.label.lower(), host, place.port)
        before = self._entries.get(key)
        if before is None:
            if not self._make_room(origin.address):
                self.refused += 1
                return False
            self._add(key, Neighbour(place.label, host, place.port, place.told, origin.address, now))
            return True
        # A packet may leave out the TXT record: what was told before still holds then.
        told = before.told if place.told == Told() else place.told
        after = replace(before, told=told, heard_at=now, departed=False)
        self._entries[key] = after
        return replace(after, heard_at=before.heard_at) != before

    def _depart(self, label: str) -> bool:
        self._mentioned.pop(label.lower(), None)
        leaving = [key for key, one in self._entries.items() if key[0] == label.lower() and not one.departed]
        for key in leaving:
            self._entries[key] = replace(self._entries[key], departed=True)
        return bool(leaving)

    def _has(self, label: str) -> bool:
        return label.lower() in self._of_label

    def _make_room(self, sender: str) -> bool:
        """Whether an entry of `sender` may be added."""
        if len(self._entries) < self._limit:
            return True
        greedy = max(self._of_sender, key=self._of_sender.__getitem__)
        if self._of_sender[sender] + 1 >= self._of_sender[greedy]:
            return False
        self._drop(max((key for key, one in self._entries.items() if one.sender == greedy), key=self._age_of))
        return True

    def _add(self, key: _Key, one: Neighbour) -> None:
        self._entries[key] = one
        self._of_sender[one.sender] += 1
        self._of_label[key[0]] += 1

    def _drop(self, key: _Key) -> None:
        one = self._entries.pop(key)
        for held, whose in ((self._of_sender, one.sender), (self._of_label, key[0])):
            held[whose] -= 1
            if not held[whose]:
                del held[whose]

    def _age_of(self, key: _Key) -> float:
        return self._entries[key].heard_at


def choose_host(addresses: Iterable[str], origin: Origin) -> str:
    """The address to connect to: the sender's own if it is among those told, or if none was told.

    Otherwise the one most likely to be reached: on a network of the interface that heard it, not link-local, IPv4.
    """
    told = tuple(addresses)
    if not told or origin.address in told:
        return _zoned(origin.address, origin.interface)
    networks = [address.network for address in origin.interface.addresses]

    def effort(text: str) -> tuple[bool, bool, int]:
        ip = ipaddress.ip_address(text)
        return ip.is_link_local, not any(ip in network for network in networks), ip.version

    return _zoned(min(told, key=effort), origin.interface)


def _zoned(address: str, interface: Interface) -> str:
    ip = ipaddress.ip_address(address)
    return f"{address}%{interface.name}" if ip.version == 6 and ip.is_link_local else address
