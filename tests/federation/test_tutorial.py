"""Every sentence of the tutorial's steps 1, 2, 3, 5 and 6, on its own ports. Step 4 is about mDNS."""

import socket

import pytest

from tests.federation import robots
from tests.federation.gateways import Cluster, GatewayProcess, eventually
from tests.federation.tutorial import FILES, PORTS, STEP_1, STEP_2, STEP_6, Tutorial

pytestmark = pytest.mark.serial


@pytest.fixture
def tutorial(cluster: Cluster) -> Tutorial:
    for port in PORTS.values():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"something else listens on port {port}, which the tutorial uses")
    return Tutorial(cluster, to_the_letter=True)


AT_ITS_PACE: dict[str, int] = {}
"""No settings but the tutorial's."""


async def test_step_1_two_gateways_report_healthy_on_their_ports(cluster: Cluster, tutorial: Tutorial) -> None:
    gateways = [tutorial.add(name, command, settings=AT_ITS_PACE) for name, command in STEP_1.items()]
    await cluster.start_all()
    assert [gateway.url for gateway in gateways] == ["http://127.0.0.1:8080", "http://127.0.0.1:8081"]
    for gateway in gateways:
        health = await gateway.request("GET", "/health")
        assert health.json.items() >= {"status": "healthy"}.items()


async def test_steps_2_and_3_a_merges_and_answers_for_b(cluster: Cluster, tutorial: Tutorial) -> None:
    before = tutorial.add("gateway_a", STEP_1["gateway_a"], manifest=robots.A, settings=AT_ITS_PACE)
    b = tutorial.add("gateway_b", STEP_1["gateway_b"], manifest=robots.B, settings=AT_ITS_PACE)
    await cluster.start_all([before, b])
    assert await before.stop() == 0
    a = tutorial.add("gateway_a", STEP_2["gateway_a"], manifest=robots.A, settings=AT_ITS_PACE)
    assert (a.process.folder / "gateway_a_params.yaml").read_text() == FILES["gateway_a_params.yaml"]
    await a.start()
    await components_are_merged(a)
    await areas_and_functions_are_merged(a)
    remote, owner = [await gateway.get("/components/arm_controller/data") for gateway in (a, b)]
    assert (remote.status, remote.json) == (200, owner.json)


async def components_are_merged(a: GatewayProcess) -> None:
    """Robot, which both have, once with what both know; the arm as a separate entry that says whose it is."""
    components = await a.get("/components")
    assert components.headers["Content-Type"].startswith("application/json")
    assert [(item["id"], item["source"]) for item in components.items] == [
        ("robot", "manifest"),
        ("arm_controller", "peer:subsystem_b"),
    ]
    assert set(components.item("robot")["tags"]) == {"base", "arm"}


async def areas_and_functions_are_merged(a: GatewayProcess) -> None:
    assert (await a.get("/areas")).ids == ["root"]
    functions = await a.get("/functions")
    assert functions.ids == ["navigation"]
    assert functions.item("navigation")["x-medkit"]["hosts"] == ["planner", "subsystem_b__some_node"]


async def test_step_3_two_gateways_of_one_host_are_one_component(cluster: Cluster, tutorial: Tutorial) -> None:
    """Started as the tutorial starts them, both serve this machine."""
    a, _ = [tutorial.add(name, command, settings=AT_ITS_PACE) for name, command in STEP_2.items()]
    await cluster.start_all()
    await a.sees("subsystem_b")
    (machine,) = (await a.get("/components")).items
    assert machine["source"] == "runtime"
    assert (await a.get(f"/components/{machine['id']}")).medkit["contributors"] == ["local", "peer:subsystem_b"]


async def test_step_5_a_peer_that_goes_down_is_handled_gracefully(cluster: Cluster, tutorial: Tutorial) -> None:
    a, b = tutorial.add_all(STEP_2, robots.PAIR, settings=AT_ITS_PACE)
    await cluster.start_all([b, a])
    await a.lists("components", "robot", "arm_controller")
    assert await b.stop() == 0  # Ctrl-C in terminal 2
    still = await a.get("/components")
    assert still.status == 200
    await a.lists("components", "robot")
    assert await peer_status(a) == "offline"
    assert (await a.get("/faults")).json["x-medkit"]["partial"] is True
    data = await a.get("/components/robot/data")
    assert (data.medkit["partial"], data.medkit["failed_peers"]) == (True, ["subsystem_b"])
    assert (await a.get("/apps/subsystem_b__some_node/data")).status == 502
    await b.start()
    await a.lists("components", "robot", "arm_controller")
    assert await peer_status(a) == "online"
    assert (await a.get("/apps/subsystem_b__some_node/data")).status == 200


async def peer_status(gateway: GatewayProcess) -> str:
    (peer,) = (await gateway.get("/health")).json["peers"]
    return str(peer["status"])


async def test_step_6_a_returns_components_of_all_three_levels(cluster: Cluster, tutorial: Tutorial) -> None:
    a, _, c = tutorial.add_all(STEP_6, robots.CHAIN, settings=AT_ITS_PACE)
    await cluster.start_all()
    await a.lists("components", "control_room", "robot", "torch")
    written = await a.request("PUT", "/apps/arc/data/current", json={"value": 160.0})
    assert written.status == 200
    assert (await c.get("/apps/arc/data/current")).json["data"] == 160.0
    assert await c.stop() == 0

    async def named() -> bool:
        return (await a.get("/faults")).medkit.get("failed_peers") == ["mid_level/leaf_system"]

    await eventually(named)
    assert (await a.get("/apps/arc/data")).status == 502
