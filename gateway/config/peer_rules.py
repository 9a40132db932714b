"""What must hold among the settings about peers."""

import ipaddress
from collections.abc import Iterator

from discovery.dns_query import QUERY_RULE, SERVER_RULE, parse_query, parse_server
from discovery.static import PeerMistake, parse_static
from gateway.config.findings import Finding
from gateway.config.problems import shown
from gateway.settings import AggregationSettings


def peer_mistakes(aggregation: AggregationSettings) -> Iterator[Finding]:
    """Every mistake among the static peers, each at the list item it stands in."""
    for mistake in parse_static(aggregation).mistakes:
        yield Finding(_involved(mistake), _found(mistake), mistake.allowed)
    if aggregation.require_tls:
        for key, url in _urls(aggregation):
            if url.lower().startswith("http://"):
                yield Finding(
                    (key, "aggregation.require_tls"),
                    f"{shown(url)} while aggregation.require_tls is true",
                    "https:// URLs",
                )

    if aggregation.forward_auth:
        for key, url in _urls(aggregation):
            if url.lower().startswith("http://"):
                yield Finding(
                    (key, "aggregation.forward_auth"),
                    f"{shown(url)} while aggregation.forward_auth is true",
                    "https:// URLs",
                    "what clients prove themselves with is never sent in the clear",
                )


def finding_mistakes(aggregation: AggregationSettings) -> Iterator[Finding]:
    """Every mistake in where peers are to be found."""
    for index, query in enumerate(aggregation.peer_dns):
        if parse_query(query) is None:
            yield Finding((f"aggregation.peer_dns[{index}]",), shown(query), QUERY_RULE)
    for index, server in enumerate(aggregation.dns_servers):
        if parse_server(server) is None:
            yield Finding((f"aggregation.dns_servers[{index}]",), shown(server), SERVER_RULE)
    for index, subnet in enumerate(aggregation.discovery_subnets):
        try:
            ipaddress.ip_network(subnet)
        except ValueError as error:
            found = f"{shown(subnet)}, which is no network ({error})"
            yield Finding((f"aggregation.discovery_subnets[{index}]",), found, "ADDRESS/LENGTH such as 192.168.7.0/24")


def _involved(mistake: PeerMistake) -> tuple[str, ...]:
    key = f"aggregation.{mistake.key}"
    return (key, "aggregation.peer_urls") if mistake.text is None else (key,)


def _found(mistake: PeerMistake) -> str:
    if mistake.text is None:
        return mistake.complaint
    return ", ".join(filter(None, (shown(mistake.text), mistake.complaint)))


def _urls(aggregation: AggregationSettings) -> Iterator[tuple[str, str]]:
    for index, peer in enumerate(aggregation.peers):
        yield f"aggregation.peers[{index}].url", peer.url
    for index, url in enumerate(aggregation.peer_urls):
        yield f"aggregation.peer_urls[{index}]", url
