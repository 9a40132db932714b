"""Reads the peers that are upstream gateways, and keeps for each the record that it does not have itself."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from entities.codec import MAX_LINKS, unpublishable
from entities.identity import GatewayIdentity
from entities.origin_tags import Original
from entities.records import Link
from peers.errors import PeerError, PeerReason
from peers.foreign_record import ForeignRecord, silent_links
from peers.foreign_tree import build_tree
from peers.foreign_walk import Walked, walk
from peers.mutual import MutualPeers
from peers.native import HeldTree, Unchanged
from peers.peer import Peer
from peers.settings import ForeignSettings

log = structlog.get_logger("peers")

R = TypeVar("R")


class ForeignReader:
    """Reads one foreign peer after the other has asked for it; holds nothing of them itself."""

    def __init__(
        self,
        identity: GatewayIdentity,
        settings: ForeignSettings,
        mutual: MutualPeers,
        *,
        serves: Callable[[Original], bool],
    ) -> None:
        """`serves`: whether it is an entity that we serve, or one of a gateway of which we do not know that yet."""
        self._identity = identity
        self._settings = settings
        self._mutual = mutual
        self._serves = serves

    async def read(self, peer: Peer) -> HeldTree | Unchanged | PeerError:
        """The peer's document as it should be now: read whole, or not at all."""
        await self._mutual.ask(peer)
        walked = await walk(peer.client, self._settings, reader=self._identity.instance_id)
        if isinstance(walked, PeerError):
            return walked
        found = await self._in_time(walked, partial(build_tree, walked, self._recognise(peer)))
        self._note_copies(peer, found.copies_of)
        record = ForeignRecord(self._identity, peer.name, peer.endpoint.url)

        def made() -> HeldTree:
            return record.update(peer.held, found.tree, self._silent_links(peer), dropped=walked.dropped)

        held = made()
        if held is not peer.held:
            refused = await self._in_time(walked, partial(unpublishable, held.document.records[0]))
            if refused is not None:
                return PeerError(PeerReason.PEER_LIMIT_EXCEEDED, refused)
            held = made()  # somebody may have been named as lost meanwhile, which took this version
        return Unchanged() if held is peer.held else held

    def name_lost(self, peer: Peer) -> HeldTree | None:
        """The peer's document with all among its links whom it has lost; None if they are, or it was never read.

        Those that came back stay there until it is read: what they have is not yet in it.
        """
        if peer.held is None or peer.held.document.instance_id != peer.instance:
            return None
        before = peer.held.document.records[0]
        links = {link.peer: link for link in (*before.links, *self._silent_links(peer))}
        if len(links) == len(before.links) or len(links) > MAX_LINKS:
            return None
        record = ForeignRecord(self._identity, peer.name, peer.endpoint.url)
        named = [links[name] for name in sorted(links)]
        return record.update(peer.held, before.tree, named, dropped=peer.held.dropped)

    async def _in_time(self, walked: Walked, work: Callable[[], R]) -> R:
        """The result of `work`, which takes long if much was walked: then it is done in a thread."""
        return await asyncio.to_thread(work) if len(walked.told) >= self._settings.thread_entities else work()

    def _recognise(self, peer: Peer) -> Callable[[Original], bool]:
        """Tells what comes to us another way. It takes a while until a peer no longer lists what we no longer serve."""
        reads_us, before = bool(peer.reads_us_from), peer.copies_of
        # A peer that reads us has them from us, also those that we have forgotten or not met again yet.
        return lambda original: reads_us or original in before or self._serves(original)

    def _silent_links(self, peer: Peer) -> tuple[Link, ...]:
        told = () if peer.upstream is None else peer.upstream.peers
        return silent_links(one for one in told if not self._mutual.is_us(peer, one))

    def _note_copies(self, peer: Peer, copies_of: frozenset[Original]) -> None:
        if bool(peer.copies_of) != bool(copies_of):
            event = "foreign peer lists our entities" if copies_of else "foreign peer lists its own only"
            log.info(event, peer=peer.name)
        peer.copies_of = copies_of
