"""A Python program is a gateway like any other: alone, as a peer, and after a restart."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster
from tests.federation.process import ROOT
from tests.federation.program import add_program

PUMP = ROOT / "examples" / "pump-station" / "pump.py"


async def test_a_pump_station_in_python_is_served_through_a_gateway_that_reads_it(cluster: Cluster) -> None:
    pump = add_program(cluster, PUMP)
    above = cluster.add("above", manifest={"apps": [{"id": "planner", "name": "Planner"}]}, peers=[("station", pump)])
    await cluster.start_all()
    await above.lists("apps", "planner", "pump")
    await above.lists("components", "pump_station")

    pressure = await above.get("/apps/pump/data/pressure")
    assert 0 <= pressure.json["data"] <= 6
    assert pressure.json["unit"] == "bar"

    refused = await above.request("PUT", "/apps/pump/data/speed", json={"value": 50})
    assert "automatic mode" in refused.json["message"]
    manual = await above.request(
        "POST", "/apps/pump/operations/select_mode/executions", json={"parameters": {"mode_name": "manual"}}
    )
    assert (manual.status, manual.json["parameters"]) == (200, {"mode": "manual"})
    written = await above.request("PUT", "/apps/pump/data/speed", json={"value": 0})
    assert (written.status, written.json["data"]) == (200, 0.0)

    begun = await above.request("POST", "/apps/pump/operations/prime/executions", json={"input": {"seconds": 0.2}})
    assert begun.status == 202

    async def has_ended() -> bool:
        return bool((await above.get(begun.headers["Location"])).json["status"] == "completed")

    await eventually(has_ended)

    raised = await above.request("PUT", "/apps/pump/configurations/low_limit", json={"data": 6})
    assert raised.status == 200

    async def is_low() -> bool:
        faults = (await above.get("/apps/pump/faults")).items
        return [(fault["fault_code"], fault["status"]) for fault in faults] == [("P_LOW", "CONFIRMED")]

    await eventually(is_low)
    await above.request("PUT", "/apps/pump/configurations/low_limit", json={"data": 0})

    async def has_healed() -> bool:
        return [fault["fault_code"] for fault in (await above.get("/apps/pump/faults?status=healed")).items] == [
            "P_LOW"
        ]

    await eventually(has_healed)
    await pump.restart()
    kept = await eventually(lambda: pump.get("/apps/pump/configurations/low_limit"))
    assert kept.json["data"] == 0


async def test_a_program_that_is_told_of_peers_shows_them(cluster: Cluster) -> None:
    leaf = cluster.add("leaf", manifest={"apps": [{"id": "arm", "name": "Arm"}]})
    await leaf.start()
    pump = add_program(cluster, PUMP, leaf.url)
    await pump.start()
    await pump.lists("apps", "arm", "pump")
    (peer,) = (await pump.get("/health")).json["peers"]
    assert peer["name"] == f"127_0_0_1_{leaf.port}"


async def test_a_program_with_a_mistake_in_its_settings_ends_with_the_code_of_one(tmp_path: Path) -> None:
    script = tmp_path / "bad.py"
    script.write_text("import sys, grove\nsys.exit(grove.run(grove.App('a'), port=80, settings={'nonsense': 1}))\n")
    ended = await asyncio.to_thread(run, script)
    assert ended.returncode == 2
    assert [line.split(": ")[1] for line in ended.stderr.splitlines()[:2]] == ["nonsense", "server.port"]


def run(script: Path) -> subprocess.CompletedProcess[str]:
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run([sys.executable, script], capture_output=True, text=True, env=env, timeout=60, check=False)


async def test_a_program_whose_port_is_taken_says_where_a_program_chooses_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PUMP),
            cwd=tmp_path,
            env={**os.environ, "GROVE_SERVER__PORT": port, "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await program.communicate()
    assert program.returncode == 3
    assert b"choose another port with grove.run(..., port=8081), or GROVE_SERVER__PORT=8081" in told
    assert b"-p server.port" not in told
