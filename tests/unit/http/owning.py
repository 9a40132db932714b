"""The API of a gateway alone in the world, over own entities that the test gives; nothing is put in its place."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gateway.http.dispatch import Dispatcher, DispatchSettings
from gateway.http.exchange import Exchange
from gateway.http.finishing import FinishingWrites
from gateway.http.proxy import ProxyLimits
from gateway.http.readers import UpstreamReaders
from gateway.http.stream_slots import StreamSlots
from gateway.local.fault_change import render_change
from gateway.local.own import OwnEntities
from peers.broadcast import Broadcast
from peers.client import PeerClient
from peers.errors import PeerError
from peers.fault_exchange import FaultExchange
from peers.mutual import MutualPeers
from peers.publication import Publication
from peers.settings import ForeignSettings
from tests.unit.http.serving import Client, World, serving
from tests.unit.http.views import Peer, instance, record, view_of


class Nobody:
    """No peers at all."""

    def client(self, peer: str) -> PeerClient | None:
        del peer
        return None

    def report(self, peer: str, outcome: PeerError | None) -> None:
        raise AssertionError(f"{peer} was asked: {outcome}")


@asynccontextmanager
async def owning(
    own: OwnEntities,
    *,
    write_timeout_ms: int = 30_000,
    faults: FaultExchange | None = None,
    slots: StreamSlots | None = None,
    peers: Sequence[Peer] = (),
) -> AsyncIterator[Client]:
    """A running gateway that owns these entities, and a client of it. `peers`: what it knows of others."""
    faults = faults or FaultExchange(instance("here"), 100, label_of=str, silent=lambda: ())
    own.faults.listeners.append(lambda change: faults.publish(*render_change(change)))
    await own.start()
    running = asyncio.create_task(own.run())
    await asyncio.sleep(0)  # what `run` starts, in tasks of its own
    await asyncio.sleep(0)
    view = view_of(record("here", *own.tree.all()), *peers)
    readers = UpstreamReaders(MutualPeers([], ForeignSettings(), new_token=lambda: "t", clock=lambda: 0.0), lambda: 0.0)
    dispatcher = Dispatcher(
        lambda: view,
        Exchange(
            own,
            Nobody(),
            ProxyLimits(),
            max_body_bytes=1024 * 1024,
            combined_body_bytes=1024 * 1024,
            streams=slots or StreamSlots(1000),
        ),
        Publication(instance("boot")),
        Broadcast(),
        readers,
        faults=faults,
        settings=DispatchSettings(write_timeout_ms=write_timeout_ms),
    )
    writes = FinishingWrites(dispatcher)
    world = World(view=view, dispatch=writes)
    dispatcher.bind(world.services())
    try:
        async with serving(world) as client:
            yield client
            await writes.aclose()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await own.close()
