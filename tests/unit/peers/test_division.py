"""How a fan-out is divided among peers, and what their answers come to."""

from collections.abc import Mapping, Sequence

import pytest

from entities.hops import MAX_LISTED, Hops
from entities.records import Link, LinkState, Record
from entities.routes import MAX_HOPS, Topology
from peers.division import Ask, Division, PeerPart
from peers.errors import PeerError, PeerReason
from peers.view import Gap
from tests.unit.entities.sketch import instance, letters, record, seen_from

A, B, C, D = (instance(letter) for letter in "abcd")

DIAMOND = seen_from(record("a", "b c"), record("b", "d"), record("c", "d"), record("d"))
"""From a, gateway d stands behind b and behind c."""

REFUSED = PeerError(PeerReason.CONNECTION_REFUSED, "nobody listens", elapsed_ms=4)


def division(
    wanted: str | Mapping[str, Sequence[str]], hops: Hops | None = None, topology: Topology = DIAMOND
) -> Division:
    """`bd`: those gateways, nothing in scope."""
    scopes = {instance(one): () for one in wanted} if isinstance(wanted, str) else wanted
    return Division(topology, scopes, hops or Hops())


def part(answered: str = "", *items: str, missing: Sequence[Gap] = (), strangers: int = 0) -> PeerPart:
    """`items`: `b1` is item 1 of b."""
    found = tuple((instance(item[0]), {"id": item}) for item in items)
    return PeerPart(found, frozenset(map(instance, answered)), tuple(missing), strangers)


def shape(asks: Sequence[Ask]) -> list[tuple[str, str]]:
    """(peer, whom it is to answer for)."""
    return [(ask.peer, letters(ask.origins)) for ask in asks]


def ids(found: Division) -> list[str]:
    return [item["id"] for _, item in found.result().items]


def test_everybody_is_asked_once_behind_the_first_hop_of_its_way() -> None:
    asks = division("bcd").next_asks()
    assert shape(asks) == [("b", "bd"), ("c", "c")]
    assert asks[0].hops == Hops(via=(A,), to=B, origins=(B, D))


def test_what_came_with_the_request_goes_on() -> None:
    (ask,) = division("d", Hops(via=(instance("x"),), tried=(B,), deadline_ms=70)).next_asks()
    assert (ask.peer, ask.hops.via, ask.hops.tried, ask.hops.deadline_ms) == ("c", (instance("x"), A), (B,), 70)


def test_whole_answers_make_a_whole_result() -> None:
    found = division("bcd")
    asks = found.next_asks()
    found.settle(list(zip(asks, (part("bd", "b1", "d1"), part("c", "c1")), strict=True)))
    assert found.next_asks() == []
    assert ids(found) == ["b1", "d1", "c1"]
    assert (letters(found.result().answered), found.result().gaps) == ("bdc", ())


def test_what_a_peer_could_not_reach_is_asked_over_another_way_that_leaves_out_what_was_tried() -> None:
    found = division("bd")
    asks = found.next_asks()
    lost = Gap("", "connection_refused", D, elapsed_ms=3, tried=(instance("y"), B))
    found.settle([(asks[0], part("b", "b1", missing=[lost]))])
    (again,) = found.next_asks()
    assert (again.peer, letters(again.origins), letters(again.hops.tried)) == ("c", "d", "yb")
    found.settle([(again, part("d", "d1"))])
    assert found.next_asks() == []
    assert (ids(found), found.result().gaps) == (["b1", "d1"], ())


def test_a_gap_keeps_the_last_reason_and_everybody_who_was_tried() -> None:
    found = division("d")
    for error in (REFUSED, PeerError(PeerReason.AUTH, "no", 7, 401)):
        (ask,) = found.next_asks()
        found.settle([(ask, error)])
    assert found.next_asks() == []
    (gap,) = found.result().gaps
    assert (gap.label, gap.instance, gap.reason, gap.status, gap.elapsed_ms) == ("b/d", D, "auth", 401, 7)
    assert letters(gap.tried) == "ca"  # b is only behind a broken link of ours: others may still go by it


@pytest.mark.parametrize(("status", "asks_on"), [(500, False), (404, False), (421, True), (508, True), (None, True)])
def test_a_gateway_that_answered_badly_itself_is_not_asked_over_another_way(status: int | None, asks_on: bool) -> None:
    topology = seen_from(record("a", "b c"), record("b"), record("c", "b"))
    found = division("b", topology=topology)
    (ask,) = found.next_asks()
    found.settle([(ask, PeerError(PeerReason.HTTP_REQUEST_ERROR, "", 0, status))])
    assert [one.peer for one in found.next_asks()] == (["c"] if asks_on else [])


def test_an_origin_that_an_answer_does_not_mention_is_missing() -> None:
    found = division("b")
    (ask,) = found.next_asks()
    found.settle([(ask, part("", "b1"))])
    assert found.next_asks() == []
    assert (ids(found), [(gap.label, gap.reason) for gap in found.result().gaps]) == ([], [("b", "invalid_json")])


def test_an_origin_both_answered_and_missing_is_missing() -> None:
    found = division("b")
    (ask,) = found.next_asks()
    found.settle([(ask, part("b", "b1", missing=[Gap("", "auth", B)]))])
    assert found.next_asks() == []
    assert (ids(found), [gap.reason for gap in found.result().gaps]) == ([], ["auth"])


def test_a_label_from_a_peer_is_not_believed() -> None:
    found = division("b")
    (ask,) = found.next_asks()
    found.settle([(ask, part(missing=[Gap("local", "auth", B)]))])
    found.next_asks()
    assert [gap.label for gap in found.result().gaps] == ["b"]


