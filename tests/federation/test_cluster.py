"""The harness itself: what it writes, what it forgives, what it does not."""

import signal
from pathlib import Path

import pytest
import yaml

from tests.federation.gateways import Cluster, GatewayProcess, eventually
from tests.federation.process import EndedError


async def test_settings_are_written_in_the_tutorials_shape(cluster: Cluster) -> None:
    b = cluster.add("b")
    a = cluster.add(
        "a", peers=[("subsystem_b", b), ("elsewhere", "http://127.0.0.1:9")], settings={"sse.max_clients": 3}
    )
    await a.start(wait=False)
    await a.kill()
    written = yaml.safe_load((a.process.folder / "gateway.yaml").read_text())["ros2_medkit_gateway"]["ros__parameters"]
    assert written["server"]["port"] == a.port
    peers = {"peer_urls": [b.url, "http://127.0.0.1:9"], "peer_names": ["subsystem_b", "elsewhere"]}
    assert written["aggregation"].items() >= {"enabled": True, **peers}.items()
    assert written["sse"] == {"max_clients": 3}


async def test_a_gateway_that_does_not_start_fails_with_its_log(cluster: Cluster) -> None:
    gateway = cluster.add("a", settings={"server.prot": 1})
    with pytest.raises(EndedError, match=r"exit code 2[\s\S]*server\.prot"):
        await gateway.start()


async def test_a_gateway_answers_its_manifest_and_ends_cleanly(cluster: Cluster) -> None:
    gateway = cluster.add("a", manifest={"components": [{"id": "pump", "name": "Pump"}]})
    await gateway.start()
    assert (await gateway.get("/components")).ids == ["pump"]
    assert gateway.rss_bytes() > 1_000_000
    assert gateway.open_fds() > 3
    assert await eventually(gateway.log)
    assert await gateway.stop(signal.SIGTERM) == 0


async def test_a_restarted_gateway_is_at_the_same_place(cluster: Cluster) -> None:
    gateway = cluster.add("a")
    await gateway.start()
    before = (await gateway.get("/health")).json["x-medkit"]
    await gateway.restart()
    after = (await gateway.get("/health")).json["x-medkit"]
    assert (after["instance_id"], after["boot_id"] != before["boot_id"]) == (before["instance_id"], True)


@pytest.fixture
def complaining(tmp_path: Path) -> Path:
    """The log of a gateway that was in a cluster and complained."""
    log = tmp_path / "a" / "log.txt"
    log.parent.mkdir()
    log.write_text('{"event": "Task exception was never retrieved"}\n')
    return log


async def test_a_traceback_in_a_log_fails_the_test_and_shows_the_log(
    complaining: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError, match="a logged: never retrieved"):
        async with Cluster(complaining.parents[1]) as cluster:
            cluster.add("a")
    assert complaining.read_text() in capsys.readouterr().out


async def test_what_is_forgiven_does_not_fail_the_test(complaining: Path) -> None:
    async with Cluster(complaining.parents[1]) as cluster:
        gateway: GatewayProcess = cluster.add("a")
        cluster.forgive = True
    assert gateway.process.log_text() == complaining.read_text()


async def test_a_failed_test_shows_the_logs_and_its_own_reason(
    complaining: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError, match="the test's own"):
        async with Cluster(complaining.parents[1]) as cluster:
            cluster.add("a")
            raise AssertionError("the test's own")
    assert "----- log of a" in capsys.readouterr().out
