"""Operations over three chained gateways: listed once, started by ids that work, led where they run, lost by nobody."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.federation.client import Answer
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.link import Link

in_shared_loop = pytest.mark.asyncio(loop_scope="module")

AGGREGATES = ("functions/work", "areas/cell", "components/robot")
PATIENCE_MS = 4000
"""A write's time at the top: long enough for a busy machine, short enough to wait for its end."""

WAITS = "while [ ! -e gate ]; do sleep 0.05; done; echo done"


def manifest(app: str, *operations: Mapping[str, Any]) -> Mapping[str, Any]:
    """One App on a robot in a cell that all share, hosting a Function that all share."""
    return {
        "areas": [{"id": "cell"}],
        "components": [{"id": "robot", "area": "cell"}],
        "apps": [{"id": app, "is_located_on": "robot", "operations": operations}],
        "functions": [{"id": "work", "hosted_by": [app]}],
    }


def saying(word: str) -> Mapping[str, Any]:
    """A synchronous operation that every gateway has, and that tells whose it is."""
    return {"id": "home", "command": ["echo", word]}


def waiting(operation_id: str, **more: Any) -> Mapping[str, Any]:
    return {"id": operation_id, "shell": True, "command": WAITS, **more}


TOP = manifest("boss", saying("top"), waiting("plan", asynchronous=True))
MIDDLE = manifest("arm", saying("middle"), waiting("move", asynchronous=True))
LEAF = manifest(
    "arm",
    saying("leaf"),
    waiting("weld", name="Weld the seam", asynchronous=True, arguments=[{"name": "amps", "type": "int", "max": 200}]),
    waiting("test", timeout=60),
)

SHOWN = {"boss:home", "plan", "arm:home", "move", "leaf__arm:home", "weld", "test"}
"""Every operation of all three, as the aggregates at the top show it."""


@dataclass(frozen=True)
class Chain:
    """The top asks the middle, which asks the leaf over a link."""

    top: GatewayProcess
    middle: GatewayProcess
    leaf: GatewayProcess
    link: Link

    async def is_whole(self) -> bool:
        """Whether everything is listed, nothing is missing, and no link is broken any more."""
        answers = await asyncio.gather(*(self.top.get(f"/{entity}/operations") for entity in AGGREGATES))
        return all({*answer.ids} == SHOWN and "partial" not in answer.medkit for answer in answers)

    def open_gate(self) -> None:
        """Lets what waits at the leaf come to its end."""
        (self.leaf.process.folder / "gate").touch()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(shared_cluster: Cluster) -> Chain:
    leaf = shared_cluster.add("leaf", manifest=LEAF)
    await leaf.start()
    link = await shared_cluster.link(leaf)
    middle = shared_cluster.add("middle", manifest=MIDDLE, peers=[("leaf", link)])
    settings = {"aggregation.write_timeout_ms": PATIENCE_MS}
    top = shared_cluster.add("top", manifest=TOP, peers=[("middle", middle)], settings=settings)
    await asyncio.gather(middle.start(), top.start())
    return Chain(top, middle, leaf, link)


@pytest_asyncio.fixture(loop_scope="module")
async def chain(running: Chain) -> Chain:
    """Whole, whatever the test before has broken."""
    await running.link.heal()
    await eventually(running.is_whole)
    return running


async def start(gateway: GatewayProcess, path: str, body: Any = None) -> Answer:
    return await gateway.request("POST", f"{path}/executions", json={} if body is None else body)


