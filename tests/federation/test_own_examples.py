"""The examples that have real things of their own do what their pages say."""

import subprocess
import sys
from pathlib import Path

from tests.federation.eventually import eventually
from tests.federation.examples import EXAMPLES, Moved, commands_of_page
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.ports import free_port
from tests.federation.process import Process
from tests.unit.local.systemctl import FakeSystemctl


def added(cluster: Cluster, example: str) -> GatewayProcess:
    """The one gateway of the example, not started yet."""
    (command,) = commands_of_page(example)
    return Moved(cluster, example).add("gateway", command)


async def has_fault(gateway: GatewayProcess, entity: str, code: str, status: str) -> None:
    """Waits until the entity's fault has this status."""

    async def so() -> bool:
        faults = (await gateway.get(f"{entity}/faults?status=all")).items
        return (code, status) in {(fault["fault_code"], fault["status"]) for fault in faults}

    await eventually(so)


async def test_a_bench_is_read_switched_and_heated_through_files_and_commands(cluster: Cluster) -> None:
    bench = added(cluster, "bench")
    folder = bench.process.folder
    await bench.start()
    shown = {item["id"]: item for item in (await bench.get("/components/dut/data")).items}
    assert (shown["temperature"]["value"], shown["temperature"]["unit"]) == (41.5, "°C")
    assert shown["serial"]["value"] == "QX-0417"
    kernel = await bench.get("/components/workstation/data/kernel")
    assert kernel.json["data"] == Path("/proc/sys/kernel/osrelease").read_text().strip()

    written = await bench.request("PUT", "/apps/supply/data/voltage", json={"value": 24.5})
    assert (written.status, (folder / "dut/voltage").read_text()) == (200, "24.5\n")
    refused = await bench.request("PUT", "/apps/supply/data/voltage", json={"value": 31})
    assert (refused.status, (folder / "dut/voltage").read_text()) == (400, "24.5\n")
    off = await bench.request("POST", "/apps/supply/operations/switch_off/executions", json={})
    assert (off.status, (folder / "dut/voltage").read_text()) == (200, "0\n")

    limit = await bench.request("PUT", "/apps/burn_in/configurations/target_temperature", json={"data": 200})
    assert limit.status == 400
    begun = await bench.request(
        "POST", "/apps/burn_in/operations/run/executions", json={"parameters": {"seconds": 2, "label": "nightly"}}
    )
    assert begun.status == 202

    async def has_ended() -> bool:
        told = (await bench.get(begun.headers["Location"])).json
        return (told["status"], told["parameters"].get("passed")) == ("completed", True)

    await eventually(has_ended)
    logged = [(entry["severity"], entry["message"]) for entry in (await bench.get("/apps/burn_in/logs")).items]
    assert logged[-2:] == [("info", "burn-in nightly for 2 s"), ("info", "burn-in nightly passed")]

    (folder / "dut/temperature").write_text("71500\n")
    await has_fault(bench, "/components/dut", "DUT_HOT", "CONFIRMED")
    (folder / "dut/temperature").write_text("64000\n")
    await has_fault(bench, "/components/dut", "DUT_HOT", "HEALED")
    (folder / "dut/temperature").unlink()
    await has_fault(bench, "/components/dut", "DUT_GONE", "CONFIRMED")
    assert (await bench.get("/components/dut/data/temperature")).status == 503
    assert (await bench.get("/components/dut/data/serial")).json["data"] == "QX-0417"


async def test_a_device_that_dies_takes_only_its_own_items_with_it_and_comes_back(cluster: Cluster) -> None:
    gateway, port = added(cluster, "http-device"), free_port()
    manifest = gateway.process.folder / "device_manifest.yaml"
    manifest.write_text(manifest.read_text().replace("8090", str(port)))
    device = Process("device", [str(EXAMPLES / "http-device" / "device.py"), str(port)], cluster.folder / "device")
    device.start()
    try:
        await gateway.start()

        async def speed() -> object:
            return (await gateway.get("/apps/fan/data/speed")).json.get("data")

        async def is_at(percent: int) -> bool:
            return await speed() == percent

        await eventually(lambda: is_at(40))
        written = await gateway.request("PUT", "/apps/fan/data/speed", json={"value": 5})
        assert written.status == 200
        await eventually(lambda: is_at(5))
        await has_fault(gateway, "/apps/fan", "AIR_HOT", "CONFIRMED")
        boost = await gateway.request(
            "POST", "/apps/fan/operations/boost/executions", json={"parameters": {"seconds": 60}}
        )
        assert (boost.status, boost.json["parameters"]) == (200, {"boost_s": 60.0})
        await eventually(lambda: is_at(100))
        await has_fault(gateway, "/apps/fan", "AIR_HOT", "HEALED")

        assert await device.stop() == 0
        await has_fault(gateway, "/apps/fan", "DEVICE_LOST", "CONFIRMED")
        lost = await gateway.get("/apps/fan/data/speed")
        assert (lost.status, lost.json["error_code"]) == (503, "service-unavailable")
        assert (await gateway.get("/components/fan_unit/data/place")).json["data"] == "Roof 2"
        device.start()
        await has_fault(gateway, "/apps/fan", "DEVICE_LOST", "HEALED")
        await eventually(lambda: is_at(40))
    finally:
        if device.is_running:
            await device.kill()


async def test_a_linux_machine_without_systemd_says_so_of_its_units_and_of_nothing_else(cluster: Cluster) -> None:
    """Until the program is there; then a unit fails, while a process comes and goes."""
    systemd = FakeSystemctl(cluster.folder / "systemd")
    systemctl = Path(systemd.program)
    working = systemctl.rename(systemctl.with_name("later"))
    systemctl.write_text("#!/bin/sh\necho 'Host is down' >&2\nexit 1\n")
    systemctl.chmod(0o755)
    machine = added(cluster, "linux-host")
    machine.process.prefix = ["env", f"PATH={systemctl.parent}:/usr/bin:/bin"]
    await machine.start()
    unseen = await machine.get("/apps/cron/data/unit_state")
    assert unseen.status == 503
    assert "Host is down" in unseen.json["message"]
    release = await machine.get("/apps/kernel/data/release")
    assert release.json["data"] == Path("/proc/sys/kernel/osrelease").read_text().strip()
    (host,) = (await machine.get("/components")).ids
    assert (await machine.get(f"/components/{host}/data/memory_total")).json["data"] > 0

    async def webs() -> int:
        return int((await machine.get("/apps/web/data/pid_count")).json["data"])

    async def are(count: int) -> bool:
        return await webs() == count

    async def is_ready() -> bool:
        return bool((await machine.get("/apps/web/status")).json["status"] == "ready")

    before = await webs()
    web = subprocess.Popen(
        [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await eventually(lambda: are(before + 1))
        await eventually(is_ready)
    finally:
        web.kill()
        web.wait()
    await eventually(lambda: are(before))

    for unit in ("ssh.service", "systemd-journald.service", "systemd-timesyncd.service"):
        systemd.set(unit, "active")
    systemd.set("cron.service", "failed")
    working.rename(systemctl)
    await has_fault(machine, "/apps/cron", "UNIT_FAILED", "CONFIRMED")
    assert (await machine.get("/apps/ssh/data/unit_state")).json["data"] == "active"
    systemd.set("cron.service", "active")
    await has_fault(machine, "/apps/cron", "UNIT_FAILED", "HEALED")
