from dataclasses import replace
from ipaddress import ip_interface

import pytest

from discovery.interfaces import Interface
from discovery.neighbours import Bounds, Neighbours, choose_host
from discovery.origin import Origin
from discovery.records import Goodbye, Mention, Place, Told

ETH0 = Interface("eth0", 2, loopback=False, addresses=(ip_interface("10.0.0.1/24"), ip_interface("fd00::1/64")))


def origin(address: str) -> Origin:
    return Origin(address, ETH0)


def table(limit: int = 8, of_one: int = 8) -> Neighbours:
    return Neighbours(
        Bounds(strangers=limit, of_one=of_one, mentions=8, mention_s=5, chance_s=10, memory_s=100, farewell_s=5)
    )


def urls(neighbours: Neighbours) -> list[str]:
    return [one.url("http") for one in neighbours.known]


@pytest.mark.parametrize(
    ("told", "sender", "host"),
    [
        ((), "10.0.0.7", "10.0.0.7"),
        (("10.0.0.7", "172.17.0.1"), "10.0.0.7", "10.0.0.7"),
        (("172.17.0.1", "10.0.0.7"), "fe80::7", "10.0.0.7"),
        (("fd00::7", "10.0.0.7"), "fe80::7", "10.0.0.7"),
        (("fd01::7", "fd00::7", "fe80::7"), "fe80::9", "fd00::7"),
        (("fe80::7",), "fe80::7", "fe80::7%eth0"),
        ((), "fe80::7", "fe80::7%eth0"),
        (("192.0.2.1",), "10.0.0.7", "192.0.2.1"),
    ],
)
def test_the_address_is_the_sender_s_if_it_may_be_else_the_one_most_likely_reached(
    told: tuple[str, ...], sender: str, host: str
) -> None:
    assert choose_host(told, origin(sender)) == host


def test_fault_056_ipv6_stands_in_brackets_with_its_zone() -> None:
    neighbours = table()
    neighbours.hear(Place("a", 8080, ()), origin("fe80::7"), 0)
    neighbours.hear(Place("b", 8080, ("fd00::8",), Told(scheme="https")), origin("fe80::8"), 0)
    assert urls(neighbours) == ["http://[fe80::7%25eth0]:8080", "https://[fd00::8]:8080"]


def test_what_is_heard_again_changes_nothing() -> None:
    neighbours = table()
    assert neighbours.hear(Place("a", 1, ()), origin("10.0.0.7"), 0)
    assert not neighbours.hear(Place("A", 1, ()), origin("10.0.0.7"), 1)


def test_a_packet_without_txt_does_not_take_back_what_was_told() -> None:
    neighbours = table()
    neighbours.hear(Place("a", 1, (), Told(instance="i" * 22)), origin("10.0.0.7"), 0)
    assert not neighbours.hear(Place("a", 1, ()), origin("10.0.0.7"), 1)
    assert neighbours.known[0].told.instance == "i" * 22


def test_fault_053_a_goodbye_marks_and_removes_nobody() -> None:
    neighbours = table()
    neighbours.hear(Place("a", 1, ()), origin("10.0.0.7"), 0)
    assert neighbours.hear(Goodbye("A"), origin("10.0.0.66"), 1)
    assert [one.departed for one in neighbours.known] == [True]
    assert not neighbours.hear(Goodbye("A"), origin("10.0.0.66"), 1)
    assert neighbours.hear(Place("a", 1, ()), origin("10.0.0.7"), 2)
    assert [one.departed for one in neighbours.known] == [False]


def test_fault_054_another_place_for_a_name_stands_beside_the_first() -> None:
    neighbours = table()
    neighbours.hear(Place("a", 8080, ()), origin("10.0.0.7"), 0)
    neighbours.hear(Place("a", 8080, ("10.0.0.66",)), origin("10.0.0.66"), 1)
    assert urls(neighbours) == ["http://10.0.0.66:8080", "http://10.0.0.7:8080"]


