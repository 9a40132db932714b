"""Fault 86: files change while a gateway runs, for the better or the worse."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.federation.client import Client
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway

PATIENT = {"aggregation.timeout_ms": 60_000, "aggregation.write_timeout_ms": 60_000}


def manifest(name: str, *more: str) -> Mapping[str, Any]:
    data = [{"id": "mark", "name": "Mark", "value": "declared", "writable": True}]
    apps = [{"id": app, "name": app, "data": data} for app in (f"{name}_app", *more)]
    return {"apps": apps}


def peers(*named: tuple[str, Gateway]) -> dict[str, Any]:
    return {"aggregation.enabled": True, "aggregation.peers": [{"name": name, "url": at.url} for name, at in named]}


async def warned(gateway: Gateway, code: str) -> str:
    """Waits for this warning; its message."""

    async def message() -> str:
        warnings = (await gateway.get("/health")).json["warnings"]
        assert code in {each["code"] for each in warnings}, warnings
        return str(next(each["message"] for each in warnings if each["code"] == code))

    return await eventually(message)


async def calm(gateway: Gateway) -> None:
    """Waits until nothing is warned of."""

    async def is_calm() -> bool:
        assert (await gateway.get("/health")).json["warnings"] == []
        return True

    await eventually(is_calm)


@asynccontextmanager
async def asking(client: Client, path: str) -> AsyncIterator[Counter[tuple[str, int]]]:
    """Reads and writes at this path, as fast as they are answered, while the block runs."""
    answers: Counter[tuple[str, int]] = Counter()

    async def keep(method: str, body: Any) -> None:
        while True:
            answer = await client.request(method, path, json=body)
            answers[method, answer.status] += 1

    tasks = [asyncio.create_task(keep("GET", None)), asyncio.create_task(keep("PUT", {"value": "written"}))]
    try:
        yield answers
        assert not any(task.done() for task in tasks), tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def moves(answers: Counter[tuple[str, int]], number: int = 20) -> None:
    before = answers.total()
    await eventually(lambda: answers.total() >= before + number)


async def since(gateway: Gateway, peer: str) -> float:
    """Since when the peer has its state."""
    (found,) = [each for each in (await gateway.get("/health")).json["peers"] if each["name"] == peer]
    return float(found["x-medkit"]["since"])


async def test_fault_086_peers_come_go_and_change_without_a_lost_request_and_mistakes_change_nothing(
    cluster: Cluster,
) -> None:
    arm, leg, head = (cluster.add(name, manifest=manifest(name)) for name in ("arm", "leg", "head"))
    hub = cluster.add("hub", settings={**PATIENT, **peers(("arm", arm), ("leg", leg))})
    await cluster.start_all()
    await hub.lists("apps", "arm_app", "leg_app")
    up_since = await since(hub, "arm")
    before = len(hub.log())
    async with asking(hub, "/apps/arm_app/data/mark") as answers:
        await moves(answers)

        (hub.process.folder / "gateway.yaml").write_text("server:\n  port: 8080\n  prot: 1\n")
        assert "gateway.yaml:3: server.prot: found an unknown setting" in await warned(hub, "reload_refused")
        await moves(answers)
        await hub.lists("apps", "arm_app", "leg_app")

        hub.configure({**peers(("head", head), ("arm", arm)), "refresh_interval_ms": 500})
        hub.config["aggregation"]["peers"][1]["timeout_ms"] = 5000  # other terms, so another connection
        hub.write()
        await hub.lists("apps", "arm_app", "head_app")
        assert (await warned(hub, "restart_needed")).endswith("from the next start on: refresh_interval_ms")
        await moves(answers)
        await hub.lists("apps", "arm_app", "head_app")

        hub.configure({"refresh_interval_ms": 300, "cors.allowed_origins": ["http://ui"]})
        hub.write()
        await calm(hub)
        answer = await hub.get("/apps", headers={"Origin": "http://ui"})
        assert answer.headers["Access-Control-Allow-Origin"] == "http://ui"

        hub.process.send(signal.SIGHUP)
        await eventually(lambda: "configuration unchanged" in hub.process.log_text())
        await moves(answers)
    assert set(answers) == {("GET", 200), ("PUT", 200)}
    assert await since(hub, "arm") == up_since
    assert not any(line["event"] == "peer state changed" and line["peer"] == "arm" for line in hub.log()[before:])


async def test_fault_086_a_configured_peer_that_moves_is_followed_with_its_names(cluster: Cluster) -> None:
    here = cluster.add("here", manifest=manifest("arm"))
    hub = cluster.add("hub", settings={**PATIENT, **peers(("arm", here))})
    await cluster.start_all()
    await hub.lists("apps", "arm_app")
    there = cluster.add("there", manifest=manifest("arm", "wrist"))
    await there.start()
    hub.configure(peers(("arm", there)))
    hub.write()
    await hub.lists("apps", "arm_app", "wrist")
    assert (await hub.get("/apps/wrist/data/mark")).status == 200
    assert await here.stop() == 0
    assert (await hub.get("/apps/arm_app/data/mark")).status == 200


async def test_fault_086_a_manifest_that_changes_is_served_and_what_stays_keeps_its_values(cluster: Cluster) -> None:
    arm = cluster.add("arm", manifest=manifest("arm", "wrist"))
    hub = cluster.add("hub", settings=peers(("arm", arm)))
    await cluster.start_all()
    await hub.lists("apps", "arm_app", "wrist")
    assert (await hub.request("PUT", "/apps/arm_app/data/mark", json={"value": "written"})).status == 200

    arm.manifest = manifest("arm", "finger")
    arm.write()
    await hub.lists("apps", "arm_app", "finger")
    assert (await hub.get("/apps/arm_app/data/mark")).json["data"] == "written"
    assert (await hub.get("/apps/finger/data/mark")).json["data"] == "declared"
    assert (await hub.get("/apps/wrist")).status == 404

    (arm.process.folder / "manifest.yaml").write_text("manifest_version: '1.0'\napps:\n  - name: no id\n")
    assert "manifest.yaml:3" in await warned(arm, "reload_refused")
    await hub.lists("apps", "arm_app", "finger")
    arm.write()
    await calm(arm)
