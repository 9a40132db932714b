"""Whatever a discovered peer tells, nobody is misled about those it has from its own or trusted sources."""

import random

from hypothesis import given
from hypothesis import strategies as st

from entities.codec import MAX_VERSION
from entities.model import App
from entities.records import Link, LinkState, Record, TreeDocument, url_digest
from tests.property.examples import examples
from tests.property.world import Gateway, Peer, World, small_tree

FORGER = "http://forger:8080"
LIE = App("lie")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A settled world of trusted links in which some gateways then discover a forger."""
    world = World(random.Random(draw(st.integers(0, 1 << 16))))
    size = draw(st.integers(2, 5))
    urls = [f"http://g{number}:8080" for number in range(size)]
    for url in urls:
        world.add(url, small_tree("cam", host=url[7:9]))
    pairs = [(one, other) for one in range(size) for other in range(size) if one != other]
    for one, other in draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True)):
        world.gateways[one].peers.append(Peer(f"g{other}", urls[other]))
    world.settle(size + 1)
    world.forged[FORGER] = draw(forgeries(world))
    for gateway in draw(st.lists(st.sampled_from(world.gateways), min_size=1, unique_by=id)):
        gateway.peers.append(Peer("forger", FORGER, trusted=False))
    return world


@st.composite
def forgeries(draw: st.DrawFn, world: World) -> TreeDocument:
    """Records of anybody, in any version, with links to anybody; it may claim to be anybody."""
    strangers = [world.new_id() for _ in range(2)]
    everybody = [*(gateway.instance for gateway in world.gateways), *strangers]
    claimed = draw(st.sampled_from(everybody))
    others = draw(st.lists(st.sampled_from(everybody), max_size=5, unique=True))
    versions = st.tuples(st.sampled_from([0, world.clock + 9, MAX_VERSION - 1]), st.sampled_from([0, MAX_VERSION - 1]))
    targets = st.lists(st.sampled_from(everybody), max_size=3, unique=True)
    records = tuple(
        Record(instance, draw(versions), "forged", links_to(draw(targets)), apps=(LIE,))
        for instance in dict.fromkeys([claimed, *others])
    )
    return TreeDocument(1, claimed, world.new_id(), draw(st.integers(1, 9)), records)


def links_to(targets: list[str]) -> tuple[Link, ...]:
    return tuple(
        Link(f"p{number}", url_digest(f"http://g{number}:8080"), LinkState.UP, target)
        for number, target in enumerate(targets)
    )


@examples(100)
@given(worlds(), st.booleans())
def test_everybody_knows_its_own_peers_and_whom_its_trusted_sources_alone_know(world: World, changes: bool) -> None:
    before = {gateway.url: dict(gateway.table.here) for gateway in world.alive()}
    if changes:
        for gateway in world.gateways:
            gateway.tree = small_tree("cam lidar", host=gateway.name[7:9])
    world.settle(2 * len(world.gateways) + 2, periodic=False)
    for gateway in world.alive():
        told_lies = {one.url for one in world.gateways if misled(world, one)}
        for honest in known_for_sure(world, gateway, told_lies):
            assert gateway.topology.records[honest.instance].apps == honest.tree.apps
            assert gateway.topology.records[honest.instance].name == honest.name
        for origin, name in before[gateway.url].items():
            assert gateway.table.here[origin] == name


def misled(world: World, gateway: Gateway) -> bool:
    """Whether it reads the forger, or somebody who does: it passes on what is told of those it does not know."""
    readers = {one.url for one in world.gateways if any(peer.url == FORGER for peer in one.peers)}
    return any(world.by_instance(one).url in readers for one in world.reachable(gateway))


def known_for_sure(world: World, gateway: Gateway, told_lies: set[str]) -> list[Gateway]:
    """Itself, its own peers; and everybody, if it alone discovered the forger or nobody it reads did."""
    near = [gateway, *world.neighbours(gateway)]
    sources = {world.by_instance(one).url for one in world.reachable(gateway)} - {gateway.url}
    if sources & told_lies:
        return near
    return [world.by_instance(one) for one in world.reachable(gateway)]


@examples(50)
@given(worlds())
def test_nobody_leaves_its_own_range_of_versions(world: World) -> None:
    world.settle(4)
    for gateway in world.alive():
        own = gateway.topology.records[gateway.instance]
        assert max(own.version) < MAX_VERSION
        assert own.apps == gateway.tree.apps
