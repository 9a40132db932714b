"""Promises 34 to 36 and 40 to 44: a peer goes down and comes back (the tutorial's step 5)."""

import signal

import pytest
import pytest_asyncio

from gateway.settings import Settings
from tests.federation import robots
from tests.federation.client import Answer
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.tutorial import QUIET, STEP_1, STEP_2, Tutorial

in_shared_loop = pytest.mark.asyncio(loop_scope="module")

KINDS = ("areas", "components", "apps", "functions")

Pair = tuple[GatewayProcess, GatewayProcess]


async def whole(a: GatewayProcess) -> None:
    """Waits until A has B's entities."""
    await a.lists("components", "robot", "arm_controller")


async def without_b(a: GatewayProcess) -> None:
    """Waits until A has its own entities only."""
    await a.lists("components", "robot")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def widowed(shared_cluster: Cluster) -> GatewayProcess:
    """A, some time after B was stopped with Ctrl-C; B stays down."""
    a, b = Tutorial(shared_cluster).add_all(STEP_2, robots.PAIR)
    await shared_cluster.start_all()
    await whole(a)
    await b.stop()
    await without_b(a)
    return a


@pytest.fixture
async def pair(cluster: Cluster) -> Pair:
    """A and its peer B, both up and merged."""
    a, b = Tutorial(cluster).add_all(STEP_2, robots.PAIR)
    await cluster.start_all()
    await whole(a)
    return a, b


async def generation(a: GatewayProcess) -> int:
    """Of what A shows; each refresh that changes anything has a new one."""
    number: int = (await a.get("/health")).json["x-medkit"]["generation"]
    return number


def assert_unavailable(answer: Answer) -> None:
    """The 502 that stands for a peer that is down."""
    assert answer.status == 502, answer.body
    assert answer.json["error_code"] == "vendor-error"
    assert answer.json["vendor_code"] == "x-medkit-peer-unavailable"
    assert "subsystem_b" in answer.json["message"]


def test_promise_34_the_refresh_cycle_is_ten_seconds_by_default() -> None:
    assert Settings().refresh_interval_ms == 10_000


async def test_promise_34_a_dead_peer_is_offline_within_the_default_cycle(cluster: Cluster) -> None:
    a, b = Tutorial(cluster).add_all(STEP_2, robots.PAIR, settings={})
    await cluster.start_all([b, a])
    await a.sees("subsystem_b")
    await b.kill()

    async def offline() -> bool:
        (peer,) = (await a.get("/health")).json["peers"]
        return bool(peer["status"] == "offline")

    cycle_and_timeout_s = (Settings().refresh_interval_ms + Settings().aggregation.timeout_ms) / 1000
    await eventually(offline, cycle_and_timeout_s)


async def test_promise_35_collections_keep_answering_from_the_cache_until_the_refresh(cluster: Cluster) -> None:
    a, b = Tutorial(cluster).add_all(STEP_2, robots.PAIR, settings=QUIET)
    await cluster.start_all([b, a])
    await whole(a)
    before = {kind: await a.get(f"/{kind}") for kind in KINDS}
    assert "arm_controller" in before["components"].ids
    shown = await generation(a)
    await b.kill()
    for kind in KINDS:
        after = await a.get(f"/{kind}")
        assert after.status == 200
        if await generation(a) == shown:  # else the end of the event link has kicked the refresh already
            assert after.json == before[kind].json
    # A request that needs B finds out, which kicks the refresh that would have come by itself.
    assert_unavailable(await a.get("/apps/gripper/data"))
    await without_b(a)


@in_shared_loop
async def test_promise_36_entities_of_an_unhealthy_peer_are_dropped_at_the_refresh(widowed: GatewayProcess) -> None:
    listed = {kind: await widowed.get(f"/{kind}") for kind in KINDS}
    assert {kind: sorted(answer.ids) for kind, answer in listed.items()} == {
        "areas": ["root"],
        "components": ["robot"],
        "apps": ["cam", "planner", "some_node"],
        "functions": ["navigation"],
    }
    assert listed["components"].item("robot")["tags"] == ["base"]
    assert (await widowed.get("/functions/navigation/hosts")).ids == ["planner"]


@in_shared_loop
async def test_promise_36_collections_say_who_is_missing(widowed: GatewayProcess) -> None:
    for kind in KINDS:
        medkit = (await widowed.get(f"/{kind}")).medkit
        assert (medkit["partial"], medkit["failed_peers"]) == (True, ["subsystem_b"])


