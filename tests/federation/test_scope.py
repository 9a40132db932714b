"""What is done to an entity reaches its members also at gateways that do not know the entity itself."""

from typing import Any

from tests.federation.gateways import Cluster, Gateway

TOP: dict[str, Any] = {
    "areas": [{"id": "plant", "name": "Plant"}, {"id": "line", "name": "Line", "parent_area": "plant"}],
}
BELOW: dict[str, Any] = {
    "areas": [{"id": "line", "name": "Line"}],
    "components": [{"id": "drive", "name": "Drive", "area": "line"}],
    "apps": [
        {
            "id": "motor",
            "name": "Motor",
            "is_located_on": "drive",
            "configurations": [{"id": "limit", "value": 4.0}],
            "faults": [{"code": "HOT", "severity": "WARN", "description": "hot", "status": "CONFIRMED"}],
        }
    ],
}


async def started(cluster: Cluster) -> tuple[Gateway, Gateway]:
    """A knows the plant and its line, B only the line and what stands there."""
    below = cluster.add("b", manifest=BELOW)
    top = cluster.add("a", manifest=TOP, peers=[("b", below)])
    await cluster.start_all()
    await top.sees("b")
    return top, below


async def test_a_fault_listed_under_an_area_is_read_and_cleared_under_it(cluster: Cluster) -> None:
    top, below = await started(cluster)
    listed = await top.get("/areas/plant/faults")
    assert [fault["fault_code"] for fault in listed.items] == ["HOT"]
    assert (await top.get("/areas/plant/faults/HOT")).status == 200
    assert (await top.request("DELETE", "/areas/plant/faults/HOT")).status == 204
    assert (await below.get("/apps/motor/faults")).items == []
    assert (await top.get("/areas/plant/faults/NONE")).status == 404


async def test_a_collection_is_reset_at_members_of_an_area_their_gateway_does_not_know(cluster: Cluster) -> None:
    top, below = await started(cluster)
    written = await below.request("PUT", "/apps/motor/configurations/limit", json={"data": 9.0})
    assert written.status == 200
    assert (await top.request("DELETE", "/areas/plant/configurations")).status == 204
    assert (await below.get("/apps/motor/configurations/limit")).json["data"] == 4.0

    assert (await top.request("DELETE", "/areas/plant/faults")).status == 204
    assert (await below.get("/apps/motor/faults")).items == []
