"""The body of `/x-medkit-peers`: every endpoint from every source, what became of it, and why. Pure.

Source: docs/api.md, "x-medkit-peers".
"""

from collections.abc import Sequence
from typing import Any

from discovery.endpoint import RefusedEndpoint
from discovery.manager import SourceStatus
from gateway.http.health import peer_item
from gateway.http.services import Discovered
from peers.candidates import Candidate
from peers.view import PeerStatus


def peers_document(peers: Sequence[PeerStatus], discovered: Discovered) -> dict[str, Any]:
    """The document: peers first, then those that are tried, then those that may not be."""
    items = [
        *(_of_peer(status) for status in peers),
        *(_of_candidate(candidate) for candidate in discovered.candidates),
        *(_of_refused(endpoint) for endpoint in discovered.refused),
    ]
    return {"items": items, "x-medkit": {"sources": [_source(source) for source in discovered.sources]}}


def _of_peer(status: PeerStatus) -> dict[str, Any]:
    item = peer_item(status)
    told = {"admitted": True, "source": status.source, "version": status.version, "why": status.why}
    item["x-medkit"] |= {name: value for name, value in told.items() if value is not None}
    return item


def _of_candidate(candidate: Candidate) -> dict[str, Any]:
    endpoint, verdict = candidate.endpoint, candidate.verdict
    marks = {"state": "candidate", "since": candidate.since, "admitted": True, "source": endpoint.source}
    if verdict is not None:
        marks |= {"reason": verdict.reason, "why": verdict.why}
    return _unused(endpoint.name, endpoint.url, {**marks, "found_by": endpoint.found_by.value})


def _of_refused(endpoint: RefusedEndpoint) -> dict[str, Any]:
    marks = {
        "state": "refused",
        "reason": endpoint.reason,
        "why": endpoint.why,
        "admitted": False,
        "source": endpoint.source,
        "found_by": endpoint.found_by.value,
    }
    return _unused(endpoint.name, endpoint.url, marks)


def _unused(name: str, url: str, marks: dict[str, Any]) -> dict[str, Any]:
    """What is no peer, in the form of one."""
    return {"name": name, "url": url, "status": "offline", "x-medkit": marks}


def _source(source: SourceStatus) -> dict[str, Any]:
    told = {
        "name": source.name,
        "found": source.found,
        "read_at": source.read_at,
        "trouble": source.trouble,
        "left_out": source.left_out,
    }
    return {name: value for name, value in told.items() if value is not None}
