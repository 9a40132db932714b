"""Promises 6 to 13: static peers from the tutorial's file (step 2)."""

import pytest
import pytest_asyncio

from tests.federation import robots
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.process import EndedError
from tests.federation.tutorial import FILES, QUIET, STEP_1, STEP_2, Tutorial

in_shared_loop = pytest.mark.asyncio(loop_scope="module")

WRAPPED = FILES["gateway_a_params.yaml"]

SPELLINGS = {
    "plain": """\
server:
  port: 8080
aggregation:
  enabled: true
  peer_urls: ["http://localhost:8081"]
  peer_names: ["subsystem_b"]
""",
    "dotted": """\
server.port: 8080
aggregation.enabled: true
aggregation.peer_urls: ["http://localhost:8081"]
aggregation.peer_names: ["subsystem_b"]
""",
    "wrapped_and_dotted": """\
ros2_medkit_gateway:
  ros__parameters:
    server.port: 8080
    aggregation.enabled: true
    aggregation:
      peer_urls: ["http://localhost:8081"]
      peer_names: ["subsystem_b"]
""",
}

TWO_PEERS = WRAPPED.replace(
    'peer_urls: ["http://localhost:8081"]', 'peer_urls: ["http://localhost:8082", "http://localhost:8081"]'
).replace('peer_names: ["subsystem_b"]', 'peer_names: ["far", "near"]')


async def peers(gateway: GatewayProcess) -> dict[str, str]:
    """URL by name, as `/health` lists them."""
    return {peer["name"]: peer["url"] for peer in (await gateway.get("/health")).json["peers"]}


async def ids(gateway: GatewayProcess) -> set[str]:
    """Whatever it lists of any kind."""
    collections = [await gateway.get(f"/{kind}") for kind in ("areas", "components", "apps", "functions")]
    return {entity_id for collection in collections for entity_id in collection.ids}