def test_who_is_silent_is_forgotten_after_the_lifetime_of_its_records() -> None:
    neighbours = table()
    neighbours.hear(Place("a", 1, ()), origin("10.0.0.7"), 0)
    neighbours.hear(Place("b", 1, ()), origin("10.0.0.8"), 50)
    assert not neighbours.forget_old(100)
    assert neighbours.forget_old(101)
    assert [one.label for one in neighbours.known] == ["b"]


def test_fault_048_a_flood_from_one_sender_displaces_only_itself() -> None:
    neighbours = table(limit=8)
    for host in (7, 8):
        neighbours.hear(Place(f"known{host}", 1, ()), origin(f"10.0.0.{host}"), 0)
    for number in range(10_000):
        neighbours.hear(Place(f"rogue{number}", 1, ()), origin("10.0.0.66"), 1)
    assert len(neighbours.known) == 8
    assert "10.0.0.66" in {one.sender for one in neighbours.known}
    assert neighbours.refused == 10_000 - 6
    assert neighbours.hear(Place("late", 1, ()), origin("10.0.0.9"), 2)
    labels = {one.label for one in neighbours.known}
    assert {"known7", "known8", "late"} <= labels
    assert len(labels) == 8


def test_fault_048_with_as_many_senders_as_places_the_first_ones_stay() -> None:
    neighbours = table(limit=4)
    for host in range(1, 200):
        neighbours.hear(Place("x", 1, ()), origin(f"10.0.0.{host}"), 0)
    assert sorted(one.host for one in neighbours.known) == [f"10.0.0.{host}" for host in range(1, 5)]


def test_fault_048_what_had_its_chance_gives_way_when_every_sender_is_made_up() -> None:
    neighbours = table(limit=4)
    for host in range(1, 200):
        neighbours.hear(Place("x", 1, ()), origin(f"10.0.0.{host}"), 0)
    neighbours.hear(Place("x", 1, ()), origin("10.0.0.1"), 9)  # saying it again gains it no time
    assert not neighbours.hear(Place("late", 1, ()), origin("10.0.0.200"), 9)
    assert neighbours.hear(Place("late", 1, ()), origin("10.0.0.200"), 10)
    assert sorted(one.host for one in neighbours.known) == ["10.0.0.2", "10.0.0.200", "10.0.0.3", "10.0.0.4"]


def test_fault_048_one_sender_has_a_share_and_no_more() -> None:
    neighbours = table(limit=8, of_one=2)
    for number in range(100):
        neighbours.hear(Place(f"rogue{number}", 1, ()), origin("10.0.0.66"), 0)
    assert [one.label for one in neighbours.known] == ["rogue0", "rogue1"]
    assert neighbours.hear(Place("rogue100", 1, ()), origin("10.0.0.66"), 10)
    assert [one.label for one in neighbours.known] == ["rogue1", "rogue100"]


@pytest.mark.parametrize("limit", [1, 4])
def test_fault_048_a_peer_keeps_its_place_whoever_else_is_heard(limit: int) -> None:
    neighbours = table(limit=limit)
    neighbours.hear(Place("peer", 8080, ()), origin("10.0.0.7"), 0)
    neighbours.keep(frozenset({"http://10.0.0.7:8080"}))
    for number in range(1000):  # in its name, in made up names, and for its very place
        neighbours.hear(Place(f"rogue{number}", 1, ()), origin("10.0.0.7"), number)
        neighbours.hear(Place(f"rogue{number}", 1, ()), origin(f"10.0.{number // 256}.{number % 256}"), number)
        neighbours.hear(Place(f"rogue{number}", 8080, ("10.0.0.7",)), origin("10.0.0.66"), number)
        neighbours.hear(Place("peer", 8080, ()), origin("10.0.0.7"), number)
        assert ("peer", 8080) in {(one.label, one.port) for one in neighbours.known}
        assert len(neighbours.known) <= limit + 1
    neighbours.hear(Goodbye("peer"), origin("10.0.0.7"), 1000)
    assert [one.departed for one in neighbours.known if one.label == "peer"] == [True]


