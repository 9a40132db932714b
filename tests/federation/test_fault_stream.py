"""The fault stream carries the faults of all gateways, each change once, and says what does not arrive."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from tests.federation.client import Client
from tests.federation.gateways import Cluster, Gateway, eventually
from tests.federation.upstreams import recorded_tree

STREAM = "/faults/stream?x-medkit-notices=true"
FOREVER = aiohttp.ClientTimeout(total=None)


def pump(number: int) -> dict[str, Any]:
    """A manifest with one App, `drive`, that reports HIGH while its level is above 5."""
    rule = {"code": "HIGH", "above": 5, "every_s": 0.1}
    level = {"id": "level", "value": 0, "writable": True, "rules": [rule]}
    return {"apps": [{"id": "drive", "name": f"Drive {number}", "data": [level]}]}


class Listener:
    """Reads a fault stream from now on."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.notices: list[tuple[str, dict[str, Any]]] = []
        self.last_id = ""

    def heard(self, entity_id: str) -> list[str]:
        """What happened to the fault of one App."""
        found = [change for change in self.changes if change["x-medkit"]["entity_id"] == entity_id]
        return [change["event_type"].removeprefix("fault_") for change in found]

    def has_heard(self, count: int, *entity_ids: str) -> bool:
        """At least so many changes of each."""
        return all(len(self.heard(entity_id)) >= count for entity_id in entity_ids)

    def silent(self) -> list[str]:
        """Who is silent, as far as it was told."""
        states = {told["peer"]: told["state"] for event, told in self.notices if event == "peer"}
        return sorted(peer for peer, state in states.items() if state == "silent")

    async def read(self, response: aiohttp.ClientResponse) -> None:
        event = ""
        async for raw in response.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            match name:
                case "id":
                    self.last_id = value
                case "event":
                    event = value
                case "data" if event.startswith("fault_"):
                    self.changes.append(json.loads(value))
                case "data":
                    self.notices.append((event, json.loads(value)))
                case _:
                    pass


@asynccontextmanager
async def listening(gateway: Client, last_id: str | None = None) -> AsyncIterator[Listener]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    listener = Listener()
    async with gateway.open("GET", STREAM, headers=headers, timeout=FOREVER) as response:
        assert response.status == 200
        reading = asyncio.create_task(listener.read(response))
        try:
            yield listener
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def set_level(gateway: Client, app_id: str, level: int) -> None:
    answer = await gateway.request("PUT", f"/apps/{app_id}/data/level", json={"value": level})
    assert answer.status == 200, answer


async def is_quiet(gateway: Gateway) -> bool:
    """Everybody is up, and every event line is open: nobody is silent to a new listener."""
    async with listening(gateway) as listener:
        for level, count in ((9, 1), (0, 2)):
            await set_level(gateway, "drive", level)
            await eventually(partial(listener.has_heard, count, "drive"))
        return not listener.silent()


async def test_every_change_comes_once_over_a_diamond_with_a_ring(cluster: Cluster) -> None:
    """top -> left, right -> bottom, and bottom -> top."""
    gateways = {name: cluster.add(name, manifest=pump(n)) for n, name in enumerate(("top", "left", "right", "bottom"))}
    top, bottom = gateways["top"], gateways["bottom"]
    for side in ("left", "right"):
        top.add_peer(side, gateways[side])
        gateways[side].add_peer("bottom", bottom)
    bottom.add_peer("top", top)
    await cluster.start_all()
    ids = ["drive", "left__drive", "right__drive", "bottom__drive"]
    await eventually(lambda: lists(top, ids))
    await eventually(lambda: is_quiet(top))

    async with listening(top) as listener:
        for level, count in ((9, 1), (0, 2)):
            for app_id in ids:
                await set_level(top, app_id, level)
            await eventually(partial(listener.has_heard, count, *ids))
        await set_level(top, "bottom__drive", 9)
        await eventually(lambda: len(listener.heard("bottom__drive")) >= 3)
        for app_id in ids:
            assert listener.heard(app_id)[:2] == ["confirmed", "cleared"]
            assert len(listener.heard(app_id)) == 2 + (app_id == "bottom__drive")
        by_id = {change["x-medkit"]["entity_id"]: change["x-medkit"] for change in listener.changes}
        assert "source" not in by_id["drive"]
        assert by_id["right__drive"]["source"] == "peer:right"
        assert by_id["bottom__drive"]["source"] == "peer:left"
        assert len({medkit["origin"] for medkit in by_id.values()}) == 4

        await gateways["right"].kill()
        await eventually(lambda: listener.silent() == ["right"])
        await set_level(top, "bottom__drive", 0)
        await eventually(lambda: len(listener.heard("bottom__drive")) == 4)
        await bottom.kill()
        await eventually(lambda: "left/bottom" in listener.silent())
        await bottom.start()
        await gateways["right"].start()
        await eventually(lambda: listener.silent() == [])
        await eventually(lambda: lists(top, ids))
        await set_level(top, "bottom__drive", 9)
        await eventually(lambda: listener.heard("bottom__drive")[-1] == "confirmed")


