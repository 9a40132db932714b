"""Saving what must survive a restart: references are taken on the loop, everything else is for the thread."""

import json
from collections.abc import Iterator
from typing import Any

from entities.names import NameTable
from entities.records import TreeDocument
from peers.memory import NAMES_FILE, PeerMemory
from peers.native import HeldTree
from tests.unit.http.views import instance, record

HERE = {(instance("bee"), "cam"): "cam"}
NAMES = NameTable(here=HERE, origins={"cam": (instance("bee"), "cam")})
TREE = HeldTree(TreeDocument(1, instance("bee"), instance("boot"), 1, (record("bee"),)), None)


class Files:
    """A keeper in memory that may be out of order."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.writes = 0
        self.is_full = False

    def load(self, name: str) -> bytes | None:
        return self.bodies.get(name)

    def save(self, name: str, body: bytes) -> None:
        if self.is_full:
            raise OSError("no space left")
        self.writes += 1
        self.bodies[name] = body

    def remove(self, name: str) -> None:
        del self.bodies[name]


class Endpoint:
    url = "http://bee:8080"


class OnePeer:
    """As much of a peer as memory looks at."""

    name = "b"
    trusted = True
    endpoint = Endpoint()

    def __init__(self, name: str, held: HeldTree | None) -> None:
        self.instance = instance(name)
        self.held = held


class Peers:
    """As much of a registry as memory looks at."""

    def __init__(self, *peers: OnePeer) -> None:
        self._peers = peers

    def __iter__(self) -> Iterator[OnePeer]:
        return iter(self._peers)


def registry(*peers: OnePeer) -> Any:
    return Peers(*peers)


def test_a_note_has_the_state_of_the_moment_it_was_taken_and_is_rendered_only_when_saved() -> None:
    files, peer = Files(), OnePeer("bee", TREE)
    memory = PeerMemory(files, max_entities=10)
    notes = memory.notes(NAMES, registry(peer))
    peer.instance, peer.held = instance("other"), None
    memory.save(notes)
    kept = {name: json.loads(body) for name, body in files.bodies.items()}
    assert kept.pop(NAMES_FILE)["here"] == [[instance("bee"), "cam", "cam"]]
    (seen,) = kept.values()
    assert (seen["instance"], seen["document"]["generation"]) == (instance("bee"), 1)


def test_names_that_are_equal_are_not_written_again() -> None:
    files = Files()
    memory = PeerMemory(files, max_entities=10)
    memory.save(memory.notes(NAMES, registry()))
    memory.save(memory.notes(NameTable(here=dict(HERE)), registry()))
    assert files.writes == 1
    memory.save(memory.notes(NameTable(), registry()))
    assert (files.writes, json.loads(files.bodies[NAMES_FILE])["here"]) == (2, [])


def test_what_could_not_be_saved_is_noted_again_though_nothing_changed() -> None:
    files, peers = Files(), registry(OnePeer("bee", TREE))
    memory = PeerMemory(files, max_entities=10)
    files.is_full = True
    memory.save(memory.notes(NAMES, peers))
    files.is_full = False
    memory.save(memory.notes(NAMES, peers))
    assert (len(files.bodies), memory.notes(NAMES, peers)) == (2, [])