def test_a_peer_that_is_heard_later_has_its_place_in_a_full_table() -> None:
    neighbours = table(limit=1)
    neighbours.keep(frozenset({"https://[fd00::8]:8080"}))
    neighbours.hear(Place("x", 1, ()), origin("10.0.0.66"), 0)
    assert neighbours.hear(Place("peer", 8080, ("fd00::8",), Told(scheme="https")), origin("fe80::8"), 0)
    assert len(neighbours.known) == 2


def test_who_is_a_peer_no_longer_is_a_stranger_again() -> None:
    neighbours = table(limit=1)
    neighbours.hear(Place("peer", 8080, ()), origin("10.0.0.7"), 0)
    neighbours.keep(frozenset({"http://10.0.0.7:8080"}))
    neighbours.hear(Place("x", 1, ()), origin("10.0.0.66"), 50)
    neighbours.keep(frozenset())
    assert neighbours.forget_old(101)
    assert [one.label for one in neighbours.known] == ["x"]
    assert not neighbours.hear(Place("y", 1, ()), origin("10.0.0.8"), 55)
    assert neighbours.hear(Place("y", 1, ()), origin("10.0.0.8"), 60)
    assert [one.label for one in neighbours.known] == ["y"]


def test_who_said_goodbye_is_forgotten_soon_and_not_who_takes_it_back() -> None:
    neighbours = table()
    neighbours.keep(frozenset({"http://10.0.0.8:1"}))
    for label, address in (("gone", "10.0.0.7"), ("slandered", "10.0.0.7"), ("peer", "10.0.0.8")):
        neighbours.hear(Place(label, 1, ()), origin(address), 0)
        neighbours.hear(Goodbye(label), origin("10.0.0.66"), 50)
    assert not neighbours.forget_old(55)
    neighbours.hear(Place("slandered", 1, ()), origin("10.0.0.7"), 51)
    assert neighbours.forget_old(56)
    assert [(one.label, one.departed) for one in neighbours.known] == [("peer", True), ("slandered", False)]
    neighbours.keep(frozenset())
    assert neighbours.forget_old(56)
    assert [one.label for one in neighbours.known] == ["slandered"], "its health decided, and it is a peer no longer"


def test_who_was_only_mentioned_is_asked_for_once_and_not_without_end() -> None:
    neighbours = table()
    for label in ("A", "a", "b", "c", "d", "f"):
        assert not neighbours.hear(Mention(label), origin("10.0.0.66"), 0)
    neighbours.hear(Mention("e"), origin("10.0.0.67"), 0)
    for number in range(20):
        neighbours.hear(Mention(f"f{number}"), origin(f"10.0.0.{number}"), 0)
    assert neighbours.take_mentioned(1) == ("A", "b", "e", "f0", "f1", "f2", "f3", "f4")
    for label in ("a", "E", "f7"):
        neighbours.hear(Mention(label), origin("10.0.0.66"), 5.9)
    assert neighbours.take_mentioned(5.9) == ("f7",)
    neighbours.hear(Mention("a"), origin("10.0.0.66"), 6)
    assert neighbours.take_mentioned(6) == ("a",)
    assert not neighbours.has_questions


@pytest.mark.parametrize("order", [1, -1])
def test_fault_054_a_forged_or_old_place_keeps_nobody_from_being_asked_where_it_is(order: int) -> None:
    neighbours = table()
    for saying in (Place("robot", 6666, ()), Goodbye("robot"), Mention("robot"))[::order]:
        neighbours.hear(saying, origin("10.0.0.66"), 0)
    assert neighbours.take_mentioned(0) == ("robot",)


def test_the_table_tells_its_state() -> None:
    neighbours = table()
    neighbours.hear(Place("a", 1, ()), origin("10.0.0.7"), 0)
    neighbours.hear(Mention("b"), origin("10.0.0.7"), 0)
    assert repr(neighbours) == "<Neighbours 1 known, 1 to be asked for>"


def test_a_neighbour_has_the_scheme_it_told() -> None:
    neighbours = table()
    neighbours.hear(Place("a", 1, ()), origin("10.0.0.7"), 0)
    (one,) = neighbours.known
    assert one.url("https") == "https://10.0.0.7:1"
    assert replace(one, told=Told(scheme="http")).url("https") == "http://10.0.0.7:1"