@in_shared_loop
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/components/arm_controller"),
        ("GET", "/components/arm_controller/data"),
        ("GET", "/apps/gripper"),
        ("GET", "/apps/gripper/data/opening"),
        ("PUT", "/apps/gripper/data/opening"),
        ("PUT", "/apps/gripper/configurations/max_force"),
        ("POST", "/apps/gripper/operations/open/executions"),
        ("DELETE", "/apps/gripper/faults/GRIPPER_HOT"),
        ("GET", "/apps/subsystem_b__cam/data/frame_rate"),
        ("GET", "/components/robot/data/torque"),
    ],
)
async def test_promise_40_a_request_for_an_entity_of_a_down_peer_is_502(
    widowed: GatewayProcess, method: str, path: str
) -> None:
    assert_unavailable(await widowed.request(method, path, json={} if method != "GET" else None))


@in_shared_loop
@pytest.mark.parametrize("entity", ["/areas/root", "/components/robot", "/functions/navigation"])
async def test_promise_40_so_is_one_for_a_down_peers_item_of_a_shared_entity(
    widowed: GatewayProcess, entity: str
) -> None:
    assert_unavailable(await widowed.get(f"{entity}/data/subsystem_b__some_node%3Aload"))


@in_shared_loop
async def test_promise_40_what_the_rest_of_a_shared_entity_has_is_answered_still(widowed: GatewayProcess) -> None:
    load = await widowed.get("/components/robot/data/cam%3Aframe_rate")
    assert (load.status, load.json["data"]) == (200, 30)


async def test_promise_41_ctrl_c_ends_cleanly(pair: Pair) -> None:
    """While A probes it and a client has a connection open; SIGTERM does the same."""
    a, b = pair
    for sig in (signal.SIGINT, signal.SIGTERM):
        async with b.open("GET", "/health"):
            assert await b.stop(sig) == 0
        assert b.log()[-1]["event"] == "gateway stopped"
        await without_b(a)
        await b.start()
        await whole(a)


@in_shared_loop
async def test_promise_42_after_the_refresh_faults_are_partial(widowed: GatewayProcess) -> None:
    faults = await widowed.get("/faults")
    assert faults.status == 200
    assert faults.json["x-medkit"]["partial"] is True
    assert faults.medkit["failed_peers"] == ["subsystem_b"]
    assert [fault["fault_code"] for fault in faults.items] == ["PATH_BLOCKED"]


@in_shared_loop
async def test_promise_43_an_app_of_the_down_peer_answers_502_and_not_404(widowed: GatewayProcess) -> None:
    assert_unavailable(await widowed.get("/apps/subsystem_b__some_node/data"))


@in_shared_loop
async def test_promise_43_so_does_one_nobody_has_heard_of_while_the_peer_is_down(widowed: GatewayProcess) -> None:
    assert_unavailable(await widowed.get("/apps/subsystem_b__never_seen/data"))
    assert (await widowed.get("/apps/never_seen/data")).status == 404
    assert (await widowed.get("/apps/other__never_seen/data")).status == 404


async def test_promise_43_nor_is_it_404_at_a_gateway_that_never_reached_its_peer(cluster: Cluster) -> None:
    a = Tutorial(cluster).add("gateway_a", STEP_2["gateway_a"], manifest=robots.A)
    await a.start()
    assert_unavailable(await a.get("/apps/subsystem_b__some_node/data"))
    assert (await a.get("/faults")).medkit["failed_peers"] == ["subsystem_b"]


async def test_promise_44_a_peer_that_is_back_is_included_again_without_any_restart(pair: Pair) -> None:
    a, b = pair
    boot = (await a.get("/health")).json["x-medkit"]["boot_id"]
    await b.kill()
    await without_b(a)
    await b.start()
    await whole(a)
    await a.sees("subsystem_b")
    assert (await a.get("/apps/subsystem_b__some_node/data")).status == 200
    assert not (await a.get("/faults")).medkit.get("partial")
    assert (await a.get("/health")).json["x-medkit"]["boot_id"] == boot


async def test_promise_44_it_is_the_health_check_that_brings_it_back(cluster: Cluster) -> None:
    """The periodic refresh is a minute away."""
    tutorial = Tutorial(cluster)
    a = tutorial.add("gateway_a", STEP_2["gateway_a"], manifest=robots.A, settings={**QUIET, "health_interval_ms": 100})
    b = tutorial.add("gateway_b", STEP_1["gateway_b"], manifest=robots.B)
    await cluster.start_all([b, a])
    await whole(a)
    await b.kill()
    await without_b(a)
    await b.start()
    await whole(a)
