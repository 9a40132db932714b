"""Promises 45 to 49, traps T6 and T7: A aggregates B, which aggregates C (the tutorial's step 6)."""

import itertools
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.federation import robots
from tests.federation.client import Answer
from tests.federation.gateways import Cluster, GatewayProcess, Owner
from tests.federation.tutorial import STEP_6, Tutorial

in_shared_loop = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Chain:
    """The three gateways."""

    a: GatewayProcess
    b: GatewayProcess
    c: GatewayProcess

    async def whole(self) -> None:
        """Waits until A has the entities of all three."""
        await self.a.lists("components", "control_room", "robot", "torch")


def add_chain(cluster: Cluster) -> Chain:
    """Not started yet."""
    return Chain(*Tutorial(cluster).add_all(STEP_6, robots.CHAIN))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(shared_cluster: Cluster) -> Chain:
    """All three up and merged."""
    chain = add_chain(shared_cluster)
    await shared_cluster.start_all()
    await chain.whole()
    return chain


def fault_codes(answer: Answer) -> set[str]:
    return {fault["fault_code"] for fault in answer.items}


@in_shared_loop
async def test_promise_45_each_level_names_the_next_as_its_own_file_does(chain: Chain) -> None:
    assert (await chain.b.get("/components")).item("torch")["source"] == "peer:leaf_system"
    assert (await chain.a.get("/components")).item("torch")["source"] == "peer:mid_level"
    assert (await chain.a.get("/components")).item("robot")["source"] == "peer:mid_level"
    assert [peer["name"] for peer in (await chain.a.get("/health")).json["peers"]] == ["mid_level"]
    assert [peer["name"] for peer in (await chain.b.get("/health")).json["peers"]] == ["leaf_system"]


@in_shared_loop
async def test_promise_46_the_leaf_serves_and_is_aggregated_with_aggregation_disabled(chain: Chain) -> None:
    assert "enabled: false" in (chain.c.process.folder / "gateway_c_chain.yaml").read_text()
    assert "peers" not in (await chain.c.get("/health")).json
    assert (await chain.c.get("/components")).ids == ["torch"]
    assert "torch" in (await chain.b.get("/components")).ids


@in_shared_loop
async def test_promise_47_the_top_lists_the_components_of_all_three(chain: Chain) -> None:
    assert sorted((await chain.a.get("/components")).ids) == ["control_room", "robot", "torch"]
    assert (await chain.a.get("/areas")).ids == ["root"]
    assert sorted((await chain.a.get("/apps")).ids) == ["arc", "cam", "leaf_system__cam", "motion", "supervisor"]


@in_shared_loop
async def test_promise_48_the_leafs_entities_answer_at_the_top(chain: Chain) -> None:
    for path in ("/apps/arc/data", "/apps/arc/operations", "/apps/arc/data/current", "/apps/arc/faults/WIRE_LOW"):
        at_top, at_leaf = [await gateway.get(path) for gateway in (chain.a, chain.c)]
        assert (path, at_top.status, at_top.json) == (path, 200, at_leaf.json)
    written = await chain.a.request("PUT", "/apps/arc/data/current", json={"value": 150.0})
    assert written.status == 200
    assert (await chain.c.get("/apps/arc/data/current")).json["data"] == 150.0
    assert (await chain.a.get("/apps/leaf_system__cam/data/frame_rate")).json["data"] == 120


async def test_promise_48_a_request_for_the_leafs_entity_goes_from_a_through_b_to_c(cluster: Cluster) -> None:
    a, b, owner = await with_standin(cluster)
    ids = [(await gateway.get("/health")).json["x-medkit"]["instance_id"] for gateway in (a, b)]
    await owner.forget()
    assert (await a.get("/apps/leaf_system__cam/data/frame_rate?raw=1")).status == 200
    (request,) = await owner.requests()
    assert (request["path"], request["query"]) == ("/api/v1/apps/cam/data/frame_rate", "raw=1")
    assert [each.strip() for each in request["headers"]["X-Medkit-Via"].split(",")] == ids


