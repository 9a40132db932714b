"""What a refresh tells for a while: who answers at a URL where another gateway did before."""

from entities.model import GatewayTree
from peers.refresh import Refresh, RefreshSettings, first_view
from peers.view import ViewHolder
from tests.unit.peers.peering import SELF, Peering, endpoint, held, peering, probed


def answers(found: Peering, name: str, letter: str) -> None:
    """The gateway of this letter answers at the URL of the peer."""
    peer = found.peer(name)
    found.registry.identify(peer, probed(letter), now=1.0)
    peer.health.ok(1.0)
    peer.held = held(letter)


async def test_a_changed_identity_names_the_url_and_leaves_with_its_peer() -> None:
    async with peering(endpoint("mid_level", "http://line.invalid:1")) as found:
        holder = ViewHolder(first_view(SELF))
        refresh = Refresh(SELF, found.registry, holder, GatewayTree, RefreshSettings(), names=holder.current.names)
        answers(found, "mid_level", "b")
        await refresh.refresh(periodic=False)
        found.registry.reconcile([endpoint("left", "http://line.invalid:1")])
        answers(found, "left", "c")
        await refresh.refresh(periodic=False)
        (warned,) = holder.current.warnings
        assert warned.code == "identity_changed"
        assert warned.message.startswith("another instance than before answers at http://line.invalid:1 (now left): ")
        await refresh.refresh(periodic=True)
        assert [one.message for one in holder.current.warnings] == [warned.message]
        found.registry.reconcile([])
        await refresh.refresh(periodic=False)
        assert [one.code for one in holder.current.warnings] == []
