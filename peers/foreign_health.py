"""What `/health` of an upstream gateway tells: that it is one, and which peers it has itself. Pure.

Source: docs/api.md, "Health".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ItsPeer:
    """One peer of an upstream gateway, by the name it has there."""

    name: str
    url: str
    is_online: bool


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """An upstream gateway answers there."""

    peers: tuple[ItsPeer, ...] = ()


def read_upstream_health(body: Any) -> UpstreamHealth | None:
    """What the body tells, or None if it is not that of an upstream gateway: that has a `status` and a `timestamp`."""
    if not isinstance(body, dict):
        return None
    timestamp = body.get("timestamp")
    if not isinstance(body.get("status"), str) or not isinstance(timestamp, int) or isinstance(timestamp, bool):
        return None
    told = body.get("peers")
    entries = told if isinstance(told, list) else []
    return UpstreamHealth(tuple(peer for peer in map(_peer, entries) if peer is not None))


def _peer(told: Any) -> ItsPeer | None:
    entry: Mapping[str, Any] = told if isinstance(told, dict) else {}
    name, url = entry.get("name"), entry.get("url")
    if not isinstance(name, str) or not isinstance(url, str):
        return None
    return ItsPeer(name, url, is_online=entry.get("status") == "online")
