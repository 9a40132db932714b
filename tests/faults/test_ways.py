"""Faults 40, 43, 46 and 47: more than one way, a way too long, every way there is, and none for a while."""

from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from entities.routes import MAX_HOPS
from tests.federation.gateways import Cluster, Gateway, Owner, eventually
from tests.federation.plant import FAN_OUTS, SETTLE_S, Plant, assert_gaps, manifest
from tests.federation.shapes import DIAMOND, mesh
from tests.federation.standin_tree import new_instance_id

HEALED_S = 60.0
"""Two seconds are promised; a busy machine is much slower."""


@pytest.mark.parametrize("side", ["left", "right"])
async def test_fault_040_in_a_diamond_nothing_is_twice_and_the_other_way_takes_over(
    cluster: Cluster, side: str
) -> None:
    plant = await Plant.start(cluster, DIAMOND)
    top = plant.gateways["top"]
    for path in FAN_OUTS:
        assert await plant.asked(top, path) == dict.fromkeys(DIAMOND.gateways, 1)
    apps = (await top.get("/apps")).ids
    await plant.kill(side)
    for _ in range(50):
        value = await top.get("/apps/bottom_app/data/whose")
        assert (value.status, value.json.get("data")) == (200, "bottom"), value.body
        production = await top.get("/functions/production/data")
        assert "bottom_app" in [member for item in production.items for member in item["x-medkit"]["member_ids"]]
    await plant.settled()
    await plant.revive(side)
    await plant.settled()
    assert (await top.get("/apps")).ids == apps


def far_gateways(count: int) -> dict[str, Any]:
    """The spec of an owner that is the first of so many gateways in a row, and passes on the records of the others."""
    ids = [new_instance_id() for _ in range(count + 1)]
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
    records[-1]["links"] = []
    first, *others = records
    own = {key: first[key] for key in ("links", "components")}
    return {"name": "far0", "instance_id": first["id"], **own, "others": others}


async def near(cluster: Cluster, count: int) -> tuple[Gateway, Owner]:
    """A gateway whose peer is the first of so many in a row."""
    owner = await cluster.owner(far_gateways(count))
    gateway = cluster.add("near", peers=[("far0", owner)])
    await gateway.start()

    async def lists_all_it_may() -> bool:
        assert (await gateway.get("/components")).ids == [f"unit{number}" for number in range(min(count, MAX_HOPS))]
        return True

    await eventually(lists_all_it_may)
    return gateway, owner


async def codes(gateway: Gateway) -> list[str]:
    return [warning["code"] for warning in (await gateway.get("/health")).json["warnings"]]


async def test_fault_043_what_is_more_than_sixteen_links_away_is_left_out_with_a_warning(cluster: Cluster) -> None:
    """The far ones are records; a process for each would show no more of the gateway that reads them."""
    gateway, _ = await near(cluster, count=MAX_HOPS + 4)
    (warning,) = (await gateway.get("/health")).json["warnings"]
    first_left_out = "/".join(f"far{number}" for number in range(MAX_HOPS + 1))
    assert (warning["code"], warning["peer_names"]) == ("gateway_too_far", [first_left_out])
    assert (await gateway.get(f"/components/unit{MAX_HOPS}")).status == 404


async def test_fault_043_what_is_sixteen_links_away_is_there_without_a_warning(cluster: Cluster) -> None:
    gateway, owner = await near(cluster, count=MAX_HOPS)
    assert await codes(gateway) == []
    await owner.forget()
    assert (await gateway.get(f"/components/unit{MAX_HOPS - 1}")).status == 200
    (request,) = await owner.requests()
    assert request["path"] == f"/api/v1/components/unit{MAX_HOPS - 1}"


async def test_fault_043_a_request_that_passed_more_than_sixteen_gateways_is_508(cluster: Cluster) -> None:
    """This gateway, which would be one more, included."""
    gateway, owner = await near(cluster, count=1)
    passed = [new_instance_id() for _ in range(MAX_HOPS)]
    await owner.forget()
    assert (await gateway.get("/components/unit0", headers={"X-Medkit-Via": ",".join(passed)})).status == 508
    assert await owner.requests() == []
    assert (await gateway.get("/components/unit0", headers={"X-Medkit-Via": ",".join(passed[1:])})).status == 200


async def test_fault_043_every_gateway_on_the_way_leaves_the_next_fifty_milliseconds_less(cluster: Cluster) -> None:
    owner = await cluster.owner({"name": "arm", "apps": [{"id": "drive"}]})
    gateways = [cluster.add(name) for name in ("g0", "g1", "g2")]
    for gateway, url in zip(gateways, [*(each.url for each in gateways[1:]), owner.url], strict=True):
        gateway.add_peer("next", url)
    await cluster.start_all()
    await gateways[0].lists("apps", "drive")
    for path in ("/apps/drive/data", "/faults"):
        await owner.forget()
        answer = await gateways[0].get(path, headers={"X-Medkit-Deadline-Ms": "9000"})
        assert answer.status == 200
        (request,) = await owner.requests()
        assert 0 < int(request["headers"]["X-Medkit-Deadline-Ms"]) <= 9000 - 50 * len(gateways)


async def test_fault_046_in_a_full_mesh_every_gateway_is_asked_exactly_once(cluster: Cluster) -> None:
    plant = await Plant.start(cluster, mesh(5))
    for viewer in plant.living:
        for path in (*FAN_OUTS, "/version-info"):
            assert await plant.asked(viewer, path) == dict.fromkeys(plant.gateways, 1)
    await plant.kill("g2")
    await plant.settled()
    for viewer in plant.living:
        for path in FAN_OUTS:
            assert await plant.asked(viewer, path) == dict.fromkeys(plant.gateways.keys() - {"g2"}, 1)


async def test_fault_047_two_halves_of_a_parted_federation_serve_on_name_each_other_and_are_whole_again(
    cluster: Cluster,
) -> None:
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
        data = await plants[viewer].get("/functions/production/data")
        assert_gaps(data, [*missing])
        assert len(data.items) == len([*names])
        return True

    for viewer in everybody:
        await eventually(partial(shows, viewer, everybody, ()), SETTLE_S)
    before = {viewer: (await plants[viewer].get("/apps")).ids for viewer in everybody}
    for link in bridge:
        await link.cut()
    for viewer in everybody:
        half = ("west", "farm") if viewer in {"west", "farm"} else ("east", "port")
        await eventually(partial(shows, viewer, half, gaps[viewer]), SETTLE_S)
        for name in half:
            assert (await plants[viewer].get(f"/apps/{name}_app/data/whose")).json["data"] == name
    for link in bridge:
        await link.heal()
    for viewer in everybody:
        await eventually(partial(shows, viewer, everybody, ()), HEALED_S)
    assert {viewer: (await plants[viewer].get("/apps")).ids for viewer in everybody} == before
