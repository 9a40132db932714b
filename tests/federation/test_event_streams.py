"""Server-sent events through three gateways: prompt, in order, and ended for both sides by the end of either."""

import time
from statistics import median

import aiohttp
import pytest
import pytest_asyncio

from tests.federation.gateways import Cluster, eventually
from tests.federation.pipeline import APP, PATIENT, Pipeline, events_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENTS = {"Accept": "text/event-stream"}
EVENTS_OF_AN_HOUR = 3600
EVENTS_IN_TURN = 5
GROWTH_MIB = 15


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(shared_cluster: Cluster) -> Pipeline:
    return await Pipeline.start(shared_cluster)


@pytest_asyncio.fixture(loop_scope="module")
async def pipeline(running: Pipeline) -> Pipeline:
    """Whole, whatever the test before has broken."""
    await running.whole()
    return running


async def open_at_the_owner(pipeline: Pipeline, count: int) -> bool:
    return bool((await pipeline.owner.streams())["events_open"] == count)


async def test_an_hour_of_events_arrives_in_order_and_needs_no_memory(pipeline: Pipeline) -> None:
    path = f"{APP}/events?count={EVENTS_OF_AN_HOUR}&interval=0.001"
    async with (
        pipeline.memory() as memory,
        pipeline.top.open("GET", path, headers=EVENTS, timeout=PATIENT) as response,
    ):
        assert response.headers["Content-Type"] == "text/event-stream"
        numbers = [event["number"] async for event in events_of(response)]
    assert numbers == [*range(1, EVENTS_OF_AN_HOUR + 1)]
    assert max(memory.mib.values()) < GROWTH_MIB, memory.mib


async def test_an_event_arrives_before_the_next_one_is_sent(pipeline: Pipeline) -> None:
    interval = 1.0
    path = f"{APP}/events?count={EVENTS_IN_TURN}&interval={interval}"
    async with pipeline.top.open("GET", path, headers=EVENTS) as response:
        lags = [time.time() - event["sent"] async for event in events_of(response)]
    assert len(lags) == EVENTS_IN_TURN
    assert median(lags) < interval, lags


async def test_the_first_event_arrives_though_no_second_one_ever_does(pipeline: Pipeline) -> None:
    async with pipeline.top.open("GET", f"{APP}/events?interval=0", headers=EVENTS) as response:
        first = await anext(events_of(response))
    assert first["number"] == 1


async def test_a_reader_that_comes_back_goes_on_behind_the_last_event_it_saw(pipeline: Pipeline) -> None:
    headers = {**EVENTS, "Last-Event-ID": "41"}
    async with pipeline.top.open("GET", f"{APP}/events?count=43&interval=0", headers=headers) as response:
        assert [event["number"] async for event in events_of(response)] == [42, 43]


async def test_when_the_reader_leaves_the_owners_stream_is_closed_even_while_nothing_is_sent(
    pipeline: Pipeline,
) -> None:
    await eventually(lambda: open_at_the_owner(pipeline, 0))
    async with pipeline.top.open("GET", f"{APP}/events?interval=1000", headers=EVENTS) as response:
        await response.content.readline()
        await eventually(lambda: open_at_the_owner(pipeline, 1))
        response.close()
    await eventually(lambda: open_at_the_owner(pipeline, 0))


async def test_a_hundred_readers_come_and_go_and_nothing_is_left_open(pipeline: Pipeline) -> None:
    for _ in range(4):
        streams = [pipeline.top.open("GET", f"{APP}/events?interval=1000", headers=EVENTS) for _ in range(25)]
        responses = [await stream.__aenter__() for stream in streams]
        for response in responses:
            await response.content.readline()
        await eventually(lambda: open_at_the_owner(pipeline, 25))
        for response in responses:
            response.close()
        await eventually(lambda: open_at_the_owner(pipeline, 0))


async def test_a_dead_owner_breaks_the_stream_and_never_ends_it_cleanly(pipeline: Pipeline) -> None:
    with pytest.raises(aiohttp.ClientError):
        async with pipeline.top.open("GET", f"{APP}/events?interval=0.01", headers=EVENTS) as response:
            async for event in events_of(response):
                if event["number"] == 5:
                    await pipeline.owner.process.kill()
    await pipeline.owner.start()
    await pipeline.whole()


async def test_a_dead_gateway_in_the_middle_breaks_the_stream_and_frees_the_owner(pipeline: Pipeline) -> None:
    middle = pipeline.gateways[1]
    with pytest.raises(aiohttp.ClientError):
        async with pipeline.top.open("GET", f"{APP}/events?interval=0.01", headers=EVENTS) as response:
            async for event in events_of(response):
                if event["number"] == 5:
                    await middle.kill()
    await eventually(lambda: open_at_the_owner(pipeline, 0))
    await middle.start()
    await pipeline.whole()


async def test_a_stream_that_ends_at_the_owner_ends_cleanly_for_the_reader(pipeline: Pipeline) -> None:
    async with pipeline.top.open("GET", f"{APP}/events?count=3&interval=0", headers=EVENTS) as response:
        body = await response.read()
    assert body.endswith(b"\n\n")
    assert body.count(b"id: ") == 3