@in_shared_loop
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_every_members_operations_are_listed_once_with_ids_that_work(chain: Chain, entity: str) -> None:
    listed = (await chain.top.get(f"/{entity}/operations")).items
    assert sorted(item["id"] for item in listed) == sorted(SHOWN)
    for item in listed:
        path = f"/{entity}/operations/{quote(item['id'], safe='')}"
        shown = await chain.top.get(path)
        assert (shown.status, shown.json["item"]["id"]) == (200, item["id"])
        assert (await chain.top.get(f"{path}/executions")).status == 200
    said = {}
    for item_id in ("boss:home", "arm:home", "leaf__arm:home"):
        answer = await start(chain.top, f"/{entity}/operations/{quote(item_id, safe='')}")
        said[item_id] = answer.json["parameters"]["output"]
    assert said == {"boss:home": ["top"], "arm:home": ["middle"], "leaf__arm:home": ["leaf"]}


@in_shared_loop
@pytest.mark.parametrize("entity", AGGREGATES)
async def test_an_ambiguous_id_is_refused_everywhere_with_the_ids_to_send(chain: Chain, entity: str) -> None:
    path = f"/{entity}/operations/home"
    answers = [await chain.top.get(path), await chain.top.get(f"{path}/executions"), await start(chain.top, path)]
    for answer in answers:
        assert (answer.status, answer.json["error_code"]) == (400, "invalid-request")
        assert sorted(answer.json["parameters"]["operation_ids"]) == ["arm:home", "boss:home", "leaf__arm:home"]


@in_shared_loop
@pytest.mark.parametrize(
    ("entity", "word"),
    [
        *((entity, "weld") for entity in AGGREGATES),
        ("functions/work", "leaf__arm%3Aweld"),
        ("components/robot", "Weld%20the%20seam"),
        ("apps/leaf__arm", "weld"),
        ("apps/leaf__arm", "Weld%20the%20seam"),
    ],
)
async def test_an_execution_at_the_leaf_is_led_from_the_top(chain: Chain, entity: str, word: str) -> None:
    path = f"/api/v1/{entity}/operations/{word}"
    started = await start(chain.top, path, {"input": {"amps": 90}})
    assert (started.status, started.json["status"]) == (202, "running")
    execution = started.json["id"]
    location = started.headers["Location"]
    assert location == f"{path}/executions/{execution}"
    assert execution in (await chain.top.get(f"{path}/executions")).ids
    assert execution in (await chain.leaf.get("/apps/arm/operations/weld/executions")).ids
    shown = await chain.top.get(location)
    assert (shown.status, shown.json["status"], shown.json["capability"]) == (200, "running", "execute")
    stopped = await chain.top.request("PUT", location, json={"capability": "stop"})
    assert (stopped.status, stopped.json["id"], stopped.headers["Location"]) == (202, execution, location)

    async def failed() -> bool:
        return bool((await chain.top.get(location)).json["status"] == "failed")

    await eventually(failed)
    assert (await chain.top.request("DELETE", location)).status == 204
    gone = await chain.top.get(location)
    assert (gone.status, gone.json["error_code"]) == (404, "resource-not-found")


@in_shared_loop
async def test_parameters_that_do_not_fit_are_refused_by_the_owner(chain: Chain) -> None:
    answer = await start(chain.top, "/functions/work/operations/weld", {"parameters": {"amps": 300}})
    assert (answer.status, answer.json["error_code"]) == (400, "invalid-parameter")
    assert answer.json["parameters"]["fields"] == [
        {"field": "amps", "message": "found 300, allowed are values up to 200"}
    ]


@in_shared_loop
async def test_a_synchronous_execution_that_outlasts_its_request_is_found_again_from_the_top(chain: Chain) -> None:
    path = "/functions/work/operations/test"
    answer = await start(chain.top, path)
    assert (answer.status, answer.json["error_code"]) == (504, "not-responding")
    assert answer.json["parameters"]["may_have_executed"] is True
    location = f"{path}/executions/{answer.json['parameters']['execution_id']}"
    assert (await chain.top.get(location)).json["status"] == "running"
    chain.open_gate()

    async def completed() -> bool:
        return bool((await chain.top.get(location)).json["status"] == "completed")

    await eventually(completed)
    assert (await chain.top.get(location)).json["parameters"] == {"output": ["done"]}
    assert len((await chain.leaf.get("/apps/arm/operations/test/executions")).ids) == 1
    (chain.leaf.process.folder / "gate").unlink()


