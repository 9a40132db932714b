"""Faults of the process and its machine: killed, a disk that takes nothing, no files left, no processor time."""

import asyncio
import os
import random
import signal

from tests.faults.bad_peer import BadPeer
from tests.faults.hub import SETTINGS, hub_of
from tests.faults.killing import killed
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway
from tests.federation.plant import manifest

KILLS = 12
"""`make soak` has a thousand (tests/soak/test_kills.py)."""

FILES = 160
"""Open files that a gateway may have here, a few dozen of which it has already."""


async def warnings(gateway: Gateway) -> set[str]:
    return {each["code"] for each in (await gateway.get("/health")).json["warnings"]}


async def test_fault_082_a_gateway_that_is_killed_at_any_moment_comes_back_as_who_it_was(cluster: Cluster) -> None:
    await killed(cluster, KILLS, random.Random())


async def test_fault_083_what_cannot_be_saved_is_warned_of_and_tried_again_while_everything_is_served(
    cluster: Cluster,
) -> None:
    arm = cluster.add("arm", manifest=manifest("arm"))
    hub = cluster.add("hub", manifest=manifest("hub"), peers=[("arm", arm)])
    await cluster.start_all()
    await hub.lists("apps", "arm_app", "arm__cam", "cam", "hub_app")
    state = hub.process.folder / "state"
    (saved,) = await eventually(lambda: [*state.glob("peer-*.json")])
    before = saved.read_bytes()
    in_the_way = saved.parent / f".{saved.name}.new"
    in_the_way.mkdir()
    arm.manifest = manifest("leg")
    arm.write()
    await hub.lists("apps", "leg_app", "arm__cam", "cam", "hub_app")
    await eventually(lambda: _has(hub, "state_not_saved"))
    assert saved.read_bytes() == before
    assert (await hub.get("/apps/leg_app/data/whose")).status == 200
    in_the_way.rmdir()
    await eventually(lambda: _has_not(hub, "state_not_saved"))
    assert saved.read_bytes() != before
    assert [line["event"] for line in hub.log() if line["event"].startswith("state ")] == [
        "state cannot be saved",
        "state is saved again",
    ]


async def _has(gateway: Gateway, code: str) -> bool:
    return code in await warnings(gateway)


async def _has_not(gateway: Gateway, code: str) -> bool:
    return code not in await warnings(gateway)


async def test_fault_084_a_gateway_without_files_to_spare_answers_health_and_blames_no_peer(cluster: Cluster) -> None:
    bad = BadPeer("bad")
    async with hub_of(cluster, bad) as hub:
        await hub.gateway.stop()
        hub.gateway.process.prefix = ["prlimit", f"--nofile={FILES}:{FILES}"]
        await hub.gateway.start()
        await eventually(lambda: hub.is_well(bad))
        states = hub.states(bad)
        clients = [await asyncio.open_connection("127.0.0.1", hub.gateway.port) for _ in range(2 * FILES)]
        await eventually(lambda: _has(hub.gateway, "too_many_connections"))
        refused = await hub.gateway.get("/apps/own_app/data/whose")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        await asyncio.sleep(3 * SETTINGS["health_interval_ms"] / 1000)
        await hub.is_online(bad)
        assert hub.states(bad) == states
        for _, writer in clients:
            writer.close()
        await eventually(lambda: hub.is_well(bad))
        await eventually(lambda: _has_not(hub.gateway, "too_many_connections"))
        assert hub.states(bad) == states


async def test_fault_084_requests_passed_on_leave_files_for_our_own(cluster: Cluster) -> None:
    """Each client that waits for a peer takes two files: more of them than there are files are refused, not lost."""
    bad = BadPeer("bad")
    async with hub_of(cluster, bad) as hub:
        await hub.gateway.stop()
        hub.gateway.process.prefix = ["prlimit", f"--nofile={FILES}:{FILES}"]
        await hub.gateway.start()
        await eventually(lambda: hub.is_well(bad))
        let = asyncio.Event()

        async def late(wire: object) -> None:
            await let.wait()

        bad.misbehave(late)
        request = f"GET {bad.item} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        clients = [await asyncio.open_connection("127.0.0.1", hub.gateway.port) for _ in range(FILES // 3 + 10)]
        for _, writer in clients:
            writer.write(request)
        reading = [asyncio.create_task(reader.read()) for reader, _ in clients]
        await eventually(lambda: sum(task.done() for task in reading) > 5)
        refused = [task.result() for task in reading if task.done()]
        assert all(b" 503 " in answer[:20] and b"connection_limit_reached" in answer for answer in refused), refused[0]
        await hub.is_online(bad)
        assert (await hub.gateway.get("/apps/own_app/data/whose")).status == 200
        let.set()
        bad.behave()
        await asyncio.gather(*reading)
        for _, writer in clients:
            writer.close()
        await eventually(lambda: hub.is_well(bad))


async def test_fault_085_a_gateway_that_was_stopped_for_a_while_blames_no_peer(cluster: Cluster) -> None:
    bad = BadPeer("bad")
    settings = {**SETTINGS, "aggregation.timeout_ms": 600, "aggregation.connect_timeout_ms": 300}
    async with hub_of(cluster, bad, settings=settings) as hub:
        before = {name: hub.states(hub[name]) for name in ("bad", "good")}
        for _ in range(3):
            os.kill(hub.gateway.process.pid, signal.SIGSTOP)
            await asyncio.sleep(2.0)
            os.kill(hub.gateway.process.pid, signal.SIGCONT)
            await eventually(lambda: hub.is_well(bad))
        assert {name: hub.states(hub[name]) for name in before} == before
