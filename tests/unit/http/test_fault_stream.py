"""The fault stream: changes as they happen, again for those who were away, and what does not arrive is named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from entities.model import App
from gateway.http.stream_slots import StreamSlots
from gateway.local.own import OwnEntities
from gateway.local.source import EntityResources
from peers.fault_exchange import KEPT, FaultExchange, first_number
from peers.fault_news import FaultNews
from tests.federation.eventually import eventually
from tests.unit.http.owning import owning
from tests.unit.http.serving import Client
from tests.unit.http.views import Peer, instance, record
from tests.unit.local.conftest import HandClock, app
from tests.unit.local.scripted import ScriptedSource

STREAM = "/api/v1/faults/stream"
PUMP = app("pump")
FIRST = first_number(100)
FAULT = {"fault_code": "FAR", "severity": 2, "status": "CONFIRMED", "reporting_sources": ["/x/cam"]}
FAR = {"event_type": "fault_confirmed", "fault": FAULT, "timestamp": 1.5}


@dataclass
class Stream:
    """What one client reads."""

    response: Any

    async def lines(self) -> list[str]:
        """The next event or comment."""
        found: list[str] = []
        while True:
            line = (await self.response.content.readline()).decode()
            assert line.endswith("\n"), "the stream has ended"
            if line == "\n":
                return found
            found.append(line[:-1])

    async def event(self) -> tuple[int, str, Any]:
        """The next event: id, type, data."""
        number, event, data = await self.lines()
        return int(number.removeprefix("id: ")), event.removeprefix("event: "), msgspec.json.decode(data[6:])


@asynccontextmanager
async def stream(client: Client, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    url = f"http://127.0.0.1:{client.port}{STREAM}{query}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.session.get(url, headers=sent) as response:
        assert response.status == 200
        yield Stream(response)


def pump() -> OwnEntities:
    return OwnEntities([ScriptedSource(PUMP, EntityResources())], clock=HandClock())


def exchange(silent: tuple[str, ...] = ()) -> FaultExchange:
    return FaultExchange(instance("here"), 100, label_of=lambda one: f"label of {one[:3]}", silent=lambda: silent)


async def test_changes_of_our_own_faults_arrive_as_upstream_sends_them() -> None:
    own = pump()
    async with owning(own) as client, stream(client) as reader:
        assert reader.response.headers["Content-Type"] == "text/event-stream"
        assert reader.response.headers["Cache-Control"] == "no-cache"
        assert reader.response.headers["X-Accel-Buffering"] == "no"
        await own.faults.raise_fault(PUMP, "HOT", description="too hot")
        await own.faults.clear(PUMP, "HOT")
        number, event, data = await reader.event()
        assert (number, event) == (FIRST, "fault_confirmed")
        assert data == {
            "event_type": "fault_confirmed",
            "fault": {**own.faults.items(PUMP, {"CLEARED"})[0], "status": "CONFIRMED"},
            "timestamp": HandClock().now_ns / 1e9,
            "x-medkit": {"entity_type": "apps", "entity_id": "pump", "origin": instance("here")},
        }
        number, event, data = await reader.event()
        assert (number, event, data["fault"]["status"]) == (FIRST + 1, "fault_cleared", "CLEARED")


async def test_changes_of_other_gateways_arrive_with_their_names_here_and_whose_they_are() -> None:
    faults = exchange()
    far = record("far", App(id="cam", name="cam"))
    peers = [Peer("subsystem_b", far)]
    own = OwnEntities([ScriptedSource(app("cam"), EntityResources())], clock=HandClock())
    async with owning(own, faults=faults, peers=peers) as client, stream(client) as reader:
        faults.take(FaultNews(instance("far"), 5, 1, FAR, "apps/cam"))
        faults.take(FaultNews(instance("far"), 5, 1, FAR, "apps/cam"))
        faults.take(FaultNews(instance("far"), 5, 2, {**FAR, "event_type": "fault_updated"}))
        faults.take(
            FaultNews(instance("far"), 5, 3, {**FAR, "fault": {**FAULT, "reporting_sources": ["cam"]}}, "apps/cam")
        )
        _, event, data = await reader.event()
        assert (event, data["fault"]) == ("fault_confirmed", FAULT)
        assert data["x-medkit"] == {
            "entity_type": "apps",
            "entity_id": "subsystem_b__cam",
            "origin": instance("far"),
            "source": "peer:subsystem_b",
        }
        _, event, data = await reader.event()
        assert (event, data["x-medkit"]) == (
            "fault_updated",
            {"origin": instance("far"), "source": "peer:subsystem_b"},
        )
        assert (await reader.event())[2]["fault"]["reporting_sources"] == ["subsystem_b__cam"]


@pytest.mark.parametrize(
    ("last_id", "codes"),
    [
        (str(FIRST + 1), ["C", "D"]),
        (str(FIRST + 3), ["D"]),
        ("garbage", ["A", "B", "C", "D"]),
        ("", ["A", "B", "C", "D"]),
        ("-5", ["A", "B", "C", "D"]),
        ("9" * 30, ["A", "B", "C", "D"]),
        ("0", ["A", "B", "C", "D"]),
        (str(FIRST + 900), ["D"]),
        ("9" * 19, ["D"]),
    ],
)
async def test_who_comes_back_gets_what_it_missed(last_id: str, codes: list[str]) -> None:
    own = pump()
    async with owning(own) as client:
        for code in "ABC":
            await own.faults.raise_fault(PUMP, code)
        async with stream(client, Last_Event_ID=last_id) as reader:
            await own.faults.raise_fault(PUMP, "D")
            assert [(await reader.event())[2]["fault"]["fault_code"] for _ in codes] == codes


async def test_who_asks_for_nothing_gets_what_comes() -> None:
    own = pump()
    async with owning(own) as client:
        await own.faults.raise_fault(PUMP, "BEFORE")
        async with stream(client) as reader:
            await own.faults.raise_fault(PUMP, "AFTER")
            assert (await reader.event())[2]["fault"]["fault_code"] == "AFTER"


@pytest.mark.parametrize("notices", [True, False])
async def test_what_is_not_kept_any_more_is_told_as_a_gap(notices: bool) -> None:
    own, faults = pump(), exchange()
    async with owning(own, faults=faults) as client:
        for seq in range(1, KEPT + 11):
            faults.take(FaultNews(instance("far"), 5, seq, FAR))
        query = "?x-medkit-notices=true" if notices else ""
        async with stream(client, query, Last_Event_ID=str(FIRST)) as reader:
            told = await reader.lines()
            assert told == (["event: gap", 'data: {"missed":9}'] if notices else [': gap {"missed":9}'])
            assert (await reader.event())[0] == FIRST + 10


@pytest.mark.parametrize("notices", [True, False])
async def test_who_comes_back_after_a_restart_is_told_so_and_gets_all_since(notices: bool) -> None:
    own = pump()
    async with owning(own) as client:
        await own.faults.raise_fault(PUMP, "A")
        query = "?x-medkit-notices=1" if notices else ""
        async with stream(client, query, Last_Event_ID=str(first_number(99) + 5)) as reader:
            told = await reader.lines()
            assert told == (["event: gap", "data: {}"] if notices else [": gap {}"])
            assert (await reader.event())[0] == FIRST


async def test_news_that_were_lost_on_the_way_are_named() -> None:
    own, faults = pump(), exchange()
    async with owning(own, faults=faults) as client, stream(client) as reader:
        faults.take(FaultNews(instance("far"), 5, 1, FAR))
        faults.take(FaultNews(instance("far"), 5, 4, FAR))
        await reader.event()
        label = f"label of {instance('far')[:3]}"
        assert await reader.lines() == [f': gap {{"missed":2,"peer":"{label}"}}']
        assert (await reader.event())[0] == FIRST + 2


@pytest.mark.parametrize("notices", [True, False])
async def test_silence_is_told_at_the_beginning_and_when_it_begins_and_ends(notices: bool) -> None:
    silent = ["b"]
    own = pump()
    faults = FaultExchange(instance("here"), 100, label_of=str, silent=lambda: silent)
    faults.look_at_silence()
    query = "?x-medkit-notices=true" if notices else ""

    def told(label: str, state: str) -> list[str]:
        data = f'{{"peer":"{label}","state":"{state}"}}'
        return ["event: peer", f"data: {data}"] if notices else [f": peer {data}"]

    async with owning(own, faults=faults) as client, stream(client, query) as reader:
        assert await reader.lines() == told("b", "silent")
        silent[:] = ["c"]
        faults.look_at_silence()
        assert await reader.lines() == told("c", "silent")
        assert await reader.lines() == told("b", "back")


@pytest.mark.parametrize("header", ["X-Medkit-Target", "X-Medkit-No-Fan-Out"])
async def test_who_asks_for_ours_alone_gets_ours_alone(header: str) -> None:
    own, faults = pump(), exchange()
    async with owning(own, faults=faults) as client:
        value = instance("here") if header == "X-Medkit-Target" else "1"
        async with stream(client, **{header: value}) as reader:
            faults.take(FaultNews(instance("far"), 5, 1, FAR))
            await own.faults.raise_fault(PUMP, "OURS")
            number, _, data = await reader.event()
            assert (number, data["fault"]["fault_code"]) == (FIRST + 1, "OURS")


async def test_no_more_streams_than_are_allowed_are_open() -> None:
    slots = StreamSlots(1)
    async with owning(pump(), slots=slots) as client:
        async with stream(client):
            refused = await client.get(STREAM)
            assert (refused.status, refused.json["error_code"]) == (503, "service-unavailable")
            assert refused.headers["Retry-After"] == "5"
        await eventually(lambda: slots.taken == 0)
        async with stream(client):
            pass


async def test_a_stream_ends_with_a_word_when_the_gateway_stops() -> None:
    own, slots = pump(), StreamSlots(10)
    async with owning(own, slots=slots) as client, stream(client) as reader:
        await own.faults.raise_fault(PUMP, "A")
        await reader.event()
        slots.end()
        assert await reader.lines() == ["event: bye", "data: {}"]
        assert await reader.response.content.read() == b""


async def test_a_stream_is_read_with_get_alone() -> None:
    async with owning(pump()) as client:
        for method in ("HEAD", "POST", "DELETE"):
            assert (await client.request(method, STREAM)).status == 404


async def test_somebody_reads_as_long_as_a_stream_is_open() -> None:
    faults = exchange()
    calls: list[bool] = []
    faults.on_readers = lambda: calls.append(faults.has_readers)
    async with owning(pump(), faults=faults) as client:
        assert not faults.has_readers
        async with stream(client), stream(client):
            assert faults.has_readers
        await eventually(lambda: not faults.has_readers)
    assert calls == [True]


async def test_a_reader_that_is_slow_is_told_what_it_missed_and_holds_up_nobody() -> None:
    faults, large = exchange(), {**FAR, "fault": {**FAULT, "description": "x" * 12_000}}
    total = 4 * KEPT
    async with owning(pump(), faults=faults) as client, stream(client) as reader:
        for seq in range(1, total + 1):
            faults.take(FaultNews(instance("far"), 5, seq, large))
            if seq % 50 == 0:
                await asyncio.sleep(0)
        got, missed, number = 0, 0, FIRST - 1
        while number < FIRST + total - 1:
            told = await reader.lines()
            if told[0].startswith(": gap "):
                lost = msgspec.json.decode(told[0][6:])["missed"]
                missed += lost
                number += lost
            else:
                number += 1
                got += 1
                assert told[0] == f"id: {number}"
        assert got + missed == total
        assert missed > 0


async def test_a_client_of_http_1_0_reads_the_stream_until_the_connection_ends() -> None:
    own, slots = pump(), StreamSlots(10)
    async with owning(own, slots=slots) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(b"GET %b HTTP/1.0\r\nHost: x\r\n\r\n" % STREAM.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"chunked" not in head
        await own.faults.raise_fault(PUMP, "A")
        assert (await reader.readuntil(b"\n\n")).startswith(b"id: ")
        slots.end()
        assert await reader.read() == b"event: bye\ndata: {}\n\n"
        writer.close()
