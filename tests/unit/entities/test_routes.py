"""Ways over links: known and live, the order of ways, the longest one, what is left out."""

import msgspec
import pytest

from entities.records import Link, LinkState, Record, url_digest
from entities.routes import MAX_HOPS, FirstHop, Gone, Own, Remote, Shared, Way, owner_of, survey
from tests.unit.entities.sketch import instance, letters, link, record, seen_from


def test_known_is_whoever_links_lead_to_and_live_whom_links_lead_to_that_are_up() -> None:
    topology = seen_from(record("a", "b -c"), record("b", "d -e"), record("c", "f"))
    assert letters(topology.configured) == "bcdef"
    assert letters(topology.live) == "bd"
    assert all(topology.is_known(instance(one)) for one in "abcdef")
    assert [one for one in "abcdefx" if topology.is_live(instance(one))] == ["a", "b", "d"]


def test_a_record_that_no_link_leads_to_is_forgotten() -> None:
    topology = seen_from(record("a", "b"), record("b"), record("x", "a"))
    assert letters(topology.records) == "ab"
    assert not topology.is_known(instance("x"))


def test_a_link_that_never_met_anybody_leads_nowhere_and_is_a_way_without_name() -> None:
    topology = seen_from(record("a", "b ?c"), record("b", "?d"))
    assert letters(topology.configured) == "b"
    assert topology.unidentified() == (("b", "d"), ("c",))


def test_nameless_links_of_silent_gateways_are_not_told_for_they_may_be_stale() -> None:
    assert seen_from(record("a", "-b"), record("b", "?d")).unidentified() == ()


def test_the_shortest_way_wins_and_among_equals_the_first_peer() -> None:
    topology = seen_from(record("a", "c b"), record("b", "d e"), record("c", "d f"), record("f", "e"))
    assert {target[0]: letters(way.instances) for target, way in topology.live.items()} == {
        "b": "b",
        "c": "c",
        "d": "cd",
        "e": "be",
        "f": "cf",
    }


def test_a_way_that_begins_at_a_trusted_peer_goes_before_any_shorter_one() -> None:
    topology = seen_from(record("a", "h b"), record("b", "c"), record("c", "d"), record("h", "d"), discovered="h")
    assert letters(topology.live[instance("d")].instances) == "bcd"


def test_we_are_on_no_way() -> None:
    topology = seen_from(record("a", "b"), record("b", "a"))
    assert letters(topology.configured) == "b"


def chain(length: int, first: str = "n") -> list[Record]:
    """Gateways n01, n02, ... each linked to the next."""
    numbers = [f"{first}{number:02}".ljust(22, "0") for number in range(1, length + 1)]
    links = [(Link("next", url_digest(other), LinkState.UP, other),) for other in numbers[1:]]
    return [Record(one, (1, 0), one, found) for one, found in zip(numbers, [*links, ()], strict=True)]


def test_a_way_has_at_most_sixteen_links() -> None:
    gateways = chain(MAX_HOPS + 3)
    own = Record(instance("a"), (1, 0), "a", (Link("n", url_digest("n"), LinkState.UP, gateways[0].id),))
    topology = seen_from(own, *gateways)
    assert len(topology.live) == MAX_HOPS
    assert topology.live[gateways[MAX_HOPS - 1].id].peers == ("n", *["next"] * (MAX_HOPS - 1))
    assert topology.too_far() == (("n", *["next"] * MAX_HOPS),)


def test_who_is_sixteen_links_away_is_not_too_far() -> None:
    gateways = chain(MAX_HOPS)
    own = Record(instance("a"), (1, 0), "a", (Link("n", url_digest("n"), LinkState.UP, gateways[0].id),))
    assert seen_from(own, *gateways).too_far() == ()
    round_about = msgspec.structs.replace(gateways[-1], links=(Link("a", url_digest("a"), LinkState.UP, own.id),))
    assert seen_from(own, *gateways[:-1], round_about).too_far() == ()


def test_a_far_trusted_gateway_does_not_hide_what_a_discovered_peer_reaches_through_it() -> None:
    gateways = chain(MAX_HOPS + 1)
    last_trusted, beyond = gateways[-2:]
    short = Record(instance("h"), (1, 0), "h", (Link("x", url_digest("x"), LinkState.UP, last_trusted.id),))
    hops = [
        FirstHop(Link("n", url_digest("n"), LinkState.UP, gateways[0].id)),
        FirstHop(Link("h", url_digest("h"), LinkState.UP, short.id), trusted=False),
    ]
    own = record("a")
    topology = survey(own.id, hops, {one.id: one for one in (own, short, *gateways)})
    assert topology.live[last_trusted.id].first_peer == "n"
    assert topology.live[beyond.id].peers == ("h", "x", "next")


DIAMOND = (record("a", "b c"), record("b", "d"), record("c", "d e"), record("e", "d"))


@pytest.mark.parametrize(
    ("avoid", "avoid_peers", "expected"),
    [
        ("", "", "bd"),
        ("b", "", "cd"),
        ("", "b", "cd"),
        ("b", "c", None),
        ("bc", "", None),
        ("d", "", "bd"),
        ("bd", "", "cd"),
    ],
)
def test_the_next_way_leaves_out_what_was_tried_but_never_the_target(
    avoid: str, avoid_peers: str, expected: str | None
) -> None:
    way = seen_from(*DIAMOND).way_to(
        instance("d"), avoid=frozenset(map(instance, avoid)), avoid_peers=frozenset(avoid_peers)
    )
    assert (None if way is None else letters(way.instances)) == expected


def test_two_urls_of_one_gateway_are_two_ways_to_it() -> None:
    up, down = link("b", at="one"), Link("b_2", url_digest("two"), LinkState.DOWN, instance("b"))
    own = Record(instance("a"), (1, 0), "a", (down, up))
    topology = seen_from(own, record("b"))
    assert topology.configured[instance("b")].peers == ("b_2",)
    assert topology.live[instance("b")].peers == ("b",)


def test_gateways_are_ordered_by_first_hop_then_length_then_instance() -> None:
    topology = seen_from(record("a", "c b"), record("b", "y x"), record("c", "z"), record("z", "w"))
    rank = topology.rank()
    assert letters(sorted(rank, key=lambda one: rank[one])) == "aczwbxy"


def test_users_read_a_gateway_as_the_peer_names_of_its_shortest_configured_way() -> None:
    topology = seen_from(record("a", "-b"), record("b", "c"))
    assert topology.label(instance("a")) == "local"
    assert topology.label(instance("c")) == "b/c"
    assert topology.label("whoever") == "whoever"


def test_a_way_avoids_gateways_between_and_peers_at_its_beginning() -> None:
    way = Way(("b", "c"), (instance("b"), instance("c")))
    assert way.avoids(frozenset({instance("c")}))
    assert not way.avoids(frozenset({instance("b")}))
    assert not way.avoids(frozenset(), frozenset({"b"}))
    assert way.avoids(frozenset(), frozenset({"c"}))


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        ("a", Own()),
        ("b", Remote(instance("b"))),
        ("ab", Shared((instance("a"), instance("b")))),
        ("bc", Shared((instance("b"), instance("c")))),
        ("c", Gone((instance("c"),))),
    ],
)
def test_who_answers_follows_from_the_owners_and_who_of_them_is_live(owners: str, expected: object) -> None:
    topology = seen_from(record("a", "b -c"), record("b"), record("c"))
    assert owner_of([instance(one) for one in owners], topology) == expected