def add(tutorial: Tutorial, text: str = WRAPPED, command: str = STEP_2["gateway_a"]) -> GatewayProcess:
    """A, whose file has this text."""
    return tutorial.add("gateway_a", command, manifest=robots.A, files={"gateway_a_params.yaml": text})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tutorial(shared_cluster: Cluster) -> Tutorial:
    """The tutorial's A and B after step 2."""
    tutorial = Tutorial(shared_cluster)
    tutorial.add_all(STEP_2, robots.PAIR)
    await shared_cluster.start_all()
    await shared_cluster.gateways["gateway_a"].sees("subsystem_b")
    return tutorial


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def a(tutorial: Tutorial, shared_cluster: Cluster) -> GatewayProcess:
    return shared_cluster.gateways["gateway_a"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def b(tutorial: Tutorial, shared_cluster: Cluster) -> GatewayProcess:
    return shared_cluster.gateways["gateway_b"]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_promise_06_the_file_may_have_the_two_levels_around_it_or_not(cluster: Cluster, spelling: str) -> None:
    tutorial = Tutorial(cluster)
    gateway = add(tutorial, SPELLINGS[spelling])
    await gateway.start()
    assert await peers(gateway) == {"subsystem_b": tutorial.url("gateway_b")}


@in_shared_loop
async def test_promise_06_the_file_has_the_two_levels_in_the_tutorial(a: GatewayProcess, tutorial: Tutorial) -> None:
    assert WRAPPED.startswith("ros2_medkit_gateway:\n  ros__parameters:\n    server:\n")
    assert await peers(a) == {"subsystem_b": tutorial.url("gateway_b")}


@in_shared_loop
async def test_promise_07_the_port_comes_from_the_file(a: GatewayProcess, tutorial: Tutorial) -> None:
    assert "server.port" not in " ".join(a.process.arguments)
    assert a.url.endswith(f":{tutorial.ports[8080]}")
    assert (await a.get("/health")).status == 200


@in_shared_loop
async def test_promise_08_aggregation_is_on_when_the_file_enables_it(a: GatewayProcess) -> None:
    assert (await a.get("/health")).json["peers"]
    assert (await a.get("/")).json["capabilities"]["aggregation"] is True


async def test_promise_08_peers_are_nothing_where_aggregation_is_disabled(cluster: Cluster) -> None:
    tutorial = Tutorial(cluster)
    b = tutorial.add("gateway_b", STEP_1["gateway_b"], manifest=robots.B)
    a = add(tutorial, WRAPPED.replace("enabled: true", "enabled: false"))
    await cluster.start_all([b, a])
    assert "peers" not in (await a.get("/health")).json
    assert (await a.get("/components")).ids == ["robot"]


@in_shared_loop
async def test_promise_09_the_peer_at_each_url_is_aggregated(a: GatewayProcess, tutorial: Tutorial) -> None:
    assert list((await peers(a)).values()) == [tutorial.url("gateway_b")]
    assert "arm_controller" in (await a.get("/components")).ids


async def test_promise_10_names_and_urls_are_paired_by_index(cluster: Cluster) -> None:
    tutorial = Tutorial(cluster)
    b = tutorial.add("gateway_b", STEP_1["gateway_b"], manifest=robots.B)
    a = add(tutorial, TWO_PEERS)
    await cluster.start_all([b, a])
    assert await peers(a) == {"far": tutorial.url("gateway_c"), "near": tutorial.url("gateway_b")}
    await a.sees("near")
    assert (await a.get("/components")).item("arm_controller")["source"] == "peer:near"


async def test_promise_10_lists_of_unequal_length_refuse_the_start(cluster: Cluster) -> None:
    gateway = add(Tutorial(cluster), WRAPPED.replace('["subsystem_b"]', '["subsystem_b", "subsystem_c"]'))
    with pytest.raises(EndedError, match=r"exit code 2[\s\S]*peer_names"):
        await gateway.start()


@in_shared_loop
async def test_promise_11_the_file_is_named_by_the_flag_that_ros_users_know(a: GatewayProcess) -> None:
    assert "--ros-args --params-file gateway_a_params.yaml -r __node:=gateway_a" in " ".join(a.process.arguments)
    assert (await a.get("/health")).json["x-medkit"]["name"] == "gateway_a"
    assert await peers(a)


@pytest.mark.parametrize("flag", ["-c ", "--config="])
async def test_promise_11_or_by_one_of_its_other_names(cluster: Cluster, flag: str) -> None:
    tutorial = Tutorial(cluster)
    gateway = add(tutorial, command=f"run {flag}gateway_a_params.yaml -r __node:=gateway_a")
    await gateway.start()
    assert (await gateway.get("/health")).json["x-medkit"]["name"] == "gateway_a"
    assert await peers(gateway) == {"subsystem_b": tutorial.url("gateway_b")}


@in_shared_loop
async def test_promise_12_only_a_is_configured_and_b_does_not_know_it(a: GatewayProcess, b: GatewayProcess) -> None:
    typed = " ".join(b.process.arguments)
    assert not [each for each in ("--params-file", "aggregation.enabled", "aggregation.peer") if each in typed]
    assert "peers" not in (await b.get("/health")).json
    assert sorted((await b.get("/apps")).ids) == ["cam", "gripper", "some_node"]
    assert "gripper" in (await a.get("/apps")).ids


@in_shared_loop
async def test_promise_13_a_shows_its_own_and_bs_entities(a: GatewayProcess, b: GatewayProcess) -> None:
    own = {"root", "robot", "cam", "some_node", "planner", "navigation"}
    assert await ids(a) >= own | await ids(b)


async def test_promise_13_after_the_restart_with_the_file_the_first_answer_is_whole(cluster: Cluster) -> None:
    tutorial = Tutorial(cluster)
    b = tutorial.add("gateway_b", STEP_1["gateway_b"], manifest=robots.B)
    before = tutorial.add("gateway_a", STEP_1["gateway_a"], manifest=robots.A, settings=QUIET)
    await cluster.start_all([b, before])
    assert "arm_controller" not in await ids(before)
    assert await before.stop() == 0
    after = tutorial.add("gateway_a", STEP_2["gateway_a"], manifest=robots.A, settings=QUIET)

    async def is_whole_at_first() -> bool:
        await after.restart()
        return await ids(after) >= await ids(b)

    await eventually(is_whole_at_first)  # on a busy machine B may need longer than A waits for it at its start


async def test_promise_13_a_peer_that_starts_later_is_merged_before_the_next_period(cluster: Cluster) -> None:
    tutorial = Tutorial(cluster)
    a = tutorial.add("gateway_a", STEP_2["gateway_a"], manifest=robots.A, settings={**QUIET, "health_interval_ms": 100})
    b = tutorial.add("gateway_b", STEP_1["gateway_b"], manifest=robots.B)
    await cluster.start_all([a, b])
    await a.lists("components", "robot", "arm_controller")
