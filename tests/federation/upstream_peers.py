"""The peers of a stand-in upstream gateway: reading them, forwarding to them, asking several at once."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from tests.federation.upstream_client import Fetched, fetch
from tests.federation.upstream_json import API, ApiError, Json
from tests.federation.upstream_reader import NO_FAN_OUT, ParserError, PeerReader, RefreshFailedError
from tests.federation.upstream_tree import KINDS, Entities

_NEEDED: Mapping[str, Mapping[str, type]] = {
    "data": {"id": str, "name": str, "category": str},
    "operations": {"id": str, "name": str, "proximity_proof_required": bool, "asynchronous_execution": bool},
    "configurations": {"id": str, "name": str, "type": str},
    "logs": {"id": str, "timestamp": str, "severity": str, "message": str},
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; `path` is still encoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def no_fan_out(self) -> bool:
        return "X-Medkit-No-Fan-Out" in self.headers

    def json(self) -> Any:
        try:
            return json.loads(self.body or b"{}")
        except ValueError as error:
            raise ApiError(400, "invalid-request", f"Malformed JSON: {error}") from None


@dataclass(slots=True)
class UpstreamPeer:
    """One peer: whether it was healthy at the last check, and the last picture of it."""

    name: str
    url: str
    healthy: bool = False
    picture: Entities | None = None


@dataclass(slots=True)
class Refreshed:
    """What came of one refresh: peer -> error (None: read whole), or `lost` when the whole of it was."""

    peers: dict[str, str | None] = field(default_factory=dict)
    lost: str | None = None


class UpstreamPeers:
    """All of them, in order; `timeout` in seconds."""

    def __init__(self, peers: Sequence[tuple[str, str]], timeout: float) -> None:
        self.all = [UpstreamPeer(name, url) for name, url in peers]
        self.timeout = timeout
        # Mutable state: health and pictures.

    def find(self, name: str) -> UpstreamPeer | None:
        return next((peer for peer in self.all if peer.name == name), None)

    async def refresh(self) -> tuple[Refreshed, list[tuple[str, Entities]]]:
        """Health first, then every healthy peer; and what is to be merged, in peer order."""
        outcome = Refreshed()
        readers = [PeerReader(peer.url, self.timeout) for peer in self.all]
        healthy = await asyncio.gather(*(reader.is_healthy() for reader in readers))
        fresh, retained = [], []
        for peer, reader, is_healthy in zip(self.all, readers, healthy, strict=True):
            peer.healthy = is_healthy
            if not is_healthy:
                outcome.peers[peer.name] = "offline"
                retained.append((peer.name, _retained(peer.picture)))
                continue
            try:
                peer.picture = await reader.read()
            except ParserError as error:
                return Refreshed(outcome.peers, lost=f"{peer.name}: {error}"), []
            except RefreshFailedError as error:
                outcome.peers[peer.name] = str(error)
                peer.healthy = await reader.is_healthy()
                kept = peer.picture or {kind: [] for kind in KINDS}
                retained.append((peer.name, kept if peer.healthy else _retained(peer.picture)))
                continue
            outcome.peers[peer.name] = None
            fresh.append((peer.name, peer.picture))
        return outcome, [*fresh, *retained]

    async def forward(self, name: str, asked: Asked, path: str) -> Fetched:
        """The peer's answer, its body and status as they are. Raises ApiError: 502."""
        peer = self.find(name)
        if peer is None:
            raise ApiError(502, "x-medkit-peer-unavailable", f"Peer '{name}' is not known to this gateway")
        sent = {name: value for name, value in asked.headers.items() if name in {"X-Client-Id", "X-Medkit-No-Fan-Out"}}
        if asked.method in {"POST", "PUT"}:
            sent["Content-Type"] = asked.headers.get("Content-Type", "text/plain")
        target = sent_path(path, name) + sorted_query(asked.query)
        answer = await fetch(peer.url, target, self.timeout, method=asked.method, headers=sent, body=asked.body)
        if asked.method == "HEAD" or answer.status == 0:
            message = f"Peer '{name}' at {peer.url} is unavailable"
            raise ApiError(502, "x-medkit-peer-unavailable", message)
        return answer

    async def fan_out(self, names: Sequence[str], path: str, collection: str) -> tuple[list[tuple[str, Json]], Json]:
        """(peer, item) of each healthy one of these peers, and what is to be added to `x-medkit`."""
        asked = [peer for peer in self.all if peer.healthy and peer.name in names]
        answers = await asyncio.gather(*(fetch(peer.url, path, self.timeout, headers=NO_FAN_OUT) for peer in asked))
        found: list[tuple[str, Json]] = []
        failed, dropped = [], []
        for peer, answer in zip(asked, answers, strict=True):
            items = _items(answer)
            if items is None:
                failed.append(peer.name)
                continue
            for item in items:
                if _is_whole(item, collection):
                    found.append((peer.name, item))
                else:
                    dropped.append({"peer": "", "reason": "invalid", "source_id": str(item)[:64]})
        marks: Json = {"partial": True, "failed_peers": failed} if failed else {}
        return found, {**marks, "peer_dropped_items": dropped} if dropped else marks


def _retained(picture: Entities | None) -> Entities:
    """What is kept of a peer that fell silent: what it had declared, not available."""
    kept: Entities = {kind: [] for kind in KINDS}
    for kind in KINDS:
        for one in (picture or kept)[kind]:
            if one.declared_source == "manifest":
                kept[kind].append(replace(one, available=False, is_online=False))
    return kept


def sent_path(path: str, peer: str) -> str:
    """The path as it goes to a peer: decoded, its prefix cut out once, and as little as must be encoded again."""
    decoded = unquote(path)
    at = decoded.find(f"/{peer}__")
    if at >= 0:
        decoded = decoded[: at + 1] + decoded[at + 1 + len(peer) + 2 :]
    return quote(decoded, safe="/:@!$&'()*+,;=~-._")


def sorted_query(query: str) -> str:
    """Keys sorted, repeats kept."""
    return "?" + "&".join(sorted(query.split("&"))) if query else ""


def _items(answer: Fetched) -> list[Any] | None:
    if not answer.is_success:
        return None
    try:
        document = answer.json()
    except ValueError:
        return None
    items = document.get("items", []) if isinstance(document, dict) else []
    return items if isinstance(items, list) else []


def _is_whole(item: Any, collection: str) -> bool:
    if not isinstance(item, dict):
        return False
    return all(isinstance(item.get(name), wanted) for name, wanted in _NEEDED.get(collection, {}).items())


def entity_path(kind: str, entity_id: str, *rest: str) -> str:
    return "/".join((API, kind, entity_id, *rest))
