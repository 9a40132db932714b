"""Which of the endpoints that were found may be tried as peers, and why the others may not. Pure.

Admitted means: worth asking who is there. Whether it becomes a peer is decided by what its `/health` proves.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from discovery.endpoint import (
    AddressRule,
    EndpointSet,
    FoundBy,
    IpAddress,
    PeerEndpoint,
    RefusedEndpoint,
    is_loopback,
    refusal,
    without_credentials,
)
from discovery.networks import IpNetwork
from discovery.source import Found
from discovery.static import NAME_RULE, URL_RULE, BadUrl, is_peer_name, normalise_url

MAX_CANDIDATES: Final = 256
"""Endpoints that may be tried at a time beside the peers there are."""

MAX_PER_ADDRESS: Final = 8
"""Of these, places that mDNS leads to at one address: a stranger cannot have all ports of a host tried."""

MAX_FOUND: Final = 1024
"""Endpoints of one source that are looked at; peers there are come first."""

LOWEST_PORT: Final = 1024
"""Lowest port of a peer that mDNS may lead to: below it are services of the system."""

MAX_NAME: Final = 64
"""Characters of a name that are kept, of the names that sources make up."""

MAX_ROUNDS: Final = 8
"""Times that entries with impossible names are left out so that others with their URLs can have a chance."""

_NO_NAME: Final = "peer"
_BAD_NAMES: Final = frozenset({"invalid_name", "peer_name_conflict"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRules:
    """What is allowed at this moment."""

    static: tuple[PeerEndpoint, ...] = ()
    """They always win."""
    peers: Mapping[str, PeerEndpoint] = field(default_factory=dict)
    """The discovered peers there are, by URL: they keep their names and their places."""
    own_instance: str = ""
    own_addresses: frozenset[IpAddress] = frozenset()
    """Where we listen."""
    own_port: int | None = None
    """None as long as it is not known."""
    bound_to_loopback: bool = False
    """Then other gateways on this machine's loopback are neighbours like any other."""
    networks: tuple[IpNetwork, ...] = ()
    """Where mDNS may lead to."""
    require_tls: bool = False
    turn: int = 0
    """Another one, another choice of those that may be tried at an address where too many are."""
    max_peers: int = 50
    """Most discovered peers (`aggregation.max_discovered_peers`)."""

    @property
    def address_rule(self) -> AddressRule:
        """Where connections to discovered peers may go."""
        return AddressRule.PUBLISHED_OR_LOOPBACK if self.bound_to_loopback else AddressRule.PUBLISHED_ONLY


@dataclass(frozen=True, slots=True)
class _Refused:
    """A reason word, and why, for people."""

    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class _Passed:
    """What was found, with its URL as we write it."""

    source: str
    found: Found
    url: str
    host: str | None
    """The address that mDNS leads to."""

    @property
    def order(self) -> tuple[bool, str]:
        """The order in which names are given: those of files as written, then by who they say they are."""
        return (self.found.found_by is not FoundBy.FILE, self.found.instance or self.url)


def admit(found: Mapping[str, Sequence[Found]], rules: AdmissionRules) -> EndpointSet:
    """Judge everything that the sources (by name, the most important first) know now."""
    sound, refused = _judge_all(found, rules)
    judged = _admit(sound, rules)
    for _ in range(MAX_ROUNDS):
        barred = _in_the_way(judged.refused)
        if not barred:
            break
        refused += barred
        out = {(each.source, each.name, each.url) for each in barred}
        sound = [each for each in sound if (each.source, each.found.name, each.found.url) not in out]
        judged = _admit(sound, rules)
    return replace(judged, refused=(*judged.refused, *refused))


def _no_url(text: str, mistake: BadUrl) -> str:
    return f"found the URL {without_credentials(text)!r}, {mistake.reason}; allowed is {URL_RULE}"


def objection(endpoint: PeerEndpoint, rules: AdmissionRules) -> str | None:
    """Why a discovered peer of an earlier run must not be one any more, whoever else is found; None when it may."""
    verdict = _judge(Found(endpoint.name, endpoint.url, endpoint.found_by), endpoint.url, rules)
    return None if verdict is None else verdict.why


