"""Promises 37 to 39, 52 and trap T1: collections ask live, and say who did not answer. B is a stand-in owner."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from tests.federation import robots
from tests.federation.eventually import eventually
from tests.federation.gateway import FAST
from tests.federation.gateways import Cluster, GatewayProcess, Owner
from tests.federation.tutorial import QUIET, STEP_2, Tutorial

in_shared_loop = pytest.mark.asyncio(loop_scope="module")

COLLECTIONS = ("data", "operations", "faults", "configurations", "logs")
ROBOT = "components/robot"

SPEC: Mapping[str, Any] = {
    "name": "gateway_b",
    "areas": [{"id": "root"}],
    "components": [{"id": "robot", "area": "root"}, {"id": "arm_controller", "area": "root"}],
    "apps": [{"id": "gripper", "component_id": "arm_controller"}],
    "functions": [{"id": "navigation", "hosts": ["gripper"]}],
}


def resources(item: str) -> dict[str, dict[str, list[str]]]:
    """The stand-in's `robot` has this one item in every collection."""
    return {ROBOT: {collection: [item] for collection in COLLECTIONS}}


async def add_pair(cluster: Cluster, settings: Mapping[str, Any]) -> tuple[GatewayProcess, Owner]:
    """A whose peer is a stand-in, not started yet."""
    owner = await cluster.owner({**SPEC, "resources": resources("first")})
    tutorial = Tutorial(cluster)
    tutorial.point("gateway_b", owner.port)
    return tutorial.add("gateway_a", STEP_2["gateway_a"], manifest=robots.A, settings=settings), owner


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(shared_cluster: Cluster) -> tuple[GatewayProcess, Owner]:
    a, owner = await add_pair(shared_cluster, QUIET)
    await a.start()
    await a.sees("subsystem_b")
    return a, owner


@pytest_asyncio.fixture(loop_scope="module")
async def pair(started: tuple[GatewayProcess, Owner]) -> tuple[GatewayProcess, Owner]:
    """A, which does nothing of itself, and the stand-in, which was asked nothing yet."""
    a, owner = started
    await owner.set_faults()
    await owner.change_tree(resources=resources("first"))
    await owner.forget()
    return a, owner


def names(items: list[dict[str, Any]]) -> set[str]:
    """What the owner calls them: a configuration's id says here whose it is."""
    return {item.get("fault_code") or item.get("name") or item["id"] for item in items}


@in_shared_loop
@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_promise_37_a_collection_asks_the_peer_live(pair: tuple[GatewayProcess, Owner], collection: str) -> None:
    a, owner = pair
    assert "first" in names((await a.get(f"/{ROBOT}/{collection}")).items)
    await owner.change_tree(resources=resources("second"))
    answer = await a.get(f"/{ROBOT}/{collection}")
    assert "second" in names(answer.items)
    assert "first" not in names(answer.items)
    assert "partial" not in answer.medkit
    assert [request["path"] for request in await owner.requests()] == [f"/api/v1/{ROBOT}/{collection}"] * 2


async def test_promise_37_a_value_changed_at_b_is_read_at_a_at_once(cluster: Cluster) -> None:
    a, b = Tutorial(cluster).add_all(STEP_2, robots.PAIR, settings=QUIET)
    await cluster.start_all([b, a])
    await a.sees("subsystem_b")
    for value in (0.75, 0.5):
        written = await b.request("PUT", "/components/robot/data/torque", json={"value": value})
        assert written.status == 200
        assert (await a.get("/components/robot/data/torque")).json["data"] == value
        written = await b.request("PUT", "/apps/gripper/configurations/max_force", json={"data": value})
        assert written.status == 200
        parameters = (await a.get("/areas/root/configurations")).medkit["parameters"]
        assert value in [parameter["value"] for parameter in parameters if parameter["name"] == "max_force"]
    assert (await b.request("DELETE", "/apps/gripper/faults/GRIPPER_HOT")).status == 204
    assert [fault["fault_code"] for fault in (await a.get("/areas/root/faults")).items] == ["PATH_BLOCKED"]


FAILURES: Mapping[str, Mapping[str, Any]] = {
    "server_error": {"status": 500, "body": {"error_code": "internal-error", "message": "no"}},
    "not_found": {"status": 404, "body": {"error_code": "entity-not-found", "message": "no"}},
    "not_a_list": {"status": 200, "body": {"no": "items"}},
    "unreachable": {"reset": True},
    "silent": {"hang": True},
}


