"""Promises 50 and 51: who keeps its id, and what is forwarded (the tutorial's summary). B is real, or a stand-in."""

import hashlib
import itertools
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.federation import robots
from tests.federation.gateways import Cluster, GatewayProcess, Owner
from tests.federation.guard import Certificates
from tests.federation.tutorial import STEP_2, Tutorial

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAM = "/apps/subsystem_b__cam"
"""B's, for A has a `cam` itself."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def a(shared_cluster: Cluster) -> GatewayProcess:
    """A and the real B, merged."""
    a, _ = Tutorial(shared_cluster).add_all(STEP_2, robots.PAIR)
    await shared_cluster.start_all()
    await a.sees("subsystem_b")
    return a


Served = tuple[GatewayProcess, Owner]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(tmp_path_factory: pytest.TempPathFactory, guards: Certificates | None) -> AsyncIterator[Served]:
    """A and a stand-in that owns `cam` and `gripper`."""
    async with Cluster(tmp_path_factory.mktemp("standin"), guards) as cluster:
        spec = {"name": "gateway_b", "apps": [{"id": "cam", "name": "Wrist camera"}, {"id": "gripper"}]}
        owner = await cluster.owner(spec)
        tutorial = Tutorial(cluster)
        tutorial.point("gateway_b", owner.port)
        gateway = tutorial.add("gateway_a", STEP_2["gateway_a"], manifest=robots.A)
        await gateway.start()
        await gateway.lists("apps", "cam", "some_node", "planner", "gripper", "subsystem_b__cam")
        yield gateway, owner


@pytest_asyncio.fixture(loop_scope="module")
async def served(started: Served) -> Served:
    """The same; the stand-in was asked nothing yet."""
    await started[1].forget()
    return started


async def test_promise_50_areas_components_and_functions_merge_by_id(a: GatewayProcess) -> None:
    for kind, entity_id in (("areas", "root"), ("components", "robot"), ("functions", "navigation")):
        assert (await a.get(f"/{kind}")).ids.count(entity_id) == 1
        contributors = (await a.get(f"/{kind}/{entity_id}")).medkit["contributors"]
        assert contributors == ["local", "peer:subsystem_b"]


async def test_promise_50_apps_are_prefixed_on_collision_and_only_then(a: GatewayProcess) -> None:
    assert sorted((await a.get("/apps")).ids) == [
        "cam",
        "gripper",
        "planner",
        "some_node",
        "subsystem_b__cam",
        "subsystem_b__some_node",
    ]


async def test_promise_50_the_prefixed_app_is_another_one_with_a_name_of_its_own(a: GatewayProcess) -> None:
    own, other = [(await a.get(f"/apps/{app}")).json for app in ("cam", "subsystem_b__cam")]
    assert (own["id"], own["name"], own["source"]) == ("cam", "cam", "manifest")
    assert (other["id"], other["name"]) == ("subsystem_b__cam", "subsystem_b__cam")
    assert [(await a.get(f"/apps/{app}/data/frame_rate")).json["data"] for app in (own["id"], other["id"])] == [30, 15]


async def test_promise_50_every_link_of_the_prefixed_app_leads_to_it(a: GatewayProcess) -> None:
    detail = (await a.get(CAM)).json
    assert detail["_links"]["self"] == f"/api/v1{CAM}"
    assert all(capability["href"].startswith(f"/api/v1{CAM}/") for capability in detail["capabilities"])
    assert detail["data"] == f"/api/v1{CAM}/data"


async def test_promise_50_forwarding_strips_the_prefix(served: Served) -> None:
    gateway, owner = served
    assert (await gateway.get(f"{CAM}/data/frame_rate")).status == 200
    assert (await gateway.get("/apps/gripper/data/opening")).status == 200
    paths = [request["path"] for request in await owner.requests()]
    assert paths == ["/api/v1/apps/cam/data/frame_rate", "/api/v1/apps/gripper/data/opening"]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE"])
async def test_promise_51_every_method_arrives_with_path_query_and_body(served: Served, method: str) -> None:
    gateway, _ = served
    body = b'{"value":  1.50, "big": 123456789012345678901234567890}'  # no reader would write it so again
    headers = {"Content-Type": "application/json", "X-Client-Id": "client-7"}
    path = "/apps/gripper/data/opening?b=2&a=%20x"
    seen = await gateway.request(method, path, data=None if method == "GET" else body, headers=headers)
    assert seen.status == 200
    assert (seen.json["method"], seen.json["path"]) == (method, "/api/v1/apps/gripper/data/opening")
    assert seen.json["query"] == "b=2&a=%20x"
    assert seen.json["body"] == ("" if method == "GET" else body.decode())
    assert (seen.json["headers"]["Content-Type"], seen.json["headers"]["X-Client-Id"]) == (
        "application/json",
        "client-7",
    )


async def test_promise_51_head_is_forwarded_too(served: Served) -> None:
    gateway, owner = served
    head = await gateway.request("HEAD", "/apps/gripper/download?size=4321")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "4321", b"")
    assert [request["method"] for request in await owner.requests()] == ["HEAD"]


async def test_promise_51_a_body_of_unknown_length_arrives_whole(served: Served) -> None:
    gateway, _ = served
    chunks = [bytes([number]) * 70_000 for number in range(20)]

    async def flowing() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    answer = await gateway.request("POST", "/apps/gripper/upload", data=flowing())
    assert answer.json == {"sha256": hashlib.sha256(b"".join(chunks)).hexdigest(), "size": 1_400_000}


async def test_promise_51_the_owners_status_and_body_come_back_unchanged(served: Served) -> None:
    gateway, owner = served
    refusal = {"error_code": "forbidden", "message": "not now", "parameters": {"lock": "lock_1"}}
    await owner.set_faults({"path": "/api/v1/apps/gripper/data/opening", "status": 409, "body": refusal, "times": 1})
    answer = await gateway.request("PUT", "/apps/gripper/data/opening", json={"value": 1})
    assert (answer.status, answer.json) == (409, refusal)


@pytest.mark.parametrize("app", ["/apps/gripper", CAM])
async def test_promise_51_a_location_survives_and_may_be_followed_here(served: Served, app: str) -> None:
    gateway, _ = served
    executions = f"{app}/operations/home/executions"
    started = await gateway.request("POST", executions, json={"parameters": {"speed": 2}})
    assert started.status == 202
    location = started.headers["Location"]
    assert location == f"/api/v1{executions}/{started.json['id']}"
    running = await gateway.get(location)
    assert (running.status, running.json["status"]) == (200, "running")
    assert running.json["parameters"] == {"parameters": {"speed": 2}}  # all that the stand-in was sent
    assert (await gateway.get(executions)).ids.count(started.json["id"]) == 1
    stopped = await gateway.request("PUT", location, json={"capability": "stop"})
    assert (stopped.status, stopped.headers["Location"]) == (202, location)
    assert (await gateway.request("DELETE", location)).status == 204
    assert (await gateway.get(location)).status == 404


async def test_promise_51_events_arrive_as_they_come(served: Served) -> None:
    """The stream never ends, so a gateway that waits for its end brings nothing."""
    gateway, _ = served
    options = {"headers": {"Accept": "text/event-stream", "Last-Event-ID": "40"}}
    async with gateway.open("GET", f"{CAM}/events?count=0&interval=0.02", **options) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        lines = [line async for line in first_lines(stream, "id:", 5)]
    assert lines == [f"id: {number}" for number in range(41, 46)]


async def first_lines(stream: aiohttp.ClientResponse, prefix: str, count: int) -> AsyncIterator[str]:
    """The first lines that begin with `prefix`."""
    numbers = itertools.count(1)
    async for line in stream.content:
        if line.startswith(prefix.encode()):
            yield line.decode().strip()
            if next(numbers) == count:
                return