def test_items_of_origins_that_were_not_asked_for_name_the_peer_that_sent_them() -> None:
    found = division("b")
    (ask,) = found.next_asks()
    found.settle([(ask, part("b", "b1", strangers=2))])
    assert found.next_asks() == []
    assert (ids(found), [(gap.label, gap.reason) for gap in found.result().gaps]) == (["b1"], [("b", "invalid_json")])


def test_items_of_a_peer_that_failed_in_the_end_are_not_shown_twice_when_another_way_brings_them() -> None:
    found = division("d")
    (ask,) = found.next_asks()
    found.settle([(ask, part("", "d1", "d2"))])
    (again,) = found.next_asks()
    found.settle([(again, part("d", "d1"))])
    assert ids(found) == ["d1"]


@pytest.mark.parametrize(
    ("links", "reason"), [("b", "no_route"), ("-b", "destination_unavailable")], ids=["live", "silent"]
)
def test_a_gateway_without_any_way_is_named_with_what_is_known_of_it(links: str, reason: str) -> None:
    found = division("b", Hops(via=(instance("x"),) * MAX_HOPS), seen_from(record("a", links), record("b")))
    assert found.next_asks() == []
    (gap,) = found.result().gaps
    assert (gap.label, gap.reason, letters(gap.tried)) == ("b", reason, "a")


def test_all_who_are_still_wanted_at_the_deadline_are_gaps() -> None:
    found = division("bcd")
    asks = found.next_asks()
    found.settle([(asks[0], REFUSED), (asks[1], part("c", "c1"))])
    found.out_of_time(2000)
    gaps = {gap.label: (gap.reason, gap.elapsed_ms) for gap in found.result().gaps}
    assert gaps == {"b": ("connection_refused", 2000), "b/d": ("connection_refused", 2000)}
    assert found.next_asks() == []
    early = division("b")
    early.out_of_time(1)
    assert [(gap.reason, gap.is_timeout) for gap in early.result().gaps] == [("http_response_timeout", True)]


def test_more_origins_than_a_header_may_list_are_asked_in_several_requests() -> None:
    many = [f"g{number:021d}" for number in range(MAX_LISTED)]
    links = tuple(Link(f"p{number}", "0" * 8, LinkState.UP, gateway) for number, gateway in enumerate(many))
    topology = seen_from(record("a", "b"), Record(B, (1, 0), "b", links))
    asks = Division(topology, dict.fromkeys((B, *many), ()), Hops()).next_asks()
    assert [(ask.peer, len(ask.origins)) for ask in asks] == [("b", MAX_LISTED), ("b", 1)]
    assert {origin for ask in asks for origin in ask.origins} == {B, *many}


def scope(first: int, count: int) -> tuple[str, ...]:
    return tuple(f"c{number}" for number in range(first, first + count))


def test_scopes_that_overlap_share_a_request_and_those_that_do_not_fit_are_split() -> None:
    asks = division({B: scope(0, 60), D: scope(20, 60)}).next_asks()
    assert [(letters(ask.origins), len(ask.hops.scope)) for ask in asks] == [("bd", 80)]
    asks = division({B: scope(0, 60), D: scope(60, 60)}).next_asks()
    assert [(letters(ask.origins), len(ask.hops.scope)) for ask in asks] == [("b", 60), ("d", 60)]
    asks = division({B: scope(0, 2 * MAX_LISTED + 1)}).next_asks()
    assert [(letters(ask.origins), len(ask.hops.scope)) for ask in asks] == [("b", 100), ("b", 100), ("b", 1)]


@pytest.mark.parametrize("failed", [0, 1])
def test_an_origin_asked_in_pieces_has_answered_only_if_every_piece_did(failed: int) -> None:
    found = division({D: scope(0, MAX_LISTED + 1)})
    asks = found.next_asks()
    outcomes: list[PeerPart | PeerError] = [part("d", "d1"), part("d", "d2")]
    outcomes[failed] = REFUSED
    found.settle(list(zip(asks, outcomes, strict=True)))
    assert ids(found) == []
    asks = found.next_asks()
    assert [ask.peer for ask in asks] == ["c", "c"]
    found.settle(list(zip(asks, (part("d", "d1"), part("d", "d2")), strict=True)))
    assert (ids(found), found.result().gaps) == (["d1", "d2"], ())


def test_an_answer_settled_twice_counts_once() -> None:
    found = division("b")
    (ask,) = found.next_asks()
    found.settle([(ask, part("b", "b1"))])
    found.settle([(ask, REFUSED)])
    assert found.next_asks() == []
    assert (ids(found), found.result().gaps) == (["b1"], ())


def test_what_several_answers_tell_beside_their_items_is_told_once() -> None:
    """A scope that needs several requests, each answered with a stranger's item and without the same peer behind."""
    found = division({B: [f"c{number}" for number in range(3 * MAX_LISTED)]})
    asks = found.next_asks()
    assert len(asks) == 3
    behind = (Gap("", PeerReason.DESTINATION_UNAVAILABLE.value, B, behind="x"),)
    parts = [PeerPart((), frozenset({B}), (), strangers=1, behind=behind) for _ in asks]
    found.settle(list(zip(asks, parts, strict=True)))
    told = [(gap.label, gap.behind, gap.reason) for gap in found.result().gaps]
    assert told == [("b", None, "invalid_json"), ("b/x", "x", "destination_unavailable")]
