"""What must hold among the settings about peers."""

from collections.abc import Iterator

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
