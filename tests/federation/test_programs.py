"""A program of a machine goes and comes back at a gateway above, and is stopped through it."""

import subprocess
import sys
import uuid

from tests.federation.gateways import Cluster, eventually


def start_process(token: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(600)", token])


async def test_a_process_that_stops_and_starts_is_seen_two_gateways_away(cluster: Cluster) -> None:
    token = uuid.uuid4().hex
    process = start_process(token)
    settings = {
        "local.host": True,
        "local.processes": [{"name": token, "match": "cmdline", "id": "pump"}],
        "local.watch_interval_ms": 100,
        "local.allow_control": True,
        "local.disk_limit_percent": 1,
        "local.fault_hold_ms": 100,
    }
    rack = {"components": [{"id": "rack"}], "apps": [{"id": "pump", "is_located_on": "rack"}]}
    c = cluster.add("c", manifest=rack, settings=settings)
    b = cluster.add("b", peers=[("c", c)])
    a = cluster.add("a", peers=[("b", b)])

    async def is_online(expected: bool) -> bool:
        shown = [item["x-medkit"]["is_online"] for item in (await a.get("/apps")).items if item["id"] == "pump"]
        return shown == [expected] and (await a.get("/apps/pump/status")).json["status"] == (
            "ready" if expected else "notReady"
        )

    try:
        await cluster.start_all()
        await eventually(lambda: is_online(expected=True))
        process.kill()
        process.wait()
        await eventually(lambda: is_online(expected=False))
        stopped = {item["id"]: item["value"] for item in (await a.get("/apps/pump/data")).items}
        assert (stopped["state"], stopped["pid_count"]) == ("stopped", 0)
        process = start_process(token)
        await eventually(lambda: is_online(expected=True))

        links = (await a.get("/apps/pump/status")).json
        assert links["shutdown"] == "/api/v1/apps/pump/status/shutdown"
        asked = await a.request("PUT", "/apps/pump/status/shutdown")
        assert (asked.status, asked.headers["Location"]) == (202, "/api/v1/apps/pump/status")
        await eventually(lambda: is_online(expected=False))
        assert (await a.get("/components/rack/status")).json == {"status": "notReady"}
        assert (await a.request("PUT", "/apps/pump/status/start")).status == 501
        assert (await a.request("PUT", "/apps/pump/status/dance")).status == 404
        components = {item["id"]: item for item in (await a.get("/components")).items}
        (machine,) = components.keys() - {"rack"}
        assert (await a.get(f"/components/{machine}/status")).json == {"status": "ready"}

        async def disk_is_full() -> bool:
            faults = (await a.get(f"/components/{machine}/faults")).items
            return "DISK_ROOT_FULL" in [fault["fault_code"] for fault in faults]

        await eventually(disk_is_full)
    finally:
        process.kill()
        process.wait()
