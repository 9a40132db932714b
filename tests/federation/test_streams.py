"""Downloads and uploads through three gateways: whole, in constant memory, broken where they break."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import closing
from io import BytesIO

import aiohttp
import pytest
import pytest_asyncio

from tests.federation.gateways import Cluster, eventually
from tests.federation.pipeline import APP, MIB, PATIENT, Pipeline
from tests.federation.standin_routes import CHUNK_BYTES, blob

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGE_BYTES = 200 * MIB
GROWTH_MIB = 30
"""More than three gateways' buffers of one stream, far less than the stream."""

UNBUFFERED_BYTES = 100 * MIB
"""More than all sockets on the way can hold, so that a part of it is still with its owner."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(shared_cluster: Cluster) -> Pipeline:
    return await Pipeline.start(shared_cluster)


@pytest_asyncio.fixture(loop_scope="module")
async def pipeline(running: Pipeline) -> Pipeline:
    """Whole, whatever the test before has broken."""
    await running.whole()
    return running


async def parts(size: int) -> AsyncIterator[bytes]:
    for at in range(0, size, CHUNK_BYTES):
        yield blob(at, min(at + CHUNK_BYTES, size))


async def summed(chunks: AsyncIterator[bytes]) -> dict[str, str | int]:
    """What the owner answers to an upload of these."""
    digest, size = hashlib.sha256(), 0
    async for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return {"sha256": digest.hexdigest(), "size": size}


async def held_back(pipeline: Pipeline) -> None:
    """Waits until every buffer on the way is full: for a while nothing but health probes has passed the links."""
    before = -CHUNK_BYTES
    while (passed := sum(link.counters.bytes_up + link.counters.bytes_down for link in pipeline.links)) > before:
        before = passed + CHUNK_BYTES
        await asyncio.sleep(0.5)


async def test_a_large_download_is_whole_and_needs_no_memory_however_slow_its_reader(pipeline: Pipeline) -> None:
    async with (
        pipeline.memory() as memory,
        pipeline.top.open("GET", f"{APP}/download?size={LARGE_BYTES}", timeout=PATIENT) as response,
    ):
        assert response.headers["Content-Length"] == str(LARGE_BYTES)
        await held_back(pipeline)
        assert await summed(response.content.iter_any()) == await summed(parts(LARGE_BYTES))
    assert max(memory.mib.values()) < GROWTH_MIB, memory.mib


async def test_a_large_upload_is_whole_and_needs_no_memory_however_slow_its_owner(pipeline: Pipeline) -> None:
    async with pipeline.memory() as memory:
        pipeline.links[2].freeze()
        uploading = asyncio.create_task(
            pipeline.top.request("PUT", f"{APP}/upload", data=parts(LARGE_BYTES), timeout=PATIENT)
        )
        await held_back(pipeline)
        assert not uploading.done()
        await pipeline.links[2].heal()
        answer = await uploading
    assert (answer.status, answer.json) == (200, await summed(parts(LARGE_BYTES)))
    assert max(memory.mib.values()) < GROWTH_MIB, memory.mib


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3_000_000])
async def test_uploads_of_any_size_and_framing_arrive_as_they_are(pipeline: Pipeline, size: int) -> None:
    for data in (BytesIO(blob(0, size)), parts(size)):
        answer = await pipeline.top.request("POST", f"{APP}/upload", data=data)
        assert (answer.status, answer.json) == (200, await summed(parts(size)))


async def test_a_part_of_a_download_is_fetched_as_from_the_owner(pipeline: Pipeline) -> None:
    path = f"{APP}/download?size=300000"
    for wanted, start, stop in (("100-199", 100, 200), ("250000-", 250_000, 300_000), ("-10", 299_990, 300_000)):
        answer = await pipeline.top.get(path, headers={"Range": f"bytes={wanted}"})
        assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {start}-{stop - 1}/300000")
        assert answer.body == blob(start, stop)
    beyond = await pipeline.top.get(path, headers={"Range": "bytes=300000-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */300000")


async def test_the_owners_etag_and_file_name_come_through_and_spare_the_body(pipeline: Pipeline) -> None:
    path = f"{APP}/download?size=300000"
    whole = await pipeline.top.get(path)
    assert whole.headers["ETag"] == '"blob-300000"'
    assert whole.headers["Content-Disposition"] == 'attachment; filename="blob-300000.bin"'
    assert whole.headers["Content-Type"] == "application/octet-stream"
    spared = await pipeline.top.get(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert (spared.status, spared.headers["ETag"], spared.body) == (304, whole.headers["ETag"], b"")
    head = await pipeline.top.request("HEAD", path)
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "300000", b"")


@pytest.mark.parametrize("broken", [0, 1, 2])
async def test_a_download_that_breaks_never_ends_cleanly_and_goes_on_where_it_broke(
    pipeline: Pipeline, broken: int
) -> None:
    path = f"{APP}/download?size={UNBUFFERED_BYTES}"
    received = bytearray()
    with pytest.raises(aiohttp.ClientPayloadError):
        async with pipeline.top.open("GET", path) as response:
            etag = response.headers["ETag"]
            received += await response.content.readexactly(MIB)
            await pipeline.links[broken].reset()
            async for chunk in response.content.iter_any():
                received += chunk
    await pipeline.whole()
    rest = await pipeline.top.get(path, headers={"Range": f"bytes={len(received)}-", "If-Range": etag})
    assert (rest.status, received + rest.body == blob(0, UNBUFFERED_BYTES)) == (206, True)


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
async def test_an_upload_that_breaks_is_never_a_whole_one_to_its_owner(pipeline: Pipeline, framing: str) -> None:
    await pipeline.owner.forget()
    before = (await pipeline.owner.streams())["uploads"]
    _, writer = await asyncio.open_connection("127.0.0.1", pipeline.top.port)
    with closing(writer):
        head = f"PUT /api/v1{APP}/upload HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode()
        writer.write(head + b"186a0\r\n" + blob(0, 100_000) + b"\r\n")
        await eventually(lambda: arrived(pipeline, "/upload"))
    await pipeline.whole()
    await eventually(lambda: nothing_flows(pipeline))
    assert (await pipeline.owner.streams())["uploads"] == before


async def arrived(pipeline: Pipeline, path: str) -> bool:
    """The owner has been asked for it."""
    return f"/api/v1{APP}{path}" in await pipeline.owner.counters()


async def nothing_flows(pipeline: Pipeline) -> bool:
    """The owner reads no upload any more, and writes no events."""
    streams = await pipeline.owner.streams()
    return (streams["uploads_open"], streams["events_open"]) == (0, 0)
