"""What we say of ourselves, and whether others take it."""

from entities.codec import MAX_LINKS, MAX_NAME, MAX_RECORD_BYTES
from entities.model import App, GatewayTree
from entities.records import Link, LinkState
from peers.own_record import OwnRecord
from peers.refresh import Refresh, RefreshSettings, first_view
from peers.view import ViewHolder
from tests.unit.peers.peering import SELF, peering

PLAIN = GatewayTree(apps=(App("cam", "Cam"),))
LONG_NAME = GatewayTree(apps=(App("cam", "x" * (MAX_NAME + 1)),))


def links(count: int) -> list[Link]:
    return [Link(f"p{number}", "0" * 8, LinkState.DOWN) for number in range(count)]


def test_what_others_take_is_not_warned_of() -> None:
    own = OwnRecord(SELF)
    own.update(GatewayTree(apps=(App("cam", "x" * MAX_NAME),)), links(MAX_LINKS), ())
    assert own.refused is None


def test_what_others_do_not_take_is_told_until_it_is_mended() -> None:
    own = OwnRecord(SELF)
    own.update(LONG_NAME, (), ())
    assert own.refused is not None
    assert "a name of more than 1024" in own.refused
    own.update(LONG_NAME, links(1), ())
    assert own.refused is not None
    own.update(PLAIN, links(1), ())
    assert own.refused is None
    own.update(PLAIN, links(MAX_LINKS + 1), ())
    assert own.refused is not None
    assert "1025 links" in own.refused
    own.update(GatewayTree(apps=(App("cam", description="x" * MAX_RECORD_BYTES),)), (), ())
    assert own.refused is not None
    assert "bytes" in own.refused


async def test_it_stands_in_the_warnings() -> None:
    async with peering() as found:
        trees = [LONG_NAME, PLAIN]
        holder = ViewHolder(first_view(SELF))
        settings = RefreshSettings()
        refresh = Refresh(SELF, found.registry, holder, lambda: trees.pop(0), settings, names=holder.current.names)
        await refresh.refresh(periodic=False)
        assert [warned.code for warned in holder.current.warnings] == ["own_record_refused"]
        await refresh.refresh(periodic=False)
        assert holder.current.warnings == ()
