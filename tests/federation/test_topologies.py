"""Federations of every shape: each entity once, still while nothing happens, no silence unnamed, whole again."""

import asyncio
from collections.abc import Iterable
from functools import partial
from itertools import pairwise

import pytest

from tests.federation.eventually import POLL_S
from tests.federation.gateways import Cluster, eventually
from tests.federation.plant import FAN_OUTS, SETTLE_S, Plant, Witness, assert_gaps, manifest, requests_for
from tests.federation.shapes import DIAMOND, Shape, chain, mesh, ring, star
from tests.federation.standin_tree import new_instance_id

SHAPES = (chain(4), star(10), ring(4), DIAMOND, mesh(5))
REFRESHES = 20


@pytest.mark.parametrize("shape", SHAPES, ids=str)
async def test_a_federation_is_whole_and_still_and_names_whoever_falls_silent(cluster: Cluster, shape: Shape) -> None:
    plant = await Plant.start(cluster, shape)
    for viewer in plant.living:
        for path in FAN_OUTS:
            assert await plant.asked(viewer, path) == dict.fromkeys(shape.live(viewer.name), 1)
    before = await plant.picture()
    await plant.refreshed(REFRESHES)
    assert await plant.picture() == before
    ids = {viewer.name: (await viewer.get("/apps")).ids for viewer in plant.living}
    async with Witness(plant).watching() as witness:
        for name in shape.kinds:
            await plant.kill(name)
            await plant.settled()
            await plant.revive(name)
            await plant.settled()
    assert witness.answers
    assert {viewer.name: (await viewer.get("/apps")).ids for viewer in plant.living} == ids


async def test_two_halves_of_a_parted_federation_serve_on_name_each_other_and_are_whole_again(cluster: Cluster) -> None:
    west, east = cluster.add("west", manifest=manifest("west")), cluster.add("east", manifest=manifest("east"))
    farm, port = cluster.add("farm", manifest=manifest("farm")), cluster.add("port", manifest=manifest("port"))
    bridge = [await cluster.link(west), await cluster.link(east)]
    farm.add_peer("west", west)
    west.add_peer("farm", farm)
    west.add_peer("east", bridge[1])
    east.add_peer("west", bridge[0])
    east.add_peer("port", port)
    port.add_peer("east", east)
    await cluster.start_all()
    everybody = ("west", "east", "farm", "port")
    gaps = {"west": {"east", "east/port"}, "farm": {"west/east", "west/east/port"}}
    gaps |= {"east": {"west", "west/farm"}, "port": {"east/west", "east/west/farm"}}
    plants = {viewer: cluster.gateways[viewer] for viewer in everybody}

    async def shows(viewer: str, names: Iterable[str], missing: Iterable[str]) -> bool:
        for path, ids in (("/components", [f"{name}_unit" for name in names]), ("/functions", ["production"])):
            answer = await plants[viewer].get(path)
            assert_gaps(answer, [*missing])
            assert sorted(answer.ids) == sorted(ids)
        return True

    for viewer in everybody:
        await eventually(partial(shows, viewer, everybody, ()), SETTLE_S)
    before = {viewer: (await plants[viewer].get("/apps")).ids for viewer in everybody}
    for link in bridge:
        await link.cut()
    for viewer in everybody:
        half = ("west", "farm") if viewer in {"west", "farm"} else ("east", "port")
        await eventually(partial(shows, viewer, half, gaps[viewer]), SETTLE_S)
    for link in bridge:
        await link.heal()
    for viewer in everybody:
        await eventually(partial(shows, viewer, everybody, ()), SETTLE_S)
    assert {viewer: (await plants[viewer].get("/apps")).ids for viewer in everybody} == before


async def test_what_an_owner_behind_a_ring_deletes_is_gone_everywhere_and_stays_gone(cluster: Cluster) -> None:
    spec = {"name": "arm", "components": [{"id": "arm"}, {"id": "old_tool"}]}
    owner = await cluster.owner(spec)
    names = ("g0", "g1", "g2")
    gateways = [cluster.add(name, log_level="debug") for name in names]
    for gateway, peer in zip(gateways, [*gateways[1:], gateways[0]], strict=True):
        gateway.add_peer(peer.name, peer)
    gateways[0].add_peer("arm", owner)
    await cluster.start_all()

    async def list_only(*ids: str) -> bool:
        for gateway in gateways:
            answer = await gateway.get("/components")
            assert_gaps(answer)
            assert answer.ids == [*ids]
        return True

    await eventually(partial(list_only, "arm", "old_tool"), SETTLE_S)
    await owner.change_tree(components=[{"id": "arm"}])
    await eventually(partial(list_only, "arm"), SETTLE_S)
    reads = [requests_for(gateway, "/x-medkit-tree") for gateway in gateways]

    async def still_gone() -> bool:
        await list_only("arm")
        return all(requests_for(each, "/x-medkit-tree") >= had + 5 for each, had in zip(gateways, reads, strict=True))

    while not await still_gone():
        await asyncio.sleep(POLL_S)


async def test_what_is_more_than_sixteen_links_away_is_left_out(cluster: Cluster) -> None:
    ids = [new_instance_id() for _ in range(20)]
    records = [
        {
            "id": instance,
            "version": [1, 1],
            "name": f"far{number}",
            "links": [{"peer": f"far{number + 1}", "at": "0" * 8, "instance": after, "state": "up"}],
            "components": [{"id": f"unit{number}"}],
        }
        for number, (instance, after) in enumerate(pairwise(ids))
    ]
    first, *others = records
    own = {key: first[key] for key in ("links", "components")}
    owner = await cluster.owner({"instance_id": first["id"], **own, "others": others})
    gateway = cluster.add("near", peers=[("far0", owner)])
    await gateway.start()

    async def lists_sixteen() -> bool:
        assert (await gateway.get("/components")).ids == [f"unit{number}" for number in range(16)]
        return True

    await eventually(lists_sixteen)