@in_shared_loop
async def test_a_silent_owner_is_502_and_nothing_is_started_elsewhere(chain: Chain) -> None:
    await chain.link.cut()

    async def silent() -> bool:
        return (await chain.top.get("/apps/leaf__arm/operations")).status == 502

    await eventually(silent)
    paths = (
        "/functions/work/operations/weld",
        "/apps/leaf__arm/operations/home",
        "/areas/cell/operations/leaf__arm:home",
    )
    for path in paths:
        answer = await start(chain.top, path)
        assert (path, answer.status, answer.json["vendor_code"]) == (path, 502, "x-medkit-peer-unavailable")
        assert answer.json["parameters"]["may_have_executed"] is False
    by_name = await start(chain.top, "/functions/work/operations/Plan")
    assert (by_name.status, by_name.json["vendor_code"]) == (502, "x-medkit-peer-unavailable")
    read = await chain.top.get("/functions/work/operations/Plan")
    assert (read.status, "parameters" in read.json) == (502, False)
    answer = await start(chain.top, "/functions/work/operations/move")
    assert answer.status == 202
    assert (await chain.top.request("DELETE", answer.headers["Location"])).status == 204


@in_shared_loop
async def test_an_execution_that_hangs_on_its_way_is_started_once_at_most_and_the_answer_says_so(chain: Chain) -> None:
    before = {*(await chain.leaf.get("/apps/arm/operations/weld/executions")).ids}
    path = "/api/v1/apps/leaf__arm/operations/weld"
    chain.link.freeze()
    answer = await start(chain.top, path)
    await chain.link.heal()
    assert answer.status in {502, 504}
    may_have_executed = answer.json["parameters"]["may_have_executed"]
    assert (answer.status == 504) == may_have_executed
    started = {*(await chain.leaf.get("/apps/arm/operations/weld/executions")).ids} - before
    assert len(started) <= may_have_executed
    for execution in started:
        assert (await chain.leaf.request("DELETE", f"/apps/arm/operations/weld/executions/{execution}")).status == 204


async def test_executions_end_with_their_gateway_and_are_not_found_after_a_restart(cluster: Cluster) -> None:
    alone = cluster.add("alone", manifest=manifest("arm", waiting("move", asynchronous=True), waiting("wait")))
    await alone.start()
    location = (await start(alone, "/apps/arm/operations/move")).headers["Location"]
    waiting_for = asyncio.create_task(start(alone, "/apps/arm/operations/wait"))

    async def waits() -> bool:
        return bool((await alone.get("/apps/arm/operations/wait/executions")).ids)

    await eventually(waits)
    assert await alone.stop() == 0
    answer = await asyncio.gather(waiting_for, return_exceptions=True)
    assert answer  # an error or a broken connection: the gateway has gone
    ends = [line for line in alone.log() if line["event"] == "execution failed"]
    assert len(ends) == 2
    await alone.start()
    again = await alone.get(location)
    assert (again.status, again.json["error_code"]) == (404, "resource-not-found")


async def test_an_upstream_gateway_leads_our_executions(cluster: Cluster) -> None:
    owner = cluster.add("owner", manifest=manifest("arm", saying("grove"), waiting("move", asynchronous=True)))
    await owner.start()
    upstream = cluster.upstream("upstream", {})
    upstream.add_peer("grove", owner.url)
    await upstream.start()
    await upstream.reads("grove")
    answer = await upstream.request("POST", "/apps/arm/operations/home/executions", json={})
    assert (answer.status, answer.json) == (200, {"parameters": {"output": ["grove"]}})
    started = await upstream.request("POST", "/apps/arm/operations/move/executions", json={"input": {}})
    assert started.status == 202
    assert (await owner.get(started.headers["Location"])).json["status"] == "running"
