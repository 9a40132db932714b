"""What `/health` of an upstream gateway tells: that it is one, and which peers it has itself. Pure.

Source: docs/api.md, "Health".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

MAX_PEERS: Final = 1024
"""Of its peers, so many are read: a record tells of no more links."""

_MAX_URL: Final = 2048
"""Characters of a URL whose authority is looked for."""


@dataclass(frozen=True, slots=True)
class ItsPeer:
    """One peer of an upstream gateway, by the name it has there."""

    name: str
    url: str
    is_online: bool

    @property
    def authority(self) -> str | None:
        """`host:port` of the URL in small letters; None if it cannot be read as one."""
        if len(self.url) > _MAX_URL:
            return None
        try:
            return urlsplit(self.url).netloc.lower() or None
        except ValueError:  # of an unclosed bracket, or a letter that stands for a delimiter
            return None


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
    return UpstreamHealth(tuple(peer for peer in map(_peer, entries[:MAX_PEERS]) if peer is not None))


def _peer(told: Any) -> ItsPeer | None:
    entry: Mapping[str, Any] = told if isinstance(told, dict) else {}
    name, url = entry.get("name"), entry.get("url")
    if not isinstance(name, str) or not isinstance(url, str):
        return None
    return ItsPeer(name, url, is_online=entry.get("status") == "online")
