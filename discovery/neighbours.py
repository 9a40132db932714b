"""Who was heard on the network: a bounded table that no stranger can empty. No sockets: `mdns.py` feeds it."""

import ipaddress
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from discovery.interfaces import Interface
from discovery.origin import Origin
from discovery.records import Goodbye, Mention, Place, Saying, Told

_SCHEMES: Final = ("http", "https")

_Key = tuple[str, str, int]
"""The name in lower case, the host, the port."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One instance at one place. The same name at two places is two neighbours: only one of them can be honest."""

    label: str
    host: str
    """An address literal; link-local IPv6 with its zone, as `fe80::1%eth0`."""
    port: int
    told: Told
    sender: str
    """Whose packet said so first: `Origin.sender`."""
    since: float
    """Monotonic seconds of the first word about it."""
    heard_at: float
    """Monotonic seconds of the last word about it."""
    departed: bool = False

    def url(self, scheme: str) -> str:
        """Its base URL; `scheme` counts where it told none of its own."""
        return self.at(self.told.scheme or scheme)

    def at(self, scheme: str) -> str:
        """The URL of its place, whatever it told."""
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much the table holds."""

    strangers: int
    """Entries that are no peers, of all senders together."""
    of_one: int
    """Of these, entries of one sender."""
    mentions: int
    """Instances remembered as named without a place; a quarter of them for one sender."""
    mention_s: float
    """Seconds before one whose place was asked for is remembered so again."""
    chance_s: float
    """Seconds in which an entry can become a peer before it gives way to others, where there is no room."""
    memory_s: float
    """Seconds after which an entry is forgotten that is not heard of any more."""
    farewell_s: float
    """The same of one that is no peer, said goodbye, and does not take it back."""


class Neighbours:
    """The table. Peers have their places in it, which nobody else can take, and which are not counted.

    Nothing but age removes an entry while there is room, so forged places cannot, nor a forged goodbye that is taken
    back. Where there is none, the sender with the most strangers gives one up: a flood displaces itself. Whoever has
    made up a sender for each of them gains time: what had its chance and is no peer gives way to what comes now.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        # Mutable: the entries by name and place, in the order in which they came; names whose place must be asked for,
        # and who named them; when it was asked for; entries refused for want of room.
        self._entries: dict[_Key, Neighbour] = {}
        self._mentioned: dict[str, tuple[str, str]] = {}
        self._asked_at: dict[str, float] = {}
        self.refused = 0
        # Mutable: the URLs of peers, and the entry of each; the other entries, and how many of these each sender has.
        self._peers: frozenset[str] = frozenset()
        self._place_of: dict[str, _Key] = {}
        self._strangers: dict[_Key, Neighbour] = {}
        self._of_sender: Counter[str] = Counter()

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

    def take_mentioned(self, now: float) -> tuple[str, ...]:
        """The labels that were named without a place; they are asked for now.

        Known places or not: those may be old, or a stranger's.
        """
        labels = tuple(label for label, _ in self._mentioned.values())
        lately = {key: at for key, at in self._asked_at.items() if now - at < self._bounds.mention_s}
        self._asked_at = lately | dict.fromkeys(self._mentioned, now)
        self._mentioned.clear()
        return labels

    def keep(self, peers: frozenset[str]) -> None:
        """These URLs are peers now, and no others: they have proved who they are."""
        self._peers = peers
        self._place_of.clear()
        self._strangers.clear()
        self._of_sender.clear()
        for key, one in self._entries.items():
            self._count(key, one)

    def hear(self, saying: Saying, origin: Origin, now: float) -> bool:
        """Takes one saying; whether what is known has changed."""
        match saying:
            case Place():
                return self._place(saying, origin, now)
            case Goodbye(label):
                return self._depart(label, now)
            case Mention(label):
                self._mention(label, origin.sender, now)
                return False

    def forget_old(self, now: float) -> bool:
        """Drops who was not heard for too long; whether there was one."""
        kept_s = {True: self._bounds.farewell_s, False: self._bounds.memory_s}
        old = [
            key
            for key, one in self._entries.items()
            if now - one.heard_at > kept_s[one.departed and key in self._strangers]
        ]
        for key in old:
            self._drop(key)
        return bool(old)

    def _place(self, place: Place, origin: Origin, now: float) -> bool:
        host = choose_host(place.addresses, origin)
        key = (place.label.lower(), host, place.port)
        before = self._entries.get(key)
        if before is None:
            one = Neighbour(place.label, host, place.port, place.told, origin.sender, now, now)
            if self._free_place(one) is None and not self._make_room(origin.sender, now):
                self.refused += 1
                return False
            self._add(key, one)
            return True
        # A packet may leave out the TXT record: what was told before still holds then.
        told = before.told if place.told == Told() else place.told
        after = replace(before, told=told, heard_at=now, departed=False)
        self._entries[key] = after
        return replace(after, heard_at=before.heard_at) != before

    def _depart(self, label: str, now: float) -> bool:
        leaving = [key for key, one in self._entries.items() if key[0] == label.lower() and not one.departed]
        for key in leaving:
            self._entries[key] = replace(self._entries[key], departed=True, heard_at=now)
        return bool(leaving)

    def _mention(self, label: str, sender: str, now: float) -> None:
        asked_at = self._asked_at.get(label.lower(), -math.inf)
        if now - asked_at < self._bounds.mention_s or len(self._mentioned) >= self._bounds.mentions:
            return
        if sum(who == sender for _, who in self._mentioned.values()) < max(self._bounds.mentions // 4, 1):
            self._mentioned.setdefault(label.lower(), (label, sender))

    def _make_room(self, sender: str, now: float) -> bool:
        """Whether a stranger that `sender` speaks of may be added."""
        if self._of_sender[sender] >= self._bounds.of_one:
            return self._drop_first(sender, now)
        if len(self._strangers) < self._bounds.strangers:
            return True
        greedy = max(self._of_sender, key=self._of_sender.__getitem__)
        if self._of_sender[sender] + 1 < self._of_sender[greedy]:
            self._drop(next(key for key in reversed(self._strangers) if self._strangers[key].sender == greedy))
            return True
        return self._drop_first(None, now)

    def _drop_first(self, sender: str | None, now: float) -> bool:
        """Drops the stranger (of `sender`, if any) that came first, if it had its chance; whether it had."""
        of_it = (one for one in self._strangers.items() if sender in (None, one[1].sender))
        first = next(of_it, None)
        if first is None or now - first[1].since < self._bounds.chance_s:
            return False
        self._drop(first[0])
        return True

    def _free_place(self, one: Neighbour) -> str | None:
        """The URL of the peer that it is; None if it is none, or the peer has its entry under another name."""
        urls = (one.at(scheme) for scheme in _SCHEMES)
        return next((url for url in urls if url in self._peers and url not in self._place_of), None)

    def _add(self, key: _Key, one: Neighbour) -> None:
        self._entries[key] = one
        self._count(key, one)

    def _count(self, key: _Key, one: Neighbour) -> None:
        if (url := self._free_place(one)) is not None:
            self._place_of[url] = key
        else:
            self._strangers[key] = one
            self._of_sender[one.sender] += 1

    def _drop(self, key: _Key) -> None:
        one = self._entries.pop(key)
        if self._strangers.pop(key, None) is not None:
            self._of_sender[one.sender] -= 1
            if not self._of_sender[one.sender]:
                del self._of_sender[one.sender]
        else:
            self._place_of = {url: whose for url, whose in self._place_of.items() if whose != key}


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
