"""The record that a reader makes of a gateway without one."""

import uuid
from typing import Any

import msgspec

from entities.gather import Picture, gather_records
from entities.identity import GatewayIdentity, foreign_id, instance_id_of, is_instance_id
from entities.model import App, GatewayTree
from entities.records import Link, LinkState, Record, TreeDocument, is_peer_name
from peers.foreign_health import ItsPeer, UpstreamHealth, read_upstream_health
from peers.foreign_record import ForeignRecord, silent_links

READER = GatewayIdentity(instance_id_of(uuid.UUID(int=1)), instance_id_of(uuid.UUID(int=2)), "grove", epoch=1000)
URL = "http://10.0.0.1:8080"
TREE = GatewayTree(apps=(App("cam"),))
OTHER = GatewayTree(apps=(App("cam"), App("arm")))


def test_its_id_is_the_same_for_the_same_reader_and_url() -> None:
    ours = foreign_id(READER.instance_id, URL)
    assert is_instance_id(ours)
    assert ours == instance_id_of(uuid.uuid5(uuid.UUID(int=1), URL))
    assert len({ours, foreign_id(READER.boot_id, URL), foreign_id(READER.instance_id, "http://10.0.0.1:8081")}) == 3


def test_it_says_whose_reading_it_is() -> None:
    made = ForeignRecord(READER, "b", URL)
    held = made.update(None, TREE, (), dropped=2)
    (record,) = held.document.records
    assert (record.foreign, record.reader, record.name, record.apps) == (True, READER.instance_id, "b", TREE.apps)
    assert (held.document.instance_id, record.id, held.dropped) == (made.id, made.id, 2)
    assert record.version == (1000, 1)


def test_a_reading_that_finds_the_same_keeps_the_document() -> None:
    made = ForeignRecord(READER, "b", URL)
    held = made.update(None, TREE, (), dropped=0)
    assert made.update(held, GatewayTree(apps=(App("cam"),)), (), dropped=0) is held


def test_every_change_raises_the_version_and_a_start_the_epoch() -> None:
    made = ForeignRecord(READER, "b", URL)
    first = made.update(None, TREE, (), dropped=0)
    second = made.update(first, OTHER, (), dropped=0)
    link = Link("d", "0" * 8, LinkState.DOWN)
    third = made.update(second, OTHER, (link,), dropped=0)
    later = ForeignRecord(_started_again(), "b", URL)
    fourth = later.update(third, TREE, (), dropped=0)
    versions = [held.document.records[0].version for held in (first, second, third, fourth)]
    assert versions == [(1000, 1), (1000, 2), (1000, 3), (2000, 1)]
    assert later.update(third, OTHER, (link,), dropped=0) is third


def _started_again() -> GatewayIdentity:
    return GatewayIdentity(READER.instance_id, instance_id_of(uuid.UUID(int=3)), "grove", epoch=2000)


def test_old_copies_of_it_that_others_pass_on_count_for_nothing() -> None:
    """Only its reader reads it; a copy, however new it says it is, cannot be."""
    own = Record(READER.instance_id, (1000, 1), "grove")
    made = ForeignRecord(READER, "b", URL)
    read = made.update(None, TREE, (), dropped=0).document
    forged = msgspec.structs.replace(read.records[0], version=(9999, 9), apps=OTHER.apps)
    neighbour = instance_id_of(uuid.UUID(int=9))
    document = TreeDocument(1, neighbour, neighbour, 1, (Record(neighbour, (1, 1), "n"), forged))
    records = gather_records(own, [Picture("n", document), Picture("b", read)])
    assert records[made.id].apps == TREE.apps
    assert made.id not in gather_records(own, [Picture("n", document)])


def test_peers_it_has_lost_are_links_without_an_instance() -> None:
    peers = [
        ItsPeer("d", "http://d:1", is_online=False),
        ItsPeer("up", "http://up:1", is_online=True),
        ItsPeer("a b__c", "http://x:1", is_online=False),
    ]
    silent = silent_links(peers)
    assert {(link.state, link.instance) for link in silent} == {(LinkState.DOWN, None)}
    assert [link.peer.partition("-")[0] for link in silent] == ["a_b_c", "d"]


def test_each_of_the_lost_is_named_however_it_is_called() -> None:
    told = ("arm.1", "arm_1", "arm-1", "a__b", "", "\u00e9", "\x1b[31m", "x" * 300, "\ud800")
    names = [link.peer for link in silent_links(ItsPeer(name, "http://d:1", is_online=False) for name in told)]
    assert len(set(names)) == len(told)
    assert {"arm_1", "arm-1"} < set(names)
    assert all(map(is_peer_name, names))


def test_health_of_an_upstream_gateway_is_known_by_its_form() -> None:
    peers = [{"name": "d", "url": "http://d:1", "status": "offline"}, {"name": 1}, "x"]
    health = {"status": "healthy", "timestamp": 1, "peers": peers}
    assert read_upstream_health(health) == UpstreamHealth((ItsPeer("d", "http://d:1", is_online=False),))
    others: tuple[Any, ...] = (
        {},
        [],
        "x",
        {"status": "UP"},
        {"status": 1, "timestamp": 1},
        {"status": "x", "timestamp": "now"},
    )
    for other in others:
        assert read_upstream_health(other) is None
