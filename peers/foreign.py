"""Reads the peers that are upstream gateways, and keeps for each the record that it does not have itself."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from entities.codec import unpublishable
from entities.identity import GatewayIdentity
from peers.errors import PeerError, PeerReason
from peers.foreign_record import ForeignRecord, silent_links
from peers.foreign_tree import build_tree
from peers.foreign_walk import walk
from peers.mutual import ANYWHERE, MutualPeers
from peers.native import HeldTree, Unchanged
from peers.peer import Peer
from peers.settings import ForeignSettings

log = structlog.get_logger("peers")


class ForeignReader:
    """Reads one foreign peer after the other has asked for it; holds nothing of them itself."""

    def __init__(
        self,
        identity: GatewayIdentity,
        settings: ForeignSettings,
        mutual: MutualPeers,
        *,
        is_known: Callable[[str], bool],
    ) -> None:
        """`is_known`: whether an instance is ourselves or one whose record we have, or should have."""
        self._identity = identity
        self._settings = settings
        self._mutual = mutual
        self._is_known = is_known

    async def read(self, peer: Peer) -> HeldTree | Unchanged | PeerError:
        """The peer's document as it should be now: read whole, or not at all."""
        await self._mutual.ask(peer)
        walked = await walk(peer.client, self._settings, reader=self._identity.instance_id)
        if isinstance(walked, PeerError):
            return walked
        record = ForeignRecord(self._identity, peer.name, peer.endpoint.url)
        reads_us = peer.reads_us_from is not None

        def is_recognised(instance: str) -> bool:
            # A peer that reads us has them from us, also those that we have forgotten or not met again yet.
            return reads_us or instance == record.id or self._is_known(instance)

        build = partial(build_tree, walked, is_recognised)
        found = await asyncio.to_thread(build) if len(walked.told) >= self._settings.thread_entities else build()
        self._note_copies(peer, found.copies)
        lost = () if peer.upstream is None else (one for one in peer.upstream.peers if not self._mutual.is_us(one))
        held = record.update(peer.held, found.tree, silent_links(lost), dropped=walked.dropped)
        if held is peer.held:
            return Unchanged()
        refused = unpublishable(held.document.records[0])
        return held if refused is None else PeerError(PeerReason.PEER_LIMIT_EXCEEDED, refused)

    def _note_copies(self, peer: Peer, copies: int) -> None:
        if peer.returns_ours != (copies > 0):
            log.info("foreign peer lists our entities" if copies else "foreign peer lists its own only", peer=peer.name)
        peer.returns_ours = copies > 0
        if copies and peer.reads_us_from is None:
            peer.reads_us_from = ANYWHERE
        elif not copies and peer.reads_us_from == ANYWHERE:
            peer.reads_us_from = None
