"""The sources in which this gateway looks for peers, made from its settings, and what it admits from them."""

import asyncio
import ipaddress
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from discovery.admission import AdmissionRules, objection
from discovery.dns_query import parse_query, parse_server
from discovery.endpoint import EndpointSet, IpAddress, PeerEndpoint
from discovery.manager import DiscoveryManager, SourceStatus
from discovery.networks import OwnInterface, own_interfaces
from discovery.source import Source
from discovery.static import static_endpoints
from entities.identity import GatewayIdentity
from gateway.config.cautions import is_loopback
from gateway.http.services import Discovered
from gateway.settings import AggregationSettings, Settings
from peers.federation import Federation
from peers.view import Warned

if TYPE_CHECKING:
    from discovery.mdns import MdnsSource

log = structlog.get_logger("discovery")

_EVERYWHERE: Final = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))

TURN_S: Final = 10.0
"""Seconds for which the same ones may be tried at an address where too many are said to be."""


class Finders:
    """Discovery at work for one federation: `run` owns it; with aggregation off there is nothing to run."""

    def __init__(
        self,
        settings: Settings,
        identity: GatewayIdentity,
        federation: Federation,
        neighbours: "MdnsSource | None" = None,
    ) -> None:
        """Gives `federation` at once the peers it has before any is found.

        `neighbours`: the source of those on our network, if any; its trouble is not told here.
        """
        self._settings = settings
        self._identity = identity
        self._federation = federation
        self._neighbours = neighbours
        aggregation = settings.aggregation
        # Mutable: the static peers; the port we listen on, None until it is known; our interfaces as seen last;
        # whose turn it is where too many are at one address.
        self._static = static_endpoints(aggregation) if aggregation.enabled else ()
        self._port = settings.server.port or None
        self._interfaces: tuple[OwnInterface, ...] = ()
        self._turn = 0
        self._subnets = tuple(ipaddress.ip_network(subnet) for subnet in aggregation.discovery_subnets)
        listed = tuple(_sources(aggregation, federation.roster.discovered)) if aggregation.enabled else ()
        self._listed = frozenset(source.name for source in listed)
        self._manager = DiscoveryManager(
            (*listed, *((neighbours,) if neighbours is not None else ())),
            rules=self._rules,
            publish=federation.set_endpoints,
        )
        federation.roster.on_found = self._peers_changed
        federation.set_endpoints(EndpointSet(self._static, unread=self._manager.unread))
        federation.remember(self._may_return, self._rules().address_rule)

    async def run(self) -> None:
        """Looks for peers until cancelled; an error in any source ends all of them, loudly."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._manager.run(), name="sources of peers")
            group.create_task(self._take_turns(), name="turns at crowded addresses")

    async def _take_turns(self) -> None:
        """Gives others a chance where too many are said to be at one address."""
        while True:
            await asyncio.sleep(TURN_S)
            if any(one.reason == "too_many_at_address" for one in self._manager.current.refused):
                self._turn += 1
                self._manager.reconsider()

    def configured(self, settings: Settings) -> None:
        """The static peers are these from now on; nothing else of the settings counts."""
        self._static = static_endpoints(settings.aggregation) if settings.aggregation.enabled else ()
        self._peers_changed()

    def listening(self, port: int) -> None:
        """We listen there now: what is found at that port may be ourselves."""
        self._port = port
        self._manager.reconsider()

    def discovered(self) -> Discovered:
        """What is known beside the peers there are."""
        return Discovered(
            tuple(self._federation.roster.candidates), self._manager.current.refused, self._manager.sources
        )

    def warnings(self) -> tuple[Warned, ...]:
        """What users must be told: sources in trouble, names that two peers have."""
        conflicts = (
            Warned("peer_name_conflict", f"{one.url} from {one.source} is no peer: {one.why}", (), (one.name,))
            for one in self._manager.current.refused
            if one.reason == "peer_name_conflict"
        )
        listed = [one for one in self._manager.sources if one.name in self._listed]
        troubles = (_trouble(one, one.trouble) for one in listed if one.trouble)
        return (*troubles, *(_left_out(one, one.left_out) for one in listed if one.left_out), *conflicts)

    def _peers_changed(self) -> None:
        if self._neighbours is not None:
            configured = (endpoint.url for endpoint in self._static)
            self._neighbours.keep(frozenset({*self._federation.roster.discovered(), *configured}))
        self._manager.reconsider()

    def _may_return(self, endpoint: PeerEndpoint) -> bool:
        """Whether a discovered peer of the last run is one again: its source and the settings still allow it."""
        if all(source.name != endpoint.source for source in self._manager.sources):
            return False
        # Networks that come up only after we do must not make us forget who is there.
        why = objection(endpoint, replace(self._rules(), networks=self._subnets or _EVERYWHERE))
        if why is not None:
            log.warning("peer of the last run dropped", peer=endpoint.name, url=endpoint.url, why=why)
        return why is None

    def _rules(self) -> AdmissionRules:
        aggregation, host = self._settings.aggregation, self._settings.server.host
        with suppress(OSError):  # out of file descriptors: those of a moment ago are still there, most likely
            self._interfaces = own_interfaces()
        return AdmissionRules(
            static=self._static,
            peers=self._federation.roster.discovered(),
            own_instance=self._identity.instance_id,
            own_addresses=_bound_addresses(host, self._interfaces),
            own_port=self._port,
            bound_to_loopback=is_loopback(host),
            networks=self._subnets or tuple(interface.network for interface in self._interfaces),
            require_tls=aggregation.require_tls,
            turn=self._turn,
            max_peers=aggregation.max_discovered_peers,
        )


def _sources(aggregation: AggregationSettings, peers: Callable[[], Collection[str]]) -> Iterator[Source]:
    """The most important first: what people wrote down goes before what the network says. `peers`: their URLs now."""
    if aggregation.peer_files:
        from discovery.file import FileSource  # noqa: PLC0415 -- a library that few need, and every start would pay for

        yield from (FileSource(path, peers=peers) for path in aggregation.peer_files)
    if aggregation.peer_dns:
        from discovery.dns import DnsSource  # noqa: PLC0415 -- the same

        servers = [server for text in aggregation.dns_servers if (server := parse_server(text)) is not None]
        for query in filter(None, map(parse_query, aggregation.peer_dns)):
            yield DnsSource(query, scheme=aggregation.peer_scheme, servers=servers)


def _bound_addresses(host: str, interfaces: tuple[OwnInterface, ...]) -> frozenset[IpAddress]:
    """The addresses on which we answer."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return frozenset()  # a name; who we are is found out by asking
    if address.is_unspecified:
        return frozenset(interface.address for interface in interfaces)
    return frozenset({address})


def _trouble(source: SourceStatus, why: str) -> Warned:
    told = "the endpoint it told last is" if source.found == 1 else f"the {source.found} endpoints it told last are"
    kept = f"; {told} used" if source.found else ""
    return Warned("peer_source_failed", f"peers cannot be looked for in {source.name}: {why}{kept}")


def _left_out(source: SourceStatus, why: str) -> Warned:
    return Warned("peer_source_cut", f"not all peers of {source.name} are looked for: {why}; list fewer there")
