"""Who was discovered, kept over restarts: so that a silent one is still known, and named, after ours."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from discovery.endpoint import FoundBy, PeerEndpoint
from entities.jsontext import parse_json_as, render_json
from entities.records import is_peer_name
from peers.destination import parse_destination
from peers.peer import Peer

MAX_ROLL_BYTES = 4 * 1024 * 1024
"""Bytes of the file: a thousand peers with the longest names there are."""


class _Entry(msgspec.Struct, frozen=True):
    name: str
    url: str
    found_by: FoundBy
    source: str


class _Roll(msgspec.Struct, frozen=True):
    peers: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class Roll:
    """The discovered peers that proved who they are; where a connection may go is decided anew at every start."""

    endpoints: tuple[PeerEndpoint, ...] = ()

    def render(self) -> bytes:
        """The file's bytes."""
        entries = (_Entry(one.name, one.url, one.found_by, one.source) for one in self.endpoints)
        return render_json(_Roll(tuple(entries)))


def call_roll(peers: Iterable[Peer]) -> Roll:
    """Those of `peers` that are to be kept."""
    return Roll(tuple(peer.endpoint for peer in peers if not peer.trusted and peer.instance is not None))


def read_roll(body: bytes) -> Roll:
    """What was kept. Raises InvalidJsonError."""
    kept = parse_json_as(body, _Roll, max_bytes=MAX_ROLL_BYTES)
    found = (PeerEndpoint(one.name, one.url, one.found_by, source=one.source) for one in kept.peers)
    return Roll(tuple(one for one in found if _is_usable(one)))


def _is_usable(endpoint: PeerEndpoint) -> bool:
    try:
        parse_destination(endpoint.url)
    except ValueError:
        return False
    return endpoint.found_by is not FoundBy.STATIC and is_peer_name(endpoint.name)
