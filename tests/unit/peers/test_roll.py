"""Who was discovered is known after a restart; who was forgotten leaves nothing behind."""

import json

import pytest

from discovery.endpoint import FoundBy, PeerEndpoint
from entities.names import NameTable
from peers.memory import ROLL_FILE, PeerMemory
from tests.unit.peers.lineup import lineup
from tests.unit.peers.peering import endpoint, held, peering
from tests.unit.peers.test_memory import B, Shelf

FOUND = PeerEndpoint("b", "http://b.invalid:8080", FoundBy.FILE, source="file:/x")


async def shelf_with_b() -> Shelf:
    """What is kept by a gateway that discovered b."""
    shelf = Shelf()
    async with peering(endpoint("base"), FOUND, endpoint("c", found_by=FoundBy.MDNS)) as before:
        before.peer("b").instance, before.peer("b").held = B, held("b")
        memory = PeerMemory(shelf, max_entities=100)
        memory.save(memory.notes(NameTable(), before.registry))
    return shelf


async def test_who_was_discovered_and_proved_who_it_is_comes_back_with_its_tree() -> None:
    shelf = await shelf_with_b()
    again = PeerMemory(shelf, max_entities=100)
    endpoints = again.load_roll()
    assert endpoints == (FOUND,), "c never proved who it is, base is configured"
    assert endpoints[0].source == "file:/x"
    async with peering(endpoint("base"), *endpoints) as after:
        again.load_peers(after.registry)
        assert (after.peer("b").instance, after.peer("b").held) == (B, held("b"))
        assert [note.name for note in again.notes(NameTable(), after.registry)] == ["names.json"]


async def test_the_files_of_one_that_is_forgotten_go() -> None:
    shelf = await shelf_with_b()
    again = PeerMemory(shelf, max_entities=100)
    again.load_roll()
    async with peering(endpoint("base")) as after:
        again.save(again.notes(NameTable(), after.registry))
    assert sorted(shelf.files) == [ROLL_FILE, "names.json"]
    assert PeerMemory(shelf, max_entities=100).load_roll() == ()


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "b__c", "url": "http://b:1", "found_by": "file", "source": "x"},
        {"name": "b", "url": "http://b:1/path", "found_by": "file", "source": "x"},
        {"name": "b", "url": "nonsense", "found_by": "file", "source": "x"},
        {"name": "b", "url": "http://b:1", "found_by": "static", "source": "x"},
        {"name": "b", "url": "http://b:1", "found_by": "smell", "source": "x"},
        "nonsense",
    ],
)
async def test_what_cannot_be_a_discovered_peer_does_not_come_back(entry: object) -> None:
    shelf = Shelf()
    shelf.files[ROLL_FILE] = json.dumps({"peers": [entry]}).encode()
    assert PeerMemory(shelf, max_entities=100).load_roll() == ()


async def test_who_came_back_stays_until_its_source_has_spoken() -> None:
    async with lineup() as line:
        base = PeerEndpoint("base", "http://base.invalid:8080")
        line.discover(base)
        other = PeerEndpoint("base", "http://other.invalid:8080", FoundBy.FILE)
        line.roster.restore([FOUND, other, PeerEndpoint("same", base.url, FoundBy.FILE)])
        assert line.names == ["base", "b"], "what is configured now goes before what was discovered then"
        line.discover(base, unread="file:/x")
        assert line.names == ["base", "b"]
        line.discover(base)
        assert line.names == ["base"]