@in_shared_loop
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("path", [f"/{ROBOT}/data", "/faults"])
async def test_promise_38_a_failed_request_to_the_peer_makes_the_answer_partial(
    pair: tuple[GatewayProcess, Owner], path: str, failure: str
) -> None:
    a, owner = pair
    await owner.set_faults({"path": f"/api/v1{path}", **FAILURES[failure]})
    answer = await a.get(path)
    assert answer.status == 200
    assert answer.json["x-medkit"]["partial"] is True
    (error,) = answer.medkit["peer_errors"]
    assert error["peer"] == "subsystem_b"
    assert error.get("status") == FAILURES[failure].get("status")
    assert "first" not in names(answer.items)


@in_shared_loop
async def test_promise_38_only_the_collection_that_failed_is_partial(pair: tuple[GatewayProcess, Owner]) -> None:
    a, owner = pair
    await owner.set_faults({"path": f"/api/v1/{ROBOT}/data", "status": 500})
    assert (await a.get(f"/{ROBOT}/data")).medkit["partial"] is True
    assert "partial" not in (await a.get(f"/{ROBOT}/logs")).json.get("x-medkit", {})
    assert "partial" not in (await a.get("/apps/planner/data")).medkit


@in_shared_loop
async def test_promise_38_the_own_part_of_a_partial_answer_is_there(pair: tuple[GatewayProcess, Owner]) -> None:
    a, owner = pair
    await owner.set_faults({"path": "*", "status": 500})
    assert names((await a.get("/faults")).items) == {"PATH_BLOCKED"}
    assert {"frame_rate", "load"} <= names((await a.get(f"/{ROBOT}/data")).items)


async def test_promise_39_failed_peers_names_all_that_failed_and_nobody_else(cluster: Cluster) -> None:
    owners = {name: await cluster.owner({**SPEC, "name": name}) for name in ("left", "middle", "right")}
    top = cluster.add("top", manifest=robots.A, peers=owners.items())
    await top.start()
    await top.sees(*owners)
    for failing in ([], ["right"], ["left", "right"], ["left", "middle", "right"], ["middle"]):
        for name, owner in owners.items():
            await owner.set_faults(*[{"path": f"/api/v1/{ROBOT}/logs", "status": 500}] * (name in failing))
        medkit = (await top.get(f"/{ROBOT}/logs")).medkit
        assert medkit.get("failed_peers", []) == failing
        assert medkit.get("partial", False) is bool(failing)


async def known_down(a: GatewayProcess, owner: Owner, **fault: Any) -> None:
    """Waits until A knows that the stand-in, which does this to every request, is down."""
    await owner.set_faults({"path": "*", **fault})

    async def is_down() -> bool:
        (peer,) = (await a.get("/health")).json["peers"]
        return bool(peer["status"] == "offline")

    await eventually(is_down)
    await a.lists("components", "robot")
    await owner.forget()


async def test_promise_52_an_unhealthy_peer_gets_no_request_and_nobody_waits_for_it(cluster: Cluster) -> None:
    """It never answers anything, so waiting would show; health checks alone may go there."""
    patient = {**FAST, "aggregation.timeout_ms": 1000}
    a, owner = await add_pair(cluster, patient)
    await a.start()
    await a.sees("subsystem_b")
    await known_down(a, owner, hang=True)
    for path in ("/faults", f"/{ROBOT}/data", "/areas/root/faults", "/functions/navigation/logs", "/version-info"):
        answer = await a.get(path)
        assert answer.status == 200
        assert (answer.medkit["partial"], answer.medkit["failed_peers"]) == (True, ["subsystem_b"])
        assert [error["elapsed_ms"] for error in answer.medkit["peer_errors"]] == [0]
    assert (await a.get("/components/arm_controller/data")).status == 502
    assert await owner.requests() == []


async def test_promise_t01_faults_stay_partial_when_no_peer_is_healthy(cluster: Cluster) -> None:
    """Refresh after refresh, not only until the first one."""
    a, owner = await add_pair(cluster, FAST)
    await a.start()
    await a.sees("subsystem_b")
    await known_down(a, owner, status=500)

    for checks in (4, 8, 12):
        faults = await a.get("/faults")
        assert (faults.medkit["partial"], faults.medkit["failed_peers"]) == (True, ["subsystem_b"])
        await eventually(partial(probed, owner, checks))
    assert await owner.requests() == []


async def probed(owner: Owner, times: int) -> bool:
    """Whether its health was checked that often."""
    return (await owner.counters()).get("/api/v1/health", 0) >= times
