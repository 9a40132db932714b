"""Clients that take too much, too slowly, or leave: what it costs others, and what becomes of what they began."""

import asyncio
from contextlib import AsyncExitStack, closing
from typing import Any

from tests.faults.bad_peer import BadPeer, first
from tests.faults.hub import BRIEF, SETTINGS, hub_of
from tests.federation.eventually import eventually
from tests.federation.garbage import HEALTH, Wire, as_json, never
from tests.federation.gateways import Cluster, Gateway, Owner

STREAMS = 3
EVENTS = {"Accept": "text/event-stream"}
FEED = "/apps/drive/events?interval=1000"


async def streaming(cluster: Cluster, **settings: Any) -> tuple[Gateway, Owner]:
    owner = await cluster.owner({"name": "arm", "apps": [{"id": "drive", "data": ["speed"]}]})
    hub = cluster.add("hub", peers=[("arm", owner)], settings={"sse.max_clients": STREAMS, **settings})
    await hub.start()
    await hub.lists("apps", "drive")
    return hub, owner


async def test_fault_062_streams_beyond_the_limit_are_refused_and_cost_nobody_else_anything(cluster: Cluster) -> None:
    hub, _ = await streaming(cluster)
    async with AsyncExitStack() as open_streams:
        streams = [await open_streams.enter_async_context(hub.open("GET", FEED)) for _ in range(STREAMS)]
        for stream in streams:
            await stream.content.readline()
        refused = await hub.get(FEED)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert "sse.max_clients" in refused.json["message"]
        # The lines of gateways are not counted, nor is anything that is no stream.
        async with hub.open("GET", "/x-medkit-events", headers=EVENTS) as line:
            assert line.status == 200
        assert (await hub.get("/apps/drive/data/speed")).status == 200
        streams[0].close()

        async def is_free() -> bool:
            async with hub.open("GET", FEED) as stream:
                return stream.status == 200

        await eventually(is_free)


async def test_fault_062_a_thousand_event_lines_that_come_and_go_leave_nothing_behind(cluster: Cluster) -> None:
    hub = cluster.add("hub", manifest={"apps": [{"id": "own", "name": "Own"}]})
    await hub.start()

    async def lines(number: int) -> None:
        async with AsyncExitStack() as opened:
            for _ in range(number):
                line = await opened.enter_async_context(hub.open("GET", "/x-medkit-events", headers=EVENTS))
                assert line.status == 200
                await line.content.readline()

    for _ in range(2):
        await lines(200)  # the first time, memory is taken that stays
    before, files = hub.rss_bytes(), hub.open_fds()
    for _ in range(5):
        await lines(200)
    await eventually(lambda: hub.open_fds() <= files)
    assert hub.rss_bytes() - before < 5 * 1024 * 1024


async def test_fault_063_a_reader_that_takes_nothing_holds_up_neither_the_owner_nor_other_readers(
    cluster: Cluster,
) -> None:
    hub, owner = await streaming(cluster)
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, limit=1024)
    with closing(writer):
        writer.write(b"GET /api/v1/apps/drive/events?interval=0&count=0 HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with hub.open("GET", "/apps/drive/events?interval=0.001&count=500") as other:
            body = await other.content.read()
        assert body.count(b"id: ") == 500
        await eventually(lambda: _streams(owner, 0))  # it was broken off


async def _streams(owner: Owner, number: int) -> bool:
    return bool((await owner.streams())["events_open"] == number)


async def test_fault_079_a_read_whose_client_leaves_is_ended_and_its_slot_is_free(cluster: Cluster) -> None:
    bad = BadPeer("bad")
    gone = asyncio.Event()

    async def until_nobody_wants_it(wire: Wire) -> None:
        try:
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                await wire.send(b"x")
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    async with hub_of(cluster, bad) as hub:
        bad.misbehave(until_nobody_wants_it)
        _, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port)
        writer.write(f"GET {bad.item} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await eventually(lambda: bad.times_asked(bad.item) > 0)
        writer.close()
        await eventually(gone.is_set)
        await hub.recovers(bad)


async def test_fault_079_a_write_whose_client_leaves_is_finished_and_told(cluster: Cluster) -> None:
    bad = BadPeer("bad")
    let, done = asyncio.Event(), asyncio.Event()

    async def late(wire: Wire) -> None:
        await let.wait()
        await wire.send(as_json({"id": "x", "data": "written"}))
        done.set()

    async with hub_of(cluster, bad) as hub:
        bad.answers[bad.item] = first(late, as_json({"id": "x", "data": "bad"}))
        asked = bad.times_asked(bad.item, "PUT")
        _, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port)
        writer.write(f"PUT {bad.item} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        await eventually(lambda: bad.times_asked(bad.item, "PUT") == asked + 1)
        writer.close()
        told = "client left during a write, which goes on"
        await eventually(lambda: any(line["event"] == told for line in hub.gateway.log()))
        let.set()
        await eventually(done.is_set)
        await hub.recovers(bad)
        assert bad.times_asked(bad.item, "PUT") == asked + 1


async def test_fault_080_a_write_whose_answer_is_lost_is_never_sent_again_and_says_that_it_may_have_happened(
    cluster: Cluster,
) -> None:
    bad = BadPeer("bad")

    async def dies(wire: Wire) -> None:
        wire.reset()

    async with hub_of(cluster, bad) as hub:
        for method in ("POST", "PUT", "DELETE"):
            bad.misbehave(dies)
            asked = bad.times_asked(bad.item, method)
            answer = await hub.forwarded(bad, method)
            assert answer.status == 504, answer.body
            assert answer.json["parameters"]["may_have_executed"] is True
            assert bad.times_asked(bad.item, method) == asked + 1
            await hub.recovers(bad)
        await bad.stop()
        await hub.becomes(bad, "down")
        answer = await hub.forwarded(bad, "POST")
        assert answer.status == 502
        assert not answer.json.get("parameters", {}).get("may_have_executed")


async def test_fault_080_a_write_to_a_gateway_that_is_known_to_be_silent_two_hops_away_was_never_sent(
    cluster: Cluster,
) -> None:
    bad = BadPeer("bad")
    async with hub_of(cluster, bad, settings=BRIEF) as hub:
        top = cluster.add("top", peers=[("hub", hub.gateway)], settings=SETTINGS)
        await top.start()
        await eventually(lambda: _status(top, bad.item, 200))
        bad.answers |= {HEALTH: never, bad.item: never}
        await hub.becomes(bad, "down")
        assert (await hub.told(bad))["reason"] == "http_response_timeout"
        await eventually(lambda: _status(top, bad.item, 502))
        answer = await top.request("PUT", bad.item, json={"value": 1})
        assert answer.status == 502, answer.body
        assert not answer.json.get("parameters", {}).get("may_have_executed")


async def _status(gateway: Gateway, path: str, status: int) -> bool:
    return (await gateway.get(path)).status == status
