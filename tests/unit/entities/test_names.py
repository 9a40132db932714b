"""Which id each App has here: the order in which ids are given, and that an id once given stays."""

import hashlib

import pytest

from entities.model import App
from entities.names import MAX_ID, RESERVED_REFRESHES, NameTable, Origin, display_name
from tests.unit.entities.sketch import instance, named, record, seen_from

CAM = App("cam")


def apps(*ids: str) -> tuple[App, ...]:
    return tuple(App(one) for one in ids)


def shown(table: NameTable) -> dict[str, str]:
    """`b/cam` -> id here."""
    return {f"{origin[0][0]}/{origin[1]}": here for origin, here in table.here.items() if origin not in table.reserved}


def test_ids_that_do_not_collide_stay_as_they_are() -> None:
    topology = seen_from(record("a", "b", CAM), record("b", "c", App("lidar")), record("c", "", App("arm")))
    assert shown(named(topology).table) == {"a/cam": "cam", "b/lidar": "lidar", "c/arm": "arm"}


def test_own_apps_keep_their_ids_and_others_get_the_first_hop_in_front() -> None:
    topology = seen_from(record("a", "b", CAM), record("b", "", CAM))
    assert shown(named(topology).table) == {"a/cam": "cam", "b/cam": "b__cam"}


def test_one_that_the_first_hop_does_not_show_yet_gets_what_its_neighbour_calls_it_in_front() -> None:
    topology = seen_from(record("a", "b", CAM), record("b", "c", CAM), record("c", "", CAM))
    assert shown(named(topology).table) == {"a/cam": "cam", "b/cam": "b__cam", "c/cam": "c__cam"}


def test_where_every_prefixed_id_is_taken_the_digest_of_its_origin_follows() -> None:
    topology = seen_from(record("a", "b", CAM, App("c__cam")), record("b", "c", CAM), record("c", "", CAM))
    assert shown(named(topology).table)["c/cam"] == f"cam__{eight_hex((instance('c'), 'cam'))}"


def eight_hex(origin: Origin) -> str:
    return hashlib.sha256("|".join(origin).encode()).hexdigest()[:8]


def test_the_id_that_the_first_hop_shows_is_the_one_that_is_wanted() -> None:
    topology = seen_from(record("a", "b"), record("b", "c", CAM), record("c", "", App("eye")))
    assert shown(named(topology, b_eye="c__eye").table) == {"b/cam": "cam", "c/eye": "c__eye"}


def test_a_shown_id_that_is_taken_gets_the_first_hop_in_front() -> None:
    topology = seen_from(record("a", "b", App("c__eye")), record("b", "c"), record("c", "", App("eye")))
    assert shown(named(topology, b_eye="c__eye").table) == {"a/c__eye": "c__eye", "c/eye": "b__c__eye"}


def test_peers_are_served_in_their_order() -> None:
    topology = seen_from(record("a", "c b"), record("b", "", CAM), record("c", "", CAM))
    assert shown(named(topology).table) == {"c/cam": "cam", "b/cam": "b__cam"}


def test_nearer_gateways_are_served_first() -> None:
    topology = seen_from(record("a", "b"), record("b", "c", CAM), record("c", "", CAM))
    assert shown(named(topology).table) == {"b/cam": "cam", "c/cam": "b__cam"}


def test_free_wishes_are_granted_before_any_id_is_made_up() -> None:
    topology = seen_from(record("a", "b c", CAM), record("b", "", CAM), record("c", "", App("b__cam")))
    table = named(topology).table
    assert shown(table)["c/b__cam"] == "b__cam"
    assert shown(table)["b/cam"] == f"cam__{eight_hex((instance('b'), 'cam'))}"


def test_an_id_that_would_be_too_long_is_cut_and_marked_with_its_origin() -> None:
    long = "x" * MAX_ID
    topology = seen_from(record("a", "b", App(long)), record("b", "", App(long)))
    here = shown(named(topology).table)[f"b/{long}"]
    assert len(here) == MAX_ID
    assert here.endswith(f"__{eight_hex((instance('b'), long))}")


def test_whoever_takes_all_made_up_ids_beforehand_only_makes_the_next_one_longer() -> None:
    marked = f"cam__{eight_hex((instance('c'), 'cam'))}"
    squatter = record("b", "", *apps("cam", "c__cam", marked, *(f"{marked}_{number}" for number in range(2, 500))))
    topology = seen_from(record("a", "b c"), squatter, record("c", "", CAM))
    assert shown(named(topology).table)["c/cam"] == f"{marked}_500"


def test_a_name_stays_when_its_rival_is_gone() -> None:
    first = named(seen_from(record("a", "b c"), record("b", "", CAM), record("c", "", CAM)))
    assert shown(first.table) == {"b/cam": "cam", "c/cam": "c__cam"}
    second = named(seen_from(record("a", "c"), record("c", "", CAM)), first.table)
    assert shown(second.table) == {"c/cam": "c__cam"}


