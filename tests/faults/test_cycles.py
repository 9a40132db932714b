"""Faults 37, 38 and 45: gateways that are each other's peers, directly or in a circle."""

import asyncio
from functools import partial

from tests.federation.client import Answer
from tests.federation.eventually import POLL_S
from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.plant import FAN_OUTS, SETTLE_S, Plant, assert_gaps, requests_for, requests_of
from tests.federation.shapes import mesh, ring
from tests.federation.standin_tree import new_instance_id

PAIR, TRIANGLE = mesh(2), ring(3)


async def instance_id(gateway: Gateway) -> str:
    return str((await gateway.get("/health")).json["x-medkit"]["instance_id"])


def assert_loop(answer: Answer) -> None:
    assert answer.status == 508, answer.body
    assert (answer.json["error_code"], answer.json["vendor_code"]) == ("vendor-error", "x-medkit-loop-detected")
    assert answer.medkit["reason"] == "loop_detected"


async def test_fault_037_mutual_peers_show_each_entity_once_over_a_way_of_one_link(cluster: Cluster) -> None:
    plant = await Plant.start(cluster, PAIR)
    for viewer, other in (("g0", "g1"), ("g1", "g0")):
        gateway = plant.gateways[viewer]
        for collection, entity in (
            ("components", f"{other}_unit"),
            ("apps", f"{other}_app"),
            ("apps", f"{other}__cam"),
        ):
            assert (await gateway.get(f"/{collection}")).item(entity)["source"] == f"peer:{other}"
        for path in FAN_OUTS:
            assert await plant.asked(gateway, path) == {"g0": 1, "g1": 1}
        assert await plant.asked(gateway, f"/apps/{other}_app/data/whose") == {"g0": 1, "g1": 1}
    await plant.stands_still(10)


async def test_fault_037_a_request_that_has_passed_us_before_is_508_and_goes_nowhere(cluster: Cluster) -> None:
    plant = await Plant.start(cluster, PAIR)
    first, second = plant.living
    passed = {"X-Medkit-Via": f"{new_instance_id()},{await instance_id(first)}", "X-Request-Id": "loop-1"}
    for path in ("/apps/g1_app/data/whose", "/apps/g0_app", "/faults", "/functions/production/data"):
        assert_loop(await first.get(path, headers=passed))
    assert (requests_of(first, "loop-1"), requests_of(second, "loop-1")) == (4, 0)


async def test_fault_037_a_508_of_a_peer_is_told_and_is_no_evidence_against_it(cluster: Cluster) -> None:
    """It tells of a way, not of who stands there."""
    owner = await cluster.owner({"name": "arm", "apps": [{"id": "drive"}]})
    gateway = cluster.add("near", peers=[("arm", owner)])
    await gateway.start()
    await gateway.sees("arm")
    looped = {"error_code": "vendor-error", "vendor_code": "x-medkit-loop-detected", "message": "passed here before"}
    await owner.set_faults({"path": "/api/v1/apps/drive/data", "status": 508, "body": looped})
    for _ in range(20):
        assert_loop(await gateway.get("/apps/drive/data"))
        assert (await gateway.get("/health")).json["peers"][0]["x-medkit"]["state"] == "up"
        assert_gaps(await gateway.get("/apps"))


async def test_fault_038_one_call_into_a_ring_asks_every_gateway_at_most_once(cluster: Cluster) -> None:
    plant = await Plant.start(cluster, TRIANGLE)
    everybody = dict.fromkeys(TRIANGLE.gateways, 1)
    for viewer in plant.living:
        for path in FAN_OUTS:
            assert await plant.asked(viewer, path) == everybody
        for owner, way in TRIANGLE.ways(viewer.name).items():
            passed = dict.fromkeys([viewer.name, *way.split("/")], 1)
            assert await plant.asked(viewer, f"/apps/{owner}_app/data/whose") == passed
    await plant.kill("g1")
    await plant.settled()
    for viewer in plant.living:
        for path in FAN_OUTS:
            asked = await plant.asked(viewer, path)
            assert {*asked.values()} == {1}, asked
    await plant.revive("g1")
    await plant.settled()


async def test_fault_038_a_request_that_went_round_a_ring_is_508(cluster: Cluster) -> None:
    plant = await Plant.start(cluster, TRIANGLE)
    round_about = ",".join([await instance_id(gateway) for gateway in plant.living])
    for viewer in plant.living:
        assert_loop(await viewer.get("/apps/g0_app/data", headers={"X-Medkit-Via": round_about}))


async def test_fault_045_what_an_owner_behind_a_ring_deletes_is_gone_everywhere_and_stays_gone(
    cluster: Cluster,
) -> None:
    """That it takes no more refreshes than the longest way has links is shown by tests/property."""
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
