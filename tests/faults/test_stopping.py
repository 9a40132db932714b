"""Fault 81: a gateway is told to stop while everybody uses it."""

import asyncio
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.federation.client import Client
from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway
from tests.federation.plant import manifest

CLIENTS = 8
NAMES = ("top", "mid", "leaf")
PATIENT = {"aggregation.timeout_ms": 60_000, "aggregation.write_timeout_ms": 60_000}
"""A request that runs out of time because the machine is busy would look like one that was lost."""

GONE = frozenset({502, 503})
"""What is said of entities whose gateway has left: it was not asked, or refused before it began."""


async def chain(cluster: Cluster) -> dict[str, Gateway]:
    """Three gateways, each the peer of the one before, running and whole."""
    leaf = cluster.add("leaf", manifest=manifest("leaf"), settings=PATIENT)
    mid = cluster.add("mid", manifest=manifest("mid"), peers=[("leaf", leaf)], settings=PATIENT)
    top = cluster.add("top", manifest=manifest("top"), peers=[("mid", mid)], settings=PATIENT)
    await cluster.start_all()
    await top.lists("components", *(f"{name}_unit" for name in NAMES))
    return {"top": top, "mid": mid, "leaf": leaf}


class Load:
    """Clients of one gateway, half of them with a connection for each request. What they begin is answered."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.answers: Counter[int] = Counter()
        self.refused = 0
        # Mutable state: the statuses, and how many connections were refused.

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """While the block runs; the first request that is lost ends it."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(self._keep_asking(number, over))
            try:
                yield
            finally:
                over.set()

    async def _keep_asking(self, number: int, over: asyncio.Event) -> None:
        paths = itertools.cycle(f"/apps/{name}_app/data/whose" for name in NAMES)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=number % 2 == 0)) as session:
            client = Client(self._gateway.url, session)
            while not over.is_set():
                await self._ask(client, next(paths), is_write=number % 4 == 3)

    async def _ask(self, client: Client, path: str, *, is_write: bool) -> None:
        method, body = ("PUT", {"value": "written"}) if is_write else ("GET", None)
        try:
            answer = await client.request(method, path, json=body)
        except aiohttp.ClientConnectorError:
            self.refused += 1  # it was never begun
            await asyncio.sleep(0.01)
            return
        assert answer.status == 200 or answer.status in GONE, (method, path, answer.status, answer.body)
        assert not (answer.json or {}).get("parameters", {}).get("may_have_executed"), (path, answer.body)
        self.answers[answer.status] += 1

    async def moves(self, number: int = 50) -> None:
        """Waits for so many more answers."""
        before = self.answers.total()
        await eventually(lambda: self.answers.total() >= before + number)


async def events_end_with_bye(gateway: Gateway) -> None:
    async with gateway.open("GET", "/x-medkit-events", headers={"Accept": "text/event-stream"}) as response:
        body = (await response.content.read()).decode()
    assert body.rstrip().endswith("event: bye\ndata: {}"), body


async def draining_is_told(gateway: Gateway) -> None:
    """A connection that is kept sees it at once, however short the time in which new ones are taken."""
    async with aiohttp.ClientSession() as session:
        client = Client(gateway.url, session)
        while (answer := await client.get("/health")).status == 200:
            await asyncio.sleep(0.005)
    assert (answer.status, answer.json["status"]) == (503, "draining")
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize("stopped", NAMES)
async def test_fault_081_a_gateway_of_a_chain_that_is_told_to_stop_under_load_loses_no_request(
    cluster: Cluster, stopped: str
) -> None:
    gateways = await chain(cluster)
    load = Load(gateways["top"])
    async with load.flowing():
        await load.moves()
        watching = [
            asyncio.create_task(events_end_with_bye(gateways[stopped])),
            asyncio.create_task(draining_is_told(gateways[stopped])),
        ]
        await load.moves()
        assert await gateways[stopped].stop(signal.SIGTERM) == 0
        await asyncio.gather(*watching)
        if stopped == "top":
            await eventually(lambda: load.refused)
        else:
            await load.moves()
            assert load.answers[502] > 0
    assert load.answers[200] > 0
    log = gateways[stopped].log()
    assert [line["event"] for line in log if line["event"].startswith("gateway st")] == [
        "gateway stopping",
        "gateway stopped",
    ]


async def test_fault_081_streams_through_a_gateway_that_stops_end_between_two_events_with_one_more(
    cluster: Cluster,
) -> None:
    owner = await cluster.owner({"name": "arm", "apps": [{"id": "drive", "data": ["speed"]}]})
    hub = cluster.add("hub", peers=[("arm", owner)])
    await hub.start()
    await hub.lists("apps", "drive")
    streams = [hub.open("GET", f"/apps/drive/events?interval={pause}") for pause in (0.001, 1000)]
    async with streams[0] as busy, streams[1] as resting:
        for stream in (busy, resting):
            await stream.content.readline()
        stopping = asyncio.create_task(hub.stop(signal.SIGTERM))
        for stream in (busy, resting):
            body = await stream.content.read()  # its end is clean, or this raises
            assert body.endswith(b"\nevent: bye\ndata: {}\n\n")
    assert await stopping == 0


async def test_fault_081_who_is_told_twice_waits_for_nothing(cluster: Cluster) -> None:
    owner = await cluster.owner({"name": "arm", "apps": [{"id": "drive", "data": ["speed"]}]})
    hub = cluster.add("hub", peers=[("arm", owner)], settings={"server.drain_ms": 600_000})
    await hub.start()
    await hub.lists("apps", "drive")
    async with hub.open("GET", "/apps/drive/download?size=1000000000") as download:
        await download.content.readany()
        hub.process.send(signal.SIGTERM)
        await eventually(lambda: any(line["event"] == "gateway stopping" for line in hub.log()))
        assert await hub.stop(signal.SIGTERM) == 0
        with pytest.raises(aiohttp.ClientPayloadError):
            await download.read()
