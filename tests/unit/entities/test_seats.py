"""A container without its volume inherits the names of the one before it, and nobody else does."""

import pytest

from entities.model import App
from entities.names import RESERVED_REFRESHES, NameTable
from entities.records import Link, LinkState, Record, url_digest
from entities.seats import take_seats
from tests.unit.entities.sketch import instance, link, named, record, seen_from

CAM = App("cam")


def at(url: str, sitter: str | None, *, up: bool = True, peer: str = "c") -> Link:
    """A link to a URL and who sits there."""
    state = LinkState.UP if up else LinkState.DOWN
    return Link(peer, url_digest(url), state, None if sitter is None else instance(sitter))


def gateway(letter: str, *links: Link, apps: tuple[App, ...] = ()) -> Record:
    return Record(instance(letter), (1, 0), letter, links, apps=apps)


def names_after(before: tuple[Record, ...], *then: tuple[Record, ...]) -> NameTable:
    """The table of the first gateway after these refreshes."""
    table = named(seen_from(*before)).table
    for records in then:
        table = named(seen_from(*records), table).table
    return table


def test_the_new_instance_at_a_url_inherits_the_names_of_the_old_one() -> None:
    before = (gateway("a", at("u", "c"), apps=(CAM,)), gateway("c", apps=(CAM, App("arm"))))
    after = (gateway("a", at("u", "d"), apps=(CAM,)), gateway("d", apps=(CAM, App("arm"))))
    naming = named(seen_from(*after), named(seen_from(*before)).table)
    assert naming.replaced == ((instance("c"), instance("d")),)
    assert naming.table.of(instance("d"), "cam") == "c__cam"
    assert naming.table.of(instance("d"), "arm") == "arm"
    assert naming.table.of(instance("c"), "cam") is None


def test_it_inherits_though_another_gateway_has_not_noticed_yet() -> None:
    stale = gateway("b", at("u", "c"))
    before = (gateway("a", at("u", "c"), link("b")), stale, gateway("c", apps=(CAM,)))
    after = (gateway("a", at("u", "d"), link("b")), stale, gateway("c", apps=(CAM,)), gateway("d", apps=(CAM,)))
    assert names_after(before, after).of(instance("d"), "cam") == "cam"


def test_it_inherits_though_another_gateway_noticed_first_and_it_got_other_names_by_then() -> None:
    old, new = gateway("c", apps=(CAM,)), gateway("d", apps=(CAM,))
    before = (gateway("a", at("u", "c"), link("b")), gateway("b", at("u", "c")), old)
    meanwhile = (gateway("a", at("u", "c"), link("b")), gateway("b", at("u", "d")), old, new)
    after = (gateway("a", at("u", "d"), link("b")), gateway("b", at("u", "d")), new)
    assert names_after(before, meanwhile).of(instance("d"), "cam") == "b__cam"
    table = names_after(before, meanwhile, after)
    assert table.of(instance("d"), "cam") == "cam"
    assert "b__cam" not in table.origins


def test_it_keeps_what_it_inherited_when_another_gateway_notices_later() -> None:
    old, new = gateway("c", apps=(CAM,)), gateway("d", apps=(CAM,))
    before = (gateway("a", link("b"), link("e")), gateway("b", at("u", "c")), gateway("e", at("u", "c")), old)
    first = (gateway("a", link("b"), link("e")), gateway("b", at("u", "d")), gateway("e", at("u", "c")), old, new)
    second = (gateway("a", link("e")), gateway("e", at("u", "d")), new)
    table = names_after(before, first)
    assert table.of(instance("d"), "cam") == "cam"
    assert table.of(instance("c"), "cam") == "e__cam"
    assert names_after(before, first, second).of(instance("d"), "cam") == "cam"


def test_nobody_farther_away_can_unseat_a_gateway() -> None:
    old = gateway("c", apps=(CAM,))
    before = (gateway("a", at("u", "c"), link("h")), gateway("h", at("u", "c")), old)
    hijack = (gateway("a", at("u", "c"), link("h")), gateway("h", at("u", "x")), old, gateway("x", apps=(CAM,)))
    silent = (gateway("a", at("u", "c", up=False), link("h")), *hijack[1:])
    assert names_after(before, hijack, silent).of(instance("c"), "cam") == "cam"


def test_who_is_live_at_another_url_has_moved_and_keeps_its_names() -> None:
    old = gateway("c", apps=(CAM,))
    before = (gateway("a", at("u", "c"), at("v", "c", peer="c2")), old)
    after = (gateway("a", at("u", "d"), at("v", "c", peer="c2")), old, gateway("d", apps=(CAM,)))
    table = names_after(before, after)
    assert table.of(instance("c"), "cam") == "cam"
    assert table.of(instance("d"), "cam") == "c__cam"


