"""What a foreign gateway lists of ours is known by its tags, if we serve that, or did."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from discovery.endpoint import PeerEndpoint
from entities.model import App, EntityKind, GatewayTree
from entities.origin_tags import Original, origin_tag
from peers.budget import ByteBudget
from peers.client import PeerClient
from peers.federation import Federation, FederationSettings
from peers.foreign import ForeignReader
from peers.foreign_health import UpstreamHealth
from peers.mutual import MutualPeers
from peers.native import HeldTree
from peers.peer import Peer
from peers.peer_warnings import warnings_about
from peers.resolver import Resolver
from peers.settings import ForeignSettings, TransportSettings
from tests.unit.peers.foreign_server import ForeignPeer, serving_upstream
from tests.unit.peers.peering import SELF, endpoint, peering

CAM: Original = (EntityKind.APP, SELF.instance_id, "cam")


def listing(*tags: str) -> dict[str, Any]:
    """An App of its own, and one with these tags that it has from elsewhere."""
    copy = {"id": "g__cam", "name": "Cam", "tags": [*tags], "x-medkit": {"source": "peer:g"}}
    return {"path": "/api/v1/apps", "status": 200, "body": {"items": [{"id": "own", "name": "Own"}, copy]}}


@asynccontextmanager
async def reading(*tags: str) -> AsyncIterator[tuple[ForeignPeer, Peer, MutualPeers]]:
    spec = {"apps": [{"id": "own"}, {"id": "g__cam"}]}
    async with serving_upstream(spec, listing(*tags)) as served, peering(endpoint("b")) as found:
        peer = Peer(served.client.endpoint, served.client, found.peer("b").health, upstream=UpstreamHealth())
        yield served, peer, MutualPeers([peer], ForeignSettings(), new_token=lambda: "t", clock=lambda: 0.0)


async def read(peer: Peer, mutual: MutualPeers, serves: Callable[[Original], bool]) -> list[str]:
    held = await ForeignReader(SELF, ForeignSettings(), mutual, serves=serves).read(peer)
    if isinstance(held, HeldTree):
        peer.held = held
    assert peer.held is not None
    return [app.id for app in peer.held.document.records[0].apps]


async def test_a_copy_of_what_we_serve_is_left_out_and_what_is_withheld_is_told() -> None:
    async with reading(origin_tag(SELF.instance_id, "cam")) as (_, peer, mutual):
        assert await read(peer, mutual, lambda original: original == CAM) == ["own"]
        assert peer.copies_of == {CAM}
        assert peer.may_read_us
        (warned,) = warnings_about(peer)
        assert "is withheld from all upstream gateways" in warned.message


async def test_a_tag_of_what_we_never_served_is_no_sign_of_a_copy() -> None:
    async with reading(origin_tag(SELF.instance_id, "made-up")) as (_, peer, mutual):
        assert await read(peer, mutual, lambda original: original == CAM) == ["own", "g__cam"]
        assert not peer.may_read_us
        assert [*warnings_about(peer)] == []


async def test_a_copy_of_what_is_gone_meanwhile_stays_one_as_long_as_it_is_listed() -> None:
    async with reading(origin_tag(SELF.instance_id, "cam")) as (served, peer, mutual):
        await read(peer, mutual, lambda original: original == CAM)
        assert await read(peer, mutual, lambda _: False) == ["own"]
        served.server.oddities = []
        await read(peer, mutual, lambda _: False)
        assert not peer.copies_of


async def test_what_is_served_is_what_the_records_have() -> None:
    def make_client(one: PeerEndpoint) -> PeerClient:
        return PeerClient(one, TransportSettings(), resolver=Resolver(), budget=ByteBudget(1024 * 1024))

    federation = Federation(
        SELF,
        FederationSettings(),
        own_tree=lambda: GatewayTree(apps=(App("cam"),)),
        make_client=make_client,
        clock=lambda: 0.0,
        memory=None,
        jitter=random.Random(1),
        new_token=lambda: "t",
    )
    await federation.refresh.refresh(periodic=False)
    others = (EntityKind.COMPONENT, SELF.instance_id, "cam"), (EntityKind.APP, "S" * 22, "cam")
    assert [federation._serves(one) for one in (CAM, *others)] == [True, False, False]
