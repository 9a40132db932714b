"""News of all gateways are one sequence, each once over whatever ways they come, and what is lost is named."""

import random
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers.fault_exchange import KEPT, MAX_ORIGINS, FaultExchange, NewsLost, SilenceChanged, first_number
from peers.fault_news import FaultNews

EVENT = {"event_type": "fault_updated"}


def instance(number: int) -> str:
    return f"{number:022d}"


def exchange(number: int = 0, silent: list[str] | None = None) -> FaultExchange:
    def label_of(origin: str) -> str:
        return f"peer{int(origin)}"

    return FaultExchange(instance(number), 100, label_of=label_of, silent=lambda: silent or [])


def news(origin: int, seq: int, epoch: int = 100) -> FaultNews:
    return FaultNews(instance(origin), epoch, seq, EVENT, "apps/pump")


def entries(one: FaultExchange) -> list[object]:
    return [entry for _, entry in one.ring.after(first_number(100) - 1, KEPT)[0]]


def test_our_own_are_numbered_and_known_again() -> None:
    ours = exchange()
    ours.publish(EVENT, "apps/pump")
    ours.publish(EVENT, "apps/pump")
    assert entries(ours) == [news(0, 1), news(0, 2)]
    ours.take(news(0, 2))
    ours.take(news(0, 3))
    assert len(entries(ours)) == 2


def test_what_comes_again_over_another_way_is_not_taken_twice() -> None:
    ours = exchange()
    for seq in (1, 1, 2, 1, 2, 3):
        ours.take(news(5, seq))
    assert entries(ours) == [news(5, 1), news(5, 2), news(5, 3)]


def test_numbers_that_are_missing_are_named() -> None:
    ours = exchange()
    for seq in (4, 5, 8):
        ours.take(news(5, seq))
    assert entries(ours) == [news(5, 4), news(5, 5), NewsLost("peer5", 2), news(5, 8)]


def test_a_gateway_that_was_started_anew_counts_anew() -> None:
    ours = exchange()
    for each in (news(5, 9), news(5, 1, epoch=101), news(5, 9), news(5, 3, epoch=101), news(6, 7)):
        ours.take(each)
    assert entries(ours) == [
        news(5, 9),
        news(5, 1, epoch=101),
        NewsLost("peer5", 1),
        news(5, 3, epoch=101),
        news(6, 7),
    ]


def test_of_too_many_origins_the_first_are_forgotten() -> None:
    ours = exchange()
    for number in range(1, MAX_ORIGINS + 2):
        ours.take(news(number, 1))
    assert len(ours._taken) == MAX_ORIGINS


def test_silence_is_told_once_when_it_begins_and_once_when_it_ends() -> None:
    silent = ["b", "a"]
    ours = exchange(silent=silent)
    ours.look_at_silence()
    ours.look_at_silence()
    silent.remove("b")
    silent.append("c")
    ours.look_at_silence()
    assert entries(ours) == [
        SilenceChanged("a", silent=True),
        SilenceChanged("b", silent=True),
        SilenceChanged("c", silent=True),
        SilenceChanged("b", silent=False),
    ]
    assert ours.silent == {"a", "c"}


@pytest.mark.parametrize("links", [[(0, 1), (1, 2), (2, 0)], [(0, 1), (0, 2), (1, 3), (2, 3)], [(0, 1), (1, 0)]])
@given(seed=st.integers(0, 10_000), told=st.lists(st.integers(0, 3), max_size=30))
def test_over_rings_and_diamonds_everybody_takes_everything_once(
    links: list[tuple[int, int]], seed: int, told: list[int]
) -> None:
    """A link (a, b): b reads a's line, in order, at its own pace."""
    rng = random.Random(seed)
    ways = [*links, *((b, a) for a, b in links)]
    gateways = {number: exchange(number) for number in range(4)}
    position: defaultdict[tuple[int, int], int] = defaultdict(lambda: first_number(100) - 1)

    def pass_on(way: tuple[int, int], most: int) -> bool:
        source, reader = way
        found, missed = gateways[source].ring.after(position[way], most)
        assert missed == 0
        for number, entry in found:
            position[way] = number
            assert isinstance(entry, FaultNews)
            gateways[reader].take(entry)
        return bool(found)

    for number in told:
        gateways[number].publish(EVENT, "apps/pump")
        for _ in range(rng.randrange(4)):
            pass_on(rng.choice(ways), rng.randrange(1, 4))
    while any(pass_on(way, 5) for way in ways):
        pass
    joined = {number for link in links for number in link}
    expected = sorted((instance(number), seq) for number in joined for seq in range(1, told.count(number) + 1))
    for number in joined:
        found = [entry for entry in entries(gateways[number]) if isinstance(entry, FaultNews)]
        assert len(found) == len(entries(gateways[number]))
        assert sorted((each.origin, each.seq) for each in found) == expected
