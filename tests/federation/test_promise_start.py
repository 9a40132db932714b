"""Promises 1 to 5: two gateways start in two terminals and are healthy (the tutorial's step 1)."""

import socket
from pathlib import Path

import pytest
import pytest_asyncio

from tests.federation.client import Client, new_session
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.ports import free_port
from tests.federation.process import Process
from tests.federation.tutorial import STEP_1, Tutorial

in_shared_loop = pytest.mark.asyncio(loop_scope="module")

Pair = tuple[GatewayProcess, GatewayProcess]


async def banner(process: Process) -> str:
    """What it prints once it listens."""

    def printed() -> str:
        text = process.log_text()
        assert "Ctrl-C" in text
        return text

    return await eventually(printed)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(shared_cluster: Cluster) -> Pair:
    """A and B, started with the commands of step 1 and nothing else, so each serves this machine."""
    tutorial = Tutorial(shared_cluster, fresh=True)
    a, b = [tutorial.add(name, command, settings={}) for name, command in STEP_1.items()]
    await shared_cluster.start_all()
    return a, b


@in_shared_loop
async def test_promise_01_two_gateways_run_on_one_host(pair: Pair) -> None:
    instances = {(await gateway.get("/health")).json["x-medkit"]["instance_id"] for gateway in pair}
    assert len(instances) == 2
    for gateway in pair:
        assert (await gateway.get("/components")).items
        assert gateway.process.is_running


@pytest.mark.parametrize("command", ["--ros-args -p server.port:={}", "run -p server.port:={}"])
async def test_promise_02_the_port_is_set_on_the_command_line_without_a_file(cluster: Cluster, command: str) -> None:
    port = free_port()
    state = ["-p", f"server.state_dir:={cluster.folder / 'state'}"]
    gateway = cluster.add_command("b", [*command.format(port).split(), *state], cluster.folder / "b", port, fresh=True)
    await gateway.start()
    assert "  config     defaults\n" in await banner(gateway.process)


@in_shared_loop
async def test_promise_03_name_and_namespace_are_shown_in_banner_health_and_version(pair: Pair) -> None:
    for letter, gateway in zip("ab", pair, strict=True):
        name, namespace = f"gateway_{letter}", f"/subsystem_{letter}"
        assert f"  name       {name}\n  namespace  {namespace}\n" in await banner(gateway.process)
        health = (await gateway.get("/health")).json["x-medkit"]
        assert (health["name"], health["namespace"]) == (name, namespace)
        (version,) = (await gateway.get("/version-info")).items
        assert version["x-medkit"] == {"name": name, "namespace": namespace}


@in_shared_loop
async def test_promise_03_name_and_namespace_change_nothing_else(pair: Pair) -> None:
    """Entities are called as without them: this machine by its host name, on both."""
    a, b = [(await gateway.get("/components")).items for gateway in pair]
    assert a == b
    assert [component["name"] for component in a] == [socket.gethostname()]


async def test_promise_04_a_gateway_starts_with_no_config_and_aggregation_is_off(tmp_path: Path) -> None:
    """Port and state directory come by the environment here, so that the defaults of the machine are left alone."""
    port = free_port()
    environment = {"GROVE_SERVER__PORT": str(port), "XDG_STATE_HOME": str(tmp_path)}
    process = Process("grove", ["-m", "gateway", "run"], tmp_path / "gateway", environment)
    process.fresh = True
    process.start()
    try:
        async with new_session() as session:
            client = Client(f"http://127.0.0.1:{port}", session)
            health = await eventually(lambda: client.get("/health"))
            root = await client.get("/")
    finally:
        assert await process.stop() == 0
    assert health.json["status"] == "healthy"
    assert "peers" not in health.json
    assert root.json["capabilities"]["aggregation"] is False
    assert "  config     defaults\n" in process.log_text()


@in_shared_loop
async def test_promise_05_each_gateway_reports_healthy(pair: Pair) -> None:
    for gateway in pair:
        health = await gateway.get("/health")
        assert (health.status, health.json["status"]) == (200, "healthy")
        assert health.json["timestamp"] > 1_700_000_000 * 1_000_000_000
        assert (health.json["warnings"], health.json["warning_schema_version"]) == ([], 2)
        assert health.json["discovery"]["mode"] == "runtime_only"