def _in_the_way(refused: Sequence[RefusedEndpoint]) -> list[RefusedEndpoint]:
    """Those refused for their names, where others are duplicates: without the former one of the latter may do."""
    if not any(each.reason == "duplicate" for each in refused):
        return []
    return [each for each in refused if each.reason in _BAD_NAMES]


def _judge_all(
    found: Mapping[str, Sequence[Found]], rules: AdmissionRules
) -> tuple[list[_Passed], list[RefusedEndpoint]]:
    """Those against whom nothing speaks, whatever the others are; and the rest."""
    sound: list[_Passed] = []
    refused: list[RefusedEndpoint] = []
    for source, one in _in_turn(found, rules):
        url = normalise_url(one.url)
        verdict = _Refused("invalid_url", _no_url(one.url, url)) if isinstance(url, BadUrl) else None
        verdict = verdict or _judge(one, str(url), rules)
        if verdict is None:
            sound.append(_Passed(source, one, str(url), _host(one, str(url))))
        else:
            refused.append(_refused(source, one, verdict))
    return sound, refused


def _admit(sound: Iterable[_Passed], rules: AdmissionRules) -> EndpointSet:
    passed: dict[str, _Passed] = {}
    refused = [
        _refused(each.source, each.found, _known_already(known))
        for each in sound
        if (known := passed.setdefault(each.url, each)) is not each
    ]
    admitted: list[PeerEndpoint] = []
    for each, name in _name(_place(passed.values(), rules), rules):
        if isinstance(name, _Refused):
            refused.append(_refused(each.source, each.found, name))
        else:
            admitted.append(_endpoint(each, name, rules))
    departed = frozenset(endpoint.url for endpoint in admitted if passed[endpoint.url].found.departed)
    return EndpointSet((*rules.static, *admitted), tuple(refused), departed)


def _in_turn(found: Mapping[str, Sequence[Found]], rules: AdmissionRules) -> Iterator[tuple[str, Found]]:
    for source, endpoints in found.items():
        by_rank = sorted(endpoints, key=lambda one: one.url not in rules.peers)
        yield from ((source, one) for one in by_rank[:MAX_FOUND])


def _judge(found: Found, url: str, rules: AdmissionRules) -> _Refused | None:
    """What speaks against one endpoint, whatever the others are."""
    static = next((each.name for each in rules.static if each.url == url), None)
    if static is not None:
        return _Refused("duplicate", f"it is the configured peer {static}, whose settings count")
    if rules.require_tls and not url.startswith("https://"):
        return _Refused("cleartext", "aggregation.require_tls is true and its URL is not https://")
    if found.instance is not None and found.instance == rules.own_instance:
        return _Refused("self", "it is this gateway")
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    if found.found_by is FoundBy.MDNS and port < LOWEST_PORT:
        return _Refused("port_not_allowed", f"its port is {port}, and mDNS may lead to {LOWEST_PORT} to 65535 only")
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        if found.found_by is FoundBy.MDNS:
            return _Refused("invalid_url", f"its host {host!r} is a name, and mDNS tells addresses")
        return None  # judged when it is resolved, for the very address that is connected to
    return _judge_address(found, ip, port, rules)


def _judge_address(found: Found, ip: IpAddress, port: int, rules: AdmissionRules) -> _Refused | None:
    if port == rules.own_port and ip in rules.own_addresses:
        return _Refused("self", "it is the address of this gateway")
    if (why := refusal(rules.address_rule, ip)) is not None:
        return _Refused(
            "destination_ip_prohibited",
            f"{ip} is {why}; a discovered peer may not lead there, one in aggregation.peers may",
        )
    if found.found_by is not FoundBy.MDNS or is_loopback(ip) or any(ip in network for network in rules.networks):
        return None
    return _Refused(
        "foreign_subnet",
        f"{ip} is in no network of this machine; add its network to aggregation.discovery_subnets to allow it",
    )


def _known_already(other: _Passed) -> _Refused:
    return _Refused("duplicate", f"{other.source} found the same URL, as {other.found.name}")