async def lists(gateway: Gateway, ids: list[str]) -> bool:
    return sorted((await gateway.get("/apps")).ids) == sorted(ids)


async def test_what_happens_while_a_line_is_cut_comes_when_it_is_mended(cluster: Cluster) -> None:
    leaf = cluster.add("leaf", manifest=pump(1))
    await leaf.start()
    link = await cluster.link(leaf)
    top = cluster.add("top", peers=[("leaf", link)], manifest=pump(0))
    await top.start()
    await top.lists("apps", "drive", "leaf__drive")
    await eventually(lambda: is_quiet(top))
    async with listening(top) as listener:
        await set_level(leaf, "drive", 9)
        await eventually(lambda: listener.heard("leaf__drive") == ["confirmed"])
        await link.cut()
        await eventually(lambda: listener.silent() == ["leaf"])
        async with listening(leaf) as there:
            for level, count in ((0, 1), (9, 2), (0, 3)):
                await set_level(leaf, "drive", level)
                await eventually(partial(there.has_heard, count, "drive"))
        await link.heal()
        await eventually(lambda: listener.heard("leaf__drive") == ["confirmed", "cleared", "confirmed", "cleared"])
        await eventually(lambda: listener.silent() == [])
        last_id = listener.last_id

    await set_level(leaf, "drive", 9)
    async with listening(top, last_id) as listener:
        await eventually(lambda: listener.heard("leaf__drive") == ["confirmed"])
        last_id = listener.last_id
    await top.restart()
    async with listening(top, last_id) as listener:
        await eventually(lambda: listener.notices[:1] == [("gap", {})])


async def test_the_faults_of_an_upstream_gateway_come_as_those_of_others(cluster: Cluster) -> None:
    upstream = cluster.upstream("c", recorded_tree("leaf"))
    await upstream.start()
    reader = cluster.add("reader", peers=[("c", upstream)])
    top = cluster.add("top", peers=[("reader", reader)])
    await cluster.start_all()
    await top.sees("reader")

    async def is_heard() -> bool:
        return bool((await upstream.state())["fault_streams"]["open"] == 1)

    await eventually(is_heard)
    apps = (await upstream.get("/apps")).items
    node = apps[0]["x-medkit"]["ros2"]["node"]
    fault = {"fault_code": "P_LOW", "severity": 2, "status": "CONFIRMED", "reporting_sources": [node]}
    event = {"event_type": "fault_confirmed", "fault": fault, "timestamp": 1.5}
    async with listening(top) as listener:
        await eventually(lambda: listener.silent() == [])
        await upstream.tell_fault(event)
        await eventually(lambda: len(listener.changes) == 1)
        (change,) = listener.changes
        assert change["fault"] == fault
        assert change["x-medkit"]["entity_id"] == apps[0]["id"]
        assert change["x-medkit"]["source"] == "peer:reader"
        await upstream.kill()
        await eventually(lambda: listener.silent() == ["reader/c"])
        await upstream.start()
        await eventually(lambda: listener.silent() == [])
        await eventually(is_heard)
        assert (await upstream.state())["fault_streams"]["asked"] == ["1"]