async def test_promise_48_a_stopped_leaf_shows_as_failure_and_never_as_silence(cluster: Cluster) -> None:
    chain = add_chain(cluster)
    await cluster.start_all()
    await chain.whole()
    await chain.c.stop()
    await chain.a.lists("components", "control_room", "robot")
    for path in ("/apps/arc", "/apps/arc/data", "/components/torch", "/apps/leaf_system__cam/data"):
        answer = await chain.a.get(path)
        assert (path, answer.status, answer.json["vendor_code"]) == (path, 502, "x-medkit-peer-unavailable")
        assert "mid_level/leaf_system" in answer.json["message"]
    for path in ("/components", "/apps", "/faults", "/areas/root/data", "/version-info"):
        medkit = (await chain.a.get(path)).medkit
        assert (path, medkit["partial"], medkit["failed_peers"]) == (path, True, ["mid_level/leaf_system"])
    health = await chain.a.get("/health")
    assert [(peer["name"], peer["status"]) for peer in health.json["peers"]] == [("mid_level", "online")]
    assert health.medkit["failed_peers"] == ["mid_level/leaf_system"]


@pytest.mark.parametrize("order", [*itertools.permutations("abc")], ids="".join)
async def test_promise_49_the_three_may_start_in_any_order(cluster: Cluster, order: tuple[str, ...]) -> None:
    chain = add_chain(cluster)
    await cluster.start_all([getattr(chain, each) for each in order])
    await chain.whole()
    answer = await chain.a.get("/faults")
    assert fault_codes(answer) == {"JOINT_LIMIT", "WIRE_LOW"}
    assert "partial" not in answer.medkit


@in_shared_loop
async def test_promise_t06_faults_two_hops_away_are_asked_for_live(chain: Chain) -> None:
    """It leaves C's fault cleared, for which no other test asks."""
    assert fault_codes(await chain.a.get("/faults")) == {"JOINT_LIMIT", "WIRE_LOW"}
    assert fault_codes(await chain.a.get("/areas/root/faults")) == {"JOINT_LIMIT", "WIRE_LOW"}
    assert (await chain.c.request("DELETE", "/apps/arc/faults/WIRE_LOW")).status == 204
    assert fault_codes(await chain.a.get("/faults")) == {"JOINT_LIMIT"}
    assert fault_codes(await chain.a.get("/areas/root/faults")) == {"JOINT_LIMIT"}


async def with_standin(cluster: Cluster) -> tuple[GatewayProcess, GatewayProcess, Owner]:
    """A, B, and a stand-in in place of C; all up and merged."""
    owner = await cluster.owner(
        {
            "name": "gateway_c",
            "areas": [{"id": "root"}],
            "components": [{"id": "torch", "area": "root"}],
            "apps": [{"id": "cam", "component_id": "torch", "data": ["frame_rate"]}],
            "resources": {"apps/cam": {"faults": ["SEAM_LOST"]}},
        }
    )
    tutorial = Tutorial(cluster)
    tutorial.point("gateway_c", owner.port)
    a, b = [tutorial.add(name, STEP_6[name], manifest=robots.CHAIN[name]) for name in ("gateway_a", "gateway_b")]
    await cluster.start_all()
    await a.lists("components", "control_room", "robot", "torch")
    return a, b, owner


async def test_promise_t07_what_the_peer_could_not_get_is_named_here_too(cluster: Cluster) -> None:
    """C is healthy, only this request of B's fails, so nothing but B's own answer can tell A."""
    a, _, owner = await with_standin(cluster)
    whole = await a.get("/faults")
    assert fault_codes(whole) == {"JOINT_LIMIT", "SEAM_LOST"}
    assert "partial" not in whole.medkit
    await owner.set_faults({"path": "/api/v1/faults", "status": 500})
    answer = await a.get("/faults")
    assert (answer.medkit["partial"], answer.medkit["failed_peers"]) == (True, ["mid_level/leaf_system"])
    (error,) = answer.medkit["peer_errors"]
    assert (error["peer"], error["status"]) == ("mid_level/leaf_system", 500)
    assert fault_codes(answer) == {"JOINT_LIMIT"}