def test_a_name_stays_when_the_gateway_is_reached_another_way() -> None:
    first = named(seen_from(record("a", "b d", CAM), record("b", "c"), record("d", "c"), record("c", "", CAM)))
    assert shown(first.table)["c/cam"] == "b__cam"
    second = named(seen_from(record("a", "d", CAM), record("d", "c"), record("c", "", CAM)), first.table)
    assert shown(second.table)["c/cam"] == "b__cam"


def test_names_of_a_silent_gateway_stay_for_ever() -> None:
    table = named(seen_from(record("a", "b c"), record("b", "", CAM), record("c", "", CAM))).table
    for _ in range(3 * RESERVED_REFRESHES):
        table = named(seen_from(record("a", "-b c"), record("b", "", CAM), record("c", "", CAM)), table).table
    assert shown(table) == {"b/cam": "cam", "c/cam": "c__cam"}


def with_cam_at(*letters: str) -> NameTable:
    return named(seen_from(record("a", "b c"), *(record(one, "", CAM) for one in letters))).table


def test_a_retracted_name_stays_reserved_for_six_periodic_refreshes() -> None:
    table = with_cam_at("b")
    for _ in range(RESERVED_REFRESHES - 1):
        table = named(seen_from(record("a", "b"), record("b")), table).table
        assert table.origins["cam"] == (instance("b"), "cam")
        assert shown(table) == {}
    table = named(seen_from(record("a", "b"), record("b")), table).table
    assert (table.here, table.origins, table.reserved) == ({}, {}, {})


def test_refreshes_that_are_not_periodic_let_no_reservation_age() -> None:
    table = with_cam_at("b")
    for _ in range(3 * RESERVED_REFRESHES):
        table = named(seen_from(record("a", "b"), record("b")), table, periodic=False).table
    assert table.reserved == {(instance("b"), "cam"): RESERVED_REFRESHES}


def test_a_reserved_name_goes_to_nobody_else() -> None:
    table = named(seen_from(record("a", "b c"), record("b"), record("c", "", CAM)), with_cam_at("b")).table
    assert shown(table) == {"c/cam": "c__cam"}


def test_an_app_that_comes_back_in_time_gets_its_name_back() -> None:
    away = named(seen_from(record("a", "b c"), record("b"), record("c", "", CAM)), with_cam_at("b")).table
    back = named(seen_from(record("a", "b c"), record("b", "", CAM), record("c", "", CAM)), away)
    assert shown(back.table) == {"b/cam": "cam", "c/cam": "c__cam"}
    assert not back.table.reserved


def test_a_retracted_name_of_our_own_is_reserved_too() -> None:
    ours = named(seen_from(record("a", "b", CAM), record("b"))).table
    away = named(seen_from(record("a", "b"), record("b", "", CAM)), ours)
    assert shown(away.table) == {"b/cam": "b__cam"}
    back = named(seen_from(record("a", "b", CAM), record("b", "", CAM)), away.table)
    assert shown(back.table) == {"a/cam": "cam", "b/cam": "b__cam"}
    assert back.displaced == ()


def test_an_own_app_that_is_really_new_displaces_a_remote_one() -> None:
    naming = named(seen_from(record("a", "b", CAM), record("b", "", CAM)), with_cam_at("b"))
    assert naming.displaced == ("cam",)
    assert shown(naming.table) == {"a/cam": "cam", "b/cam": "b__cam"}
    assert named(seen_from(record("a", "b", CAM), record("b", "", CAM)), naming.table).displaced == ()


def test_a_new_own_app_takes_a_reserved_name_without_displacing_anybody() -> None:
    reserved = named(seen_from(record("a", "b"), record("b")), with_cam_at("b")).table
    naming = named(seen_from(record("a", "b", CAM), record("b")), reserved)
    assert (naming.displaced, shown(naming.table)) == ((), {"a/cam": "cam"})


def test_the_table_is_the_same_in_whatever_order_records_come() -> None:
    others = [record("b", "d", CAM), record("c", "", CAM), record("d", "", CAM, App("b__cam"))]
    tables = [named(seen_from(record("a", "b c", CAM), *order)).table for order in (others, others[::-1])]
    assert tables[0] == tables[1]


def test_naming_again_changes_nothing() -> None:
    topology = seen_from(record("a", "b c", CAM), record("b", "d", CAM), record("c", "", CAM), record("d", "", CAM))
    once = named(topology).table
    assert named(topology, once).table == once


@pytest.mark.parametrize(
    ("name", "own_id", "here", "expected"),
    [
        ("Camera", "cam", "cam", "Camera"),
        ("Camera", "cam", "b__cam", "b__Camera"),
        ("Camera", "cam", "cam__0123abcd", "Camera (cam__0123abcd)"),
    ],
)
def test_a_display_name_follows_its_id(name: str, own_id: str, here: str, expected: str) -> None:
    assert display_name(name, own_id, here) == expected
