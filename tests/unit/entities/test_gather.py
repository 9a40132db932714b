"""Which records count: the newest, trusted sources first, one's own never from another."""

from collections.abc import Mapping

import pytest

from entities.codec import MAX_VERSION
from entities.gather import MAX_RAISED, Picture, gather_records, version_above
from entities.model import App
from entities.records import Link, Record
from tests.unit.entities.sketch import instance, link, picture, record

OWN = record("a", "b")


def told(letter: str, version: int, word: str, links: tuple[Link, ...] = ()) -> Record:
    """A record whose name says where it came from."""
    return Record(instance(letter), (version, 0), word, links)


def names(records: Mapping[str, Record]) -> dict[str, str]:
    return {one[0]: found.name for one, found in records.items() if one != OWN.id}


DISCOVERED_C = (link("c", discovered=True),)
STATIC_C = (link("c"),)


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        pytest.param([picture("b", told("b", 1, "b"))], {"b": "b"}, id="a trusted peer tells of itself"),
        pytest.param(
            [picture("b", told("b", 1, "b"), told("c", 1, "via b"))], {"b": "b", "c": "via b"}, id="and of any other"
        ),
        pytest.param(
            [picture("b", told("c", 2, "newer")), picture("d", told("c", 1, "older"))],
            {"c": "newer"},
            id="of two trusted ones the newest version wins",
        ),
        pytest.param(
            [picture("b", told("c", 1, "older"), up=False), picture("d", told("c", 2, "newer"))],
            {"c": "newer"},
            id="a silent peer's last document still counts",
        ),
        pytest.param(
            [picture("b", told("b", 1, "b"), told("c", 9, "forged")), picture("c", told("c", 1, "c"))],
            {"b": "b", "c": "c"},
            id="but what a peer says of itself wins over any version that others pass on",
        ),
        pytest.param(
            [picture("b", told("b", 1, "b"), told("c", 9, "newer")), picture("c", told("c", 1, "c"), up=False)],
            {"b": "b", "c": "newer"},
            id="unless that peer is silent",
        ),
        pytest.param(
            [picture("c", told("c", 1, "older")), picture("c", told("c", 2, "newer"))],
            {"c": "newer"},
            id="of one peer's two URLs the newest reading counts",
        ),
        pytest.param(
            [picture("h", told("h", 1, "h"), told("x", 1, "via h"), trusted=False)],
            {"h": "h", "x": "via h"},
            id="a discovered peer tells of itself and of those nobody else knows",
        ),
        pytest.param(
            [picture("b", told("b", 1, "b")), picture("h", told("b", 9, "forged"), trusted=False)],
            {"b": "b"},
            id="not of a static peer",
        ),
        pytest.param(
            [picture("b", told("b", 1, "b"), up=False), picture("h", told("b", 9, "forged"), trusted=False)],
            {"b": "b"},
            id="not even of a static peer that is silent",
        ),
        pytest.param(
            [picture("b", told("b", 1, "b")), picture("b", told("b", 9, "forged"), trusted=False)],
            {"b": "b"},
            id="not by claiming to be the static peer itself",
        ),
        pytest.param(
            [
                picture("b", told("b", 1, "b", STATIC_C), told("c", 1, "via b")),
                picture("h", told("c", 9, "forged"), trusted=False),
            ],
            {"b": "b", "c": "via b"},
            id="not of those a trusted peer answers for",
        ),
        pytest.param(
            [
                picture("b", told("b", 1, "b", STATIC_C), told("c", 1, "via b")),
                picture("c", told("c", 9, "forged"), trusted=False),
            ],
            {"b": "b", "c": "via b"},
            id="nor by claiming to be one of them",
        ),
        pytest.param(
            [
                picture("b", told("b", 1, "b", STATIC_C), told("c", 1, "via b"), up=False),
                picture("h", told("c", 9, "newer"), trusted=False),
            ],
            {"b": "b", "c": "newer"},
            id="a trusted peer that is silent answers for nobody but itself",
        ),
        pytest.param(
            [
                picture("b", told("b", 1, "b", DISCOVERED_C), told("c", 1, "copy")),
                picture("c", told("c", 9, "c"), trusted=False),
            ],
            {"b": "b", "c": "c"},
            id="a trusted peer does not answer for those it discovered",
        ),
        pytest.param(
            [
                picture("b", told("b", 1, "b", (link("a"),)), told("a", 1, "us", STATIC_C), told("c", 1, "our copy")),
                picture("c", told("c", 9, "c"), trusted=False),
            ],
            {"b": "b", "c": "c"},
            id="nor for those it knows through us",
        ),
        pytest.param(
            [
                picture("h", told("c", 9, "via h"), trusted=False),
                picture("c", told("c", 1, "c"), trusted=False),
            ],
            {"c": "c"},
            id="of two discovered ones the gateway itself wins",
        ),
        pytest.param(
            [
                picture("h", told("c", 9, "via h"), trusted=False),
                picture("c", told("c", 1, "c"), trusted=False, up=False),
            ],
            {"c": "via h"},
            id="unless it is silent",
        ),
        pytest.param(
            [
                picture("c", told("c", 1, "first"), trusted=False),
                picture("c", told("c", 2, "second"), trusted=False),
            ],
            {"c": "second"},
            id="of two that claim to be one the newest wins",
        ),
    ],
)
def test_trust(pictures: list[Picture], expected: dict[str, str]) -> None:
    assert names(gather_records(OWN, pictures)) == expected


def test_the_own_record_is_never_taken_from_another() -> None:
    forged = told("a", 99, "forged")
    records = gather_records(OWN, [picture("b", forged), picture("c", forged, trusted=False)])
    assert records[OWN.id] is OWN


def test_of_two_records_with_one_version_the_first_in_peer_order_stays() -> None:
    records = gather_records(OWN, [picture("b", told("c", 1, "first")), picture("d", told("c", 1, "second"))])
    assert records[instance("c")].name == "first"


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ((5, 3), [], (5, 3)),
        ((5, 3), [(4, 99)], (5, 3)),
        ((5, 3), [(5, 3)], (5, 3)),
        ((5, 3), [(5, 4)], (5, 5)),
        ((5, 3), [(6, 0), (7, 2), (5, 9)], (7, 3)),
        ((5, 3), [(MAX_RAISED - 1, MAX_RAISED - 1)], (MAX_RAISED - 1, MAX_RAISED)),
        ((5, 3), [(MAX_RAISED, 0)], (5, 3)),
        ((5, 3), [(MAX_VERSION - 1, MAX_VERSION - 1)], (5, 3)),
        ((5, 3), [(6, MAX_RAISED)], (5, 3)),
    ],
)
def test_the_own_version_rises_above_what_others_hold_but_never_out_of_range(
    own: tuple[int, int], others: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    pictures = [picture(letter, record("a", version=version)) for letter, version in zip("bcd", others, strict=False)]
    assert version_above(record("a", version=own), pictures) == expected
    assert max(expected) < MAX_VERSION


def test_versions_of_others_do_not_raise_ours() -> None:
    assert version_above(OWN, [picture("b", record("b", "", App("cam"), version=(99, 9)))]) == OWN.version
