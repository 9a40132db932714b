"""Promises 14 to 23: the merged API of A and its peer B (the tutorial's step 3)."""

import json
from typing import Any

import pytest
import pytest_asyncio

from tests.federation import robots
from tests.federation.client import Answer
from tests.federation.gateway import FAST
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.tutorial import STEP_2, Tutorial

pytestmark = pytest.mark.asyncio(loop_scope="module")

KINDS = ("areas", "components", "apps", "functions")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(shared_cluster: Cluster) -> tuple[GatewayProcess, GatewayProcess]:
    """A also serves this machine, as it does by default."""
    tutorial = Tutorial(shared_cluster)
    with_machine = {**FAST, "local.host": True}
    a = tutorial.add("gateway_a", STEP_2["gateway_a"], manifest=robots.A, settings=with_machine)
    b = tutorial.add("gateway_b", STEP_2["gateway_b"], manifest=robots.B)
    await shared_cluster.start_all()
    await a.sees("subsystem_b")
    return a, b


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def a(pair: tuple[GatewayProcess, GatewayProcess]) -> GatewayProcess:
    return pair[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def b(pair: tuple[GatewayProcess, GatewayProcess]) -> GatewayProcess:
    return pair[1]


async def test_promise_14_components_of_both_are_listed_under_items(a: GatewayProcess, b: GatewayProcess) -> None:
    components = (await a.get("/components")).json["items"]
    assert {component["id"] for component in components} >= {"robot", "arm_controller"}
    assert all(isinstance(component["name"], str) for component in components)
    assert "arm_controller" in (await b.get("/components")).ids


async def test_promise_15_a_remote_component_names_its_peer_as_source(a: GatewayProcess) -> None:
    assert (await a.get("/components")).item("arm_controller")["source"] == "peer:subsystem_b"


async def test_promise_16_what_a_finds_itself_has_the_source_runtime(a: GatewayProcess) -> None:
    sources = {item["id"]: item["source"] for item in (await a.get("/components")).items}
    (machine,) = sources.keys() - {"robot", "arm_controller"}
    assert (sources[machine], sources["robot"]) == ("runtime", "manifest")


@pytest.mark.parametrize("kind", KINDS)
async def test_promise_17_the_source_stands_in_both_places(a: GatewayProcess, kind: str) -> None:
    listed = (await a.get(f"/{kind}")).items
    assert listed
    for item in listed:
        detail = (await a.get(f"/{kind}/{item['id']}")).json
        assert {item["source"], item["x-medkit"]["source"]} == {item["source"]}
        assert detail["source"] == detail["x-medkit"]["source"]


async def test_promise_18_components_of_one_id_are_one_with_tags_and_metadata_of_both(a: GatewayProcess) -> None:
    robot = (await a.get("/components")).item("robot")
    assert sorted(robot["tags"]) == ["arm", "base"]
    detail = (await a.get("/components/robot")).json
    assert sorted(detail["tags"]) == ["arm", "base"]
    assert detail["description"] == "The base"
    assert detail["x-medkit"]["identity"]["manufacturer"] == "Example Robotics"
    assert detail["x-medkit"]["contributors"] == ["local", "peer:subsystem_b"]


async def test_promise_18_the_merged_component_hosts_the_apps_of_both(a: GatewayProcess) -> None:
    hosts = await a.get("/components/robot/hosts")
    assert sorted(hosts.ids) == ["cam", "planner", "some_node", "subsystem_b__cam", "subsystem_b__some_node"]


async def test_promise_18_the_merged_component_has_the_data_of_both(a: GatewayProcess) -> None:
    data = await a.get("/components/robot/data")
    assert "torque" in data.ids
    members = {item["id"]: item["x-medkit"].get("member_ids") for item in data.items}
    assert members["cam:frame_rate"] == ["cam"]
    assert members["subsystem_b__cam:frame_rate"] == ["subsystem_b__cam"]
    frame_rates = [
        (await a.get(f"/components/robot/data/{member}%3Aframe_rate")).json["data"]
        for member in ("cam", "subsystem_b__cam")
    ]
    assert frame_rates == [30, 15]


async def test_promise_19_areas_are_merged_by_id(a: GatewayProcess, b: GatewayProcess) -> None:
    assert (await b.get("/areas")).ids == ["root"]
    assert (await a.get("/areas")).ids == ["root"]
    contained = await a.get("/areas/root/contains")
    assert sorted(contained.ids) == ["arm_controller", "robot"]


async def test_promise_20_data_of_a_remote_component_is_the_peers_own_answer(
    a: GatewayProcess, b: GatewayProcess
) -> None:
    here, there = [await gateway.get("/components/arm_controller/data") for gateway in (a, b)]
    assert here.status == 200
    assert here.json == there.json
    assert {item["id"] for item in here.items} == {"joint_1", "opening"}


@pytest.mark.parametrize("kind", KINDS)
async def test_promise_21_every_listed_href_answers_here_without_a_redirect(a: GatewayProcess, kind: str) -> None:
    listed = await a.get(f"/{kind}")
    for item in listed.items:
        assert item["href"] == f"/api/v1/{kind}/{item['id']}"
        for path in await links_of(a, item["href"]):
            answer = await a.get(path)
            assert (path, answer.status) == (path, 200)


async def links_of(gateway: GatewayProcess, href: str) -> list[str]:
    """The entity itself and what its detail says can be asked."""
    detail = (await gateway.get(href)).json
    return [href, *(capability["href"] for capability in detail["capabilities"])]


async def test_promise_21_an_answer_for_a_remote_entity_speaks_of_no_other_address(
    a: GatewayProcess, b: GatewayProcess
) -> None:
    for path in ("/components/arm_controller", "/apps/subsystem_b__cam", "/apps/gripper/data/opening"):
        answer = await a.get(path)
        assert answer.status == 200
        assert f":{b.port}" not in answer.body.decode()
        assert f":{b.port}" not in str(answer.headers)


async def test_promise_22_functions_are_merged_by_id_with_the_hosts_of_both(a: GatewayProcess) -> None:
    functions = await a.get("/functions")
    assert functions.ids == ["navigation"]
    hosts = ["planner", "subsystem_b__some_node"]
    assert sorted((await a.get("/functions/navigation")).medkit["hosts"]) == hosts
    assert sorted((await a.get("/functions/navigation/hosts")).ids) == hosts


async def test_promise_22_the_list_of_functions_names_the_hosts_of_both(a: GatewayProcess) -> None:
    navigation = (await a.get("/functions")).item("navigation")
    assert sorted(navigation["x-medkit"]["hosts"]) == ["planner", "subsystem_b__some_node"]


PATHS = (
    "/",
    "/health",
    "/version-info",
    "/faults",
    *(f"/{kind}" for kind in KINDS),
    "/components/arm_controller",
    "/components/arm_controller/data",
    "/components/robot/configurations",
    "/functions/navigation/operations",
    "/apps/gripper/logs",
    "/apps/gripper/data/opening",
    "/apps/nobody",
    "/apps/subsystem_b__cam/data/nothing",
    "/components/bad%20id",
    "/nowhere",
)


@pytest.mark.parametrize("path", PATHS)
async def test_promise_23_every_answer_is_json(a: GatewayProcess, path: str) -> None:
    answer = await a.get(path)
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    assert isinstance(strictly(answer), dict)


def strictly(answer: Answer) -> Any:
    """As `jq` reads it: UTF-8, no NaN, no key twice."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), f"a key twice: {pairs}"
        return dict(pairs)

    return json.loads(answer.body.decode("utf-8"), parse_constant=refuse, object_pairs_hook=once)
