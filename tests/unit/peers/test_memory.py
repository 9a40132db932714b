"""What survives a restart: everything noted comes back, and damage costs no more than the file it is in."""

import json
from typing import Any

import pytest

from entities.model import App
from entities.names import NameTable
from peers.memory import NAMES_FILE, Note, PeerMemory
from tests.unit.entities.sketch import instance
from tests.unit.peers.peering import endpoint, held, peering

B, C = instance("b"), instance("c")
NAMES = NameTable(
    here={(B, "cam"): "b__cam", (C, "arm"): "arm"},
    origins={"b__cam": (B, "cam"), "arm": (C, "arm")},
    reserved={(C, "arm"): 3},
    seats={(instance("a"), "0123abcd"): B},
)


class Shelf:
    """A keeper whose files are a dict; saving fails while it is full."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.is_full = False

    def load(self, name: str) -> bytes | None:
        return self.files.get(name)

    def save(self, name: str, body: bytes) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.files[name] = body

    def remove(self, name: str) -> None:
        del self.files[name]


def remembering(shelf: Shelf) -> PeerMemory:
    return PeerMemory(shelf, max_entities=100)


async def test_names_come_back_as_they_were() -> None:
    shelf = Shelf()
    async with peering() as found:
        memory = remembering(shelf)
        memory.save(memory.notes(NAMES, found.registry))
        again = remembering(shelf)
        assert again.load_names() == NAMES
        assert again.notes(again.load_names(), found.registry) == []


async def test_peers_come_back_with_the_instance_and_document_seen_last_but_not_up() -> None:
    shelf = Shelf()
    async with (
        peering(endpoint("b"), endpoint("c"), endpoint("d")) as before,
        peering(endpoint("b"), endpoint("c"), endpoint("d")) as after,
    ):
        before.peer("b").instance, before.peer("b").held = B, held("b", App("cam"), dropped=2)
        before.peer("c").instance = C
        memory = remembering(shelf)
        memory.save(memory.notes(NameTable(), before.registry))
        remembering(shelf).load_peers(after.registry)
        assert [(peer.instance, peer.held, peer.is_up) for peer in after.registry] == [
            (B, held("b", App("cam"), dropped=2), False),
            (C, None, False),
            (None, None, False),
        ]


async def test_only_what_changed_is_noted() -> None:
    async with peering(endpoint("b"), endpoint("c")) as found:
        memory = remembering(Shelf())
        found.peer("b").instance, found.peer("b").held = B, held("b")

        def noted(names: NameTable) -> list[bool]:
            return [note.name == NAMES_FILE for note in memory.notes(names, found.registry)]

        assert noted(NAMES) == [True, False]
        assert noted(NAMES) == []
        assert noted(NameTable(NAMES.here, NAMES.origins, NAMES.reserved, NAMES.seats)) == []
        assert noted(NameTable(NAMES.here, NAMES.origins, {}, NAMES.seats)) == [True]
        found.peer("b").held = held("b", generation=2)
        found.peer("c").instance = C
        assert noted(NameTable(NAMES.here, NAMES.origins, {}, NAMES.seats)) == [False, False]


async def test_what_could_not_be_saved_is_noted_again() -> None:
    shelf = Shelf()
    async with peering(endpoint("b")) as found:
        memory = remembering(shelf)
        found.peer("b").instance = B
        notes = memory.notes(NAMES, found.registry)
        shelf.is_full = True
        memory.save(notes)
        shelf.is_full = False
        assert memory.notes(NAMES, found.registry) == notes
        memory.save(notes)
        assert memory.notes(NAMES, found.registry) == []
        assert shelf.files == {note.name: note.render() for note in notes}


def names_file(**changes: Any) -> bytes:
    whole = {"here": [[B, "cam", "b__cam"]], "reserved": [], "seats": []}
    return json.dumps(whole | changes).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 100,
        b"{",
        names_file()[:-5],
        b"[]",
        b"{}",
        names_file(here=None),
        names_file(here=[[B, "cam"]]),
        names_file(here=[[B, "cam", 7]]),
        names_file(reserved=[[B, "cam", "3"]]),
        names_file(seats=[[B]]),
        names_file() + b"\xff",
    ],
)
def test_names_that_cannot_be_read_start_anew_and_are_written_again(body: bytes) -> None:
    shelf = Shelf()
    shelf.files[NAMES_FILE] = body
    assert remembering(shelf).load_names() == NameTable()


def test_single_names_that_cannot_be_are_left_out() -> None:
    shelf = Shelf()
    here = [[B, "cam", "b__cam"], ["short", "cam", "x"], [B, "bad id", "y"], [B, "arm", "../z"], [B, "", "w"]]
    shelf.files[NAMES_FILE] = names_file(here=here, reserved=[[B, "cam", 3], [C, "gone", 2]])
    table = remembering(shelf).load_names()
    assert table.here == {(B, "cam"): "b__cam"}
    assert table.reserved == {(B, "cam"): 3}


def test_names_and_their_origins_are_inverse_whatever_the_file_says() -> None:
    shelf = Shelf()
    shelf.files[NAMES_FILE] = names_file(here=[[B, "cam", "x"], [C, "cam", "x"], [B, "arm", "p"], [B, "arm", "q"]])
    table = remembering(shelf).load_names()
    assert {name: origin for origin, name in table.here.items()} == table.origins
    assert len(table.here) == len(table.origins)


def test_seats_of_nobody_are_left_out() -> None:
    shelf = Shelf()
    seats = [[B, "0123abcd", C], ["short", "0123abcd", C], [B, "not hex!", C], [B, "0123abce", "short"]]
    shelf.files[NAMES_FILE] = names_file(seats=seats)
    assert remembering(shelf).load_names().seats == {(B, "0123abcd"): C}


async def saved_peer() -> Note:
    async with peering(endpoint("b")) as found:
        found.peer("b").instance, found.peer("b").held = B, held("b")
        return remembering(Shelf()).notes(NameTable(), found.registry)[-1]


def changed(body: bytes, **changes: Any) -> bytes:
    return json.dumps(json.loads(body) | changes).encode()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda body: body[:-7], id="cut off"),
        pytest.param(lambda body: body.replace(b'"b"', b'"\xff"'), id="not UTF-8"),
        pytest.param(lambda _: b"{}", id="nothing in it"),
        pytest.param(lambda body: changed(body, instance="short"), id="no instance"),
        pytest.param(lambda body: changed(body, instance=None), id="a null instance"),
        pytest.param(lambda body: changed(body, url="http://other.invalid:1"), id="of another URL"),
        pytest.param(lambda body: changed(body, document={"format": 1}), id="no document"),
        pytest.param(lambda body: changed(body, document=[]), id="a list for a document"),
    ],
)
async def test_a_damaged_file_of_a_peer_is_as_if_it_were_not_there(damage: Any) -> None:
    note = await saved_peer()
    shelf = Shelf()
    shelf.files[note.name] = damage(note.render())
    async with peering(endpoint("b"), endpoint("c")) as found:
        remembering(shelf).load_peers(found.registry)
        assert [(peer.instance, peer.held) for peer in found.registry] == [(None, None), (None, None)]


@pytest.mark.parametrize("document", [{"format": 2}, {}])
async def test_a_document_of_another_format_is_forgotten_and_the_instance_is_not(document: Any) -> None:
    note = await saved_peer()
    shelf = Shelf()
    shelf.files[note.name] = changed(note.render(), document=document)
    async with peering(endpoint("b")) as found:
        remembering(shelf).load_peers(found.registry)
        assert (found.peer("b").instance, found.peer("b").held) == (B, None)


async def test_a_document_of_another_gateway_than_the_one_seen_is_forgotten() -> None:
    note = await saved_peer()
    shelf = Shelf()
    shelf.files[note.name] = changed(note.render(), instance=C)
    async with peering(endpoint("b")) as found:
        remembering(shelf).load_peers(found.registry)
        assert (found.peer("b").instance, found.peer("b").held) == (C, None)