def _place(passed: Iterable[_Passed], rules: AdmissionRules) -> Iterator[tuple[_Passed, _Refused | None]]:
    """Peers there are keep their places; of the others as many as there is room for."""
    room = MAX_CANDIDATES
    tried: Counter[str | None] = Counter()
    for each in _drawn(passed, rules):
        host = each.host
        if each.url in rules.peers:
            yield each, None
        elif len(rules.peers) >= rules.max_peers:
            why = f"there are {len(rules.peers)} discovered peers already (aggregation.max_discovered_peers)"
            yield each, _Refused("max_discovered_peers", why)
        elif host is not None and tried[host] >= MAX_PER_ADDRESS:
            yield each, _Refused("too_many_at_address", f"{MAX_PER_ADDRESS} others at {host} wait to be tried already")
        elif room:
            room -= 1
            tried[host] += 1
            yield each, None
        else:
            yield each, _Refused("too_many_candidates", f"{MAX_CANDIDATES} others wait to be tried already")


def _drawn(passed: Iterable[_Passed], rules: AdmissionRules) -> list[_Passed]:
    """In an order that a stranger can neither know nor choose wherever too many are said to be at one address.

    Its labels and ports are the stranger's to choose, so a place must not depend on them for longer than a turn.
    """
    listed = list(passed)
    crowded = {
        host for host, count in Counter(each.host for each in listed).items() if host and count > MAX_PER_ADDRESS
    }
    draw = f"{rules.own_instance} {rules.turn} "
    return sorted(listed, key=lambda each: sha256((draw + each.url).encode()).digest() if each.host in crowded else b"")


def _host(found: Found, url: str) -> str | None:
    return urlsplit(url).hostname if found.found_by is FoundBy.MDNS else None


def _name(
    placed: Iterable[tuple[_Passed, _Refused | None]], rules: AdmissionRules
) -> Iterator[tuple[_Passed, str | _Refused]]:
    """A unique name for each. Peers there are keep theirs; of equal names the first one in order has it bare."""
    standing = sorted(placed, key=lambda one: one[0].order)
    kept = {each.url: rules.peers[each.url].name for each, _ in standing if _keeps_its_name(each, rules)}
    # A peer that its file or DNS record lists no more leaves now, and its name with it.
    silent = {peer.name for url, peer in rules.peers.items() if peer.found_by is FoundBy.MDNS and url not in kept}
    taken = {each.name for each in rules.static} | silent | {*kept.values()}
    for each, refused in standing:
        name = refused or kept.get(each.url) or _free_name(each.found, taken)
        if isinstance(name, str):
            taken.add(name)
        yield each, name


def _keeps_its_name(passed: _Passed, rules: AdmissionRules) -> bool:
    """Only a file may call a peer something else from now on: people chose its names."""
    return passed.url in rules.peers and passed.found.found_by is not FoundBy.FILE


def _free_name(found: Found, taken: set[str]) -> str | _Refused:
    if found.found_by is FoundBy.FILE:
        return _name_as_written(found.name, taken)
    name = _usable(found.name)
    numbers = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbers if one not in taken)


def _name_as_written(name: str, taken: set[str]) -> str | _Refused:
    """People chose it, so nothing is made of it but what stands there."""
    if not is_peer_name(name):
        return _Refused("invalid_name", f"its name is {name!r}; allowed are {NAME_RULE}")
    if name in taken:
        return _Refused("peer_name_conflict", f"another peer is called {name}; give this one a name of its own")
    return name


def _usable(label: str) -> str:
    """A peer's name made of whatever a source calls it."""
    words = re.sub(r"_{2,}", "_", re.sub(r"[^A-Za-z0-9-]", "_", label))
    return words[:MAX_NAME].strip("_") or _NO_NAME


def _endpoint(passed: _Passed, name: str, rules: AdmissionRules) -> PeerEndpoint:
    found = passed.found
    return PeerEndpoint(
        name=name,
        url=passed.url,
        found_by=found.found_by,
        address_rule=rules.address_rule,
        source=passed.source,
        instance=found.instance,
    )


def _refused(source: str, found: Found, verdict: _Refused) -> RefusedEndpoint:
    url = without_credentials(found.url)
    return RefusedEndpoint(found.name, url, found.found_by, source, verdict.reason, verdict.why)