def test_two_gateways_that_change_urls_keep_their_names() -> None:
    both = (gateway("c", apps=(CAM,)), gateway("d", apps=(CAM,)))
    before = (gateway("a", at("u", "c"), at("v", "d", peer="d")), *both)
    after = (gateway("a", at("u", "d"), at("v", "c", peer="d")), *both)
    assert names_after(before, after).here == names_after(before).here


def test_a_gateway_known_at_another_url_is_nobodys_heir() -> None:
    before = (gateway("a", at("u", "c"), at("v", "d", peer="d")), gateway("c", apps=(CAM,)), gateway("d", apps=(CAM,)))
    after = (gateway("a", at("u", "d"), at("v", "d", peer="d", up=False)), gateway("d", apps=(CAM,)))
    assert names_after(before, after).of(instance("d"), "cam") == "d__cam"


def test_two_urls_of_one_gateway_pass_to_its_heir_one_after_the_other() -> None:
    before = (gateway("a", at("u", "c"), at("v", "c", peer="c2")), gateway("c", apps=(CAM,)))
    first = (gateway("a", at("u", "d"), at("v", "c", peer="c2", up=False)), gateway("d", apps=(CAM,)))
    second = (gateway("a", at("u", "d"), at("v", "d", peer="c2")), gateway("d", apps=(CAM,)))
    assert names_after(before, first, second).of(instance("d"), "cam") == "cam"


def test_what_stands_behind_a_replaced_gateway_inherits_too() -> None:
    before = (gateway("a", at("m", "m", peer="m")), gateway("m", at("u", "c")), gateway("c", apps=(CAM, App("m__cam"))))
    blank = (gateway("a", at("m", "n", peer="m")), gateway("n", at("u", None)))
    after = (gateway("a", at("m", "n", peer="m")), gateway("n", at("u", "d")), gateway("d", apps=(CAM,)))
    assert names_after(before, blank, after).of(instance("d"), "cam") == "cam"


def test_the_old_instance_gets_its_names_back_when_its_volume_does() -> None:
    before = (gateway("a", at("u", "c"), apps=(CAM,)), gateway("c", apps=(CAM,)))
    swapped = (gateway("a", at("u", "d"), apps=(CAM,)), gateway("d", apps=(CAM,)))
    assert names_after(before, swapped, before).here == names_after(before).here


def test_a_url_that_answers_in_turn_as_two_gateways_lets_no_names_grow() -> None:
    one = (gateway("a", at("u", "c")), gateway("c", apps=(CAM,)))
    other = (gateway("a", at("u", "d")), gateway("d", apps=(App("arm"),)))
    table = names_after(one, *[other, one] * RESERVED_REFRESHES)
    assert set(table.origins) <= {"cam", "arm"}
    assert len(table.seats) == 1


def test_a_container_that_starts_anew_all_the_time_leaves_no_names_behind() -> None:
    """Each time another instance with another App: what was retracted ages on through every inheritance."""
    table = NameTable()
    for number in range(10 * RESERVED_REFRESHES):
        letter = "cd"[number % 2]
        records = (gateway("a", at("u", letter)), gateway(letter, apps=(App(f"app_{number}"),)))
        table = named(seen_from(*records), table).table
        assert len(table.here) <= RESERVED_REFRESHES


def test_we_are_neither_replaced_nor_anybodys_heir() -> None:
    own = gateway("a", link("b"), apps=(CAM,))
    before = take_seats(seen_from(own, gateway("b", at("u", "a"), at("v", "c", peer="v")), record("c")), {})
    after = seen_from(own, gateway("b", at("u", "d"), at("v", "a", peer="v")), record("d"))
    assert take_seats(after, before.seats).heirs == {}


@pytest.mark.parametrize("sitter", [None, "c"])
def test_a_link_that_meets_nobody_keeps_whom_it_met_last(sitter: str | None) -> None:
    before = take_seats(seen_from(gateway("a", at("u", "c"))), {})
    after = take_seats(seen_from(gateway("a", at("u", sitter, up=False))), before.seats)
    assert after.seats == {(instance("a"), url_digest("u")): instance("c")}


def test_seats_of_links_that_are_no_more_are_given_up() -> None:
    before = take_seats(seen_from(gateway("a", at("u", "c"))), {})
    assert take_seats(seen_from(gateway("a")), before.seats).seats == {}


def test_the_same_heirs_are_found_in_whatever_order_records_come() -> None:
    own = gateway("a", link("b"), link("e"))
    old = [gateway("b", at("u", "c")), gateway("e", at("v", "c")), gateway("c")]
    new = [gateway("b", at("u", "d")), gateway("e", at("v", "f")), gateway("d"), gateway("f")]
    seats = take_seats(seen_from(own, *old), {}).seats
    found = [take_seats(seen_from(own, *order), seats).heirs for order in (new, new[::-1])]
    assert found[0] == found[1] == {instance("c"): instance("d")}
