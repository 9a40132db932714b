"""A container that comes back without its volume keeps the ids by which its Apps are known."""

import random

from hypothesis import given
from hypothesis import strategies as st

from entities.names import RESERVED_REFRESHES
from tests.property.examples import examples
from tests.property.world import Gateway, Peer, World, small_tree


@st.composite
def meshes(draw: st.DrawFn) -> World:
    """Gateways that all run, whose Apps have equal ids, with any links."""
    world = World(random.Random(draw(st.integers(0, 1 << 16))))
    size = draw(st.integers(2, 5))
    urls = [f"http://g{number}:8080" for number in range(size)]
    for url in urls:
        world.add(url, small_tree("cam lidar", host=url[7:9]))
    pairs = [(one, other) for one in range(size) for other in range(size) if one != other]
    for one, other in draw(st.lists(st.sampled_from(pairs), min_size=size, unique=True)):
        world.gateways[one].peers.append(Peer(f"g{other}", urls[other], draw(st.booleans())))
    world.settle(size + RESERVED_REFRESHES)
    return world


def ids_here(world: World, gateway: Gateway) -> dict[tuple[str, str], str]:
    """(URL of the owner, own id) -> id here, of everything listed."""
    return {
        (world.by_instance(owner).url, own_id): here
        for here in gateway.merged.apps
        for owner, own_id in [gateway.table.origins[here]]
        if gateway.merged.apps[here].listed
    }


@examples(100)
@given(meshes(), st.data())
def test_everybody_else_lists_its_apps_under_the_ids_they_had(world: World, data: st.DataObject) -> None:
    before = {gateway.url: ids_here(world, gateway) for gateway in world.alive()}
    lost = data.draw(st.lists(st.sampled_from(world.gateways), min_size=1, max_size=2, unique_by=id))
    for gateway in lost:
        world.replace(gateway)
    for gateway in data.draw(st.lists(st.sampled_from(world.alive()), max_size=12)):
        world.refresh(gateway, lost=0.3, periodic=False)
    world.settle(len(world.alive()) + 1, periodic=False)
    for gateway in world.alive():
        if gateway.url not in {one.url for one in lost}:
            assert ids_here(world, gateway) == before[gateway.url]


@examples(50)
@given(meshes(), st.data())
def test_who_merely_died_gets_its_ids_back_however_long_it_was_away(world: World, data: st.DataObject) -> None:
    before = {gateway.url: ids_here(world, gateway) for gateway in world.alive()}
    gone = data.draw(st.sampled_from(world.gateways))
    gone.alive = False
    world.settle(2 * RESERVED_REFRESHES)
    gone.start(world.clock + 1, world.new_id())
    world.settle(len(world.gateways) + 1)
    assert {gateway.url: ids_here(world, gateway) for gateway in world.alive()} == before
