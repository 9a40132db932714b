"""Ten times the entities take about ten times as long, in whatever shape they come."""

import gc
import time
from collections.abc import Callable, Iterable, Sequence

import pytest

from entities.classify import classify
from entities.gather import Picture, gather_records
from entities.merge import merge
from entities.model import App, Area, Component, EntityKind, Function
from entities.names import NameTable, give_names
from entities.records import Link, LinkState, Record, TreeDocument, url_digest
from entities.routes import FirstHop, survey

GATEWAYS = 100
GENEROUS = 4
"""How much worse than linear one run may look on a busy machine. Anything quadratic is ten times worse."""


def instance(number: int) -> str:
    return f"{number:022}"


def entities_of(gateway: int, count: int, shape: str) -> Iterable[Area | Component | App | Function]:
    """`count` entities of one gateway."""
    ids = [f"g{gateway}_{number}" for number in range(count)]
    match shape:
        case "Apps that all collide":
            return [App(f"app{number}") for number in range(count)]
        case "Components that all collide":
            return [Component(f"part{number}", tags=(f"t{gateway}",)) for number in range(count)]
        case "one Component with all Apps":
            return [Component("robot"), *(App(one, component_id="robot") for one in ids[1:])]
        case "one deep hierarchy":
            above = [*ids[1:], f"g{gateway + 1}_0"]
            return [Component(one, parent_component_id=parent) for one, parent in zip(ids, above, strict=True)]
        case "one cycle":
            around = [*ids[1:], ids[0]]
            return [Area(one, parent_area_id=parent) for one, parent in zip(ids, around, strict=True)]
        case _:
            return [Component("robot"), *(Function(one, hosts=("robot",)) for one in ids[1:])]


SHAPES = [
    "Apps that all collide",
    "Components that all collide",
    "one Component with all Apps",
    "one deep hierarchy",
    "one cycle",
    "Functions with one host of many owners",
]


def record_of(gateway: str, entities: Sequence[Area | Component | App | Function]) -> Record:
    return Record(
        gateway,
        (1, 0),
        "",
        areas=tuple(one for one in entities if isinstance(one, Area)),
        components=tuple(one for one in entities if isinstance(one, Component)),
        apps=tuple(one for one in entities if isinstance(one, App)),
        functions=tuple(one for one in entities if isinstance(one, Function)),
    )


def refresh_of(count: int, shape: str) -> Callable[[], int]:
    """One refresh of a gateway with a hundred peers that own `count` entities together; tells what it shows."""
    records = [
        record_of(instance(number), list(entities_of(number, count // GATEWAYS, shape)))
        for number in range(1, GATEWAYS + 1)
    ]
    links = [Link(f"p{one.id}", url_digest(one.id), LinkState.UP, one.id) for one in records]
    own = Record(instance(0), (1, 0), "", tuple(links), apps=(App("app0"),))
    pictures = [Picture(f"p{one.id}", TreeDocument(1, one.id, instance(0), 1, (one,))) for one in records]

    def refresh() -> int:
        topology = survey(own.id, [FirstHop(link) for link in links], gather_records(own, pictures))
        first = give_names(topology, lambda _peer, _instance, own_id: own_id, NameTable(), periodic=True).table
        table = give_names(topology, lambda _peer, _instance, own_id: own_id, first, periodic=True).table
        tree = merge(topology, table)
        classify(tree)
        return sum(len(one.contributions) for kind in EntityKind for one in tree.of(kind).values())

    return refresh


def seconds(refresh: Callable[[], int], *, tries: int) -> float:
    """Of this thread's work, the best of several tries; the collector, which comes when it likes, waits."""
    taken = []
    for _ in range(tries):
        gc.collect()
        gc.disable()
        try:
            start = time.thread_time()
            refresh()
            taken.append(time.thread_time() - start)
        finally:
            gc.enable()
    return min(taken)


@pytest.mark.parametrize(("shape", "count"), [(SHAPES[0], 10_000), *((shape, 2_000) for shape in SHAPES[1:])])
def test_a_refresh_is_linear_in_the_entities(shape: str, count: int) -> None:
    small, large = refresh_of(count, shape), refresh_of(10 * count, shape)
    assert (small(), large()) == (count + 1, 10 * count + 1)
    assert seconds(large, tries=2) < 10 * GENEROUS * seconds(small, tries=3)
