"""The stand-in owner speaks the peer's side of the protocol, so that gateways can be judged by it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from entities.codec import DecodedTree, parse_document
from tests.federation.eventually import eventually
from tests.federation.owners import Owner
from tests.federation.standin_routes import blob

SPEC: dict[str, Any] = {
    "name": "arm",
    "areas": [{"id": "root"}],
    "apps": [{"id": "drive", "name": "Drive", "data": ["speed", "torque"]}],
}
APP = "/api/v1/apps/drive"


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[Owner]:
    owner = Owner(SPEC, tmp_path)
    await owner.start()
    yield owner
    await owner.aclose()


@pytest.fixture
async def client(owner: Owner) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(owner.url) as session:
        yield session


async def document(client: aiohttp.ClientSession) -> DecodedTree:
    async with client.get("/api/v1/x-medkit-tree") as response:
        decoded = parse_document(await response.read(), max_bytes=1_000_000, max_entities=1000)
    assert isinstance(decoded, DecodedTree)
    return decoded


async def test_its_tree_document_is_one_that_gateways_accept(client: aiohttp.ClientSession) -> None:
    decoded = await document(client)
    (record,) = decoded.document.records
    assert decoded.dropped == 0
    assert [app.id for app in record.apps] == ["drive"]
    assert record.apps[0].data == ("speed", "torque")


async def test_health_names_the_same_instance_as_the_tree(owner: Owner, client: aiohttp.ClientSession) -> None:
    assert await owner.instance_id() == (await document(client)).document.instance_id


async def test_an_unchanged_tree_is_304_and_a_changed_one_has_a_newer_version(
    owner: Owner, client: aiohttp.ClientSession
) -> None:
    before = (await document(client)).document
    async with client.get("/api/v1/x-medkit-tree") as response:
        etag = response.headers["ETag"]
    async with client.get("/api/v1/x-medkit-tree", headers={"If-None-Match": etag}) as response:
        assert response.status == 304
    await owner.change_tree(apps=[])
    async with client.get("/api/v1/x-medkit-tree", headers={"If-None-Match": etag}) as response:
        assert response.status == 200
    after = (await document(client)).document
    assert after.records[0].version > before.records[0].version
    assert after.records[0].apps == ()


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE"])
async def test_a_request_for_an_entity_comes_back_as_it_arrived(client: aiohttp.ClientSession, method: str) -> None:
    async with client.request(method, f"{APP}/data/speed?b=2&a=1", data="body", headers={"X-One": "1"}) as response:
        seen = await response.json()
    assert (seen["method"], seen["path"], seen["query"], seen["body"]) == (
        method,
        f"{APP}/data/speed",
        "b=2&a=1",
        "body",
    )
    assert seen["headers"]["X-One"] == "1"


async def test_an_execution_lives_until_it_is_deleted(client: aiohttp.ClientSession) -> None:
    async with client.post(f"{APP}/operations/home/executions", json={"parameters": {}}) as response:
        assert response.status == 202
        location = response.headers["Location"]
    assert location.startswith(f"{APP}/operations/home/executions/")
    async with client.get(location) as response:
        assert (await response.json())["status"] == "running"
    async with client.put(location, json={"capability": "stop"}) as response:
        assert response.status == 202
    async with client.get(location) as response:
        assert (await response.json())["status"] == "completed"
    async with client.delete(location) as response:
        assert response.status == 204
    async with client.get(location) as response:
        assert response.status == 404


async def test_a_download_streams_known_bytes(client: aiohttp.ClientSession) -> None:
    async with client.get(f"{APP}/download?size=300000") as response:
        assert response.headers["Content-Disposition"] == 'attachment; filename="blob-300000.bin"'
        assert await response.read() == blob(0, 300_000)


@pytest.mark.parametrize(
    ("wanted", "start", "stop"), [("100-199", 100, 200), ("250000-", 250_000, 300_000), ("-10", 299_990, 300_000)]
)
async def test_a_range_is_a_part_of_the_download(
    client: aiohttp.ClientSession, wanted: str, start: int, stop: int
) -> None:
    async with client.get(f"{APP}/download?size=300000", headers={"Range": f"bytes={wanted}"}) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/300000"
        assert await response.read() == blob(start, stop)


async def test_a_range_behind_the_end_is_416(client: aiohttp.ClientSession) -> None:
    async with client.get(f"{APP}/download?size=10", headers={"Range": "bytes=10-"}) as response:
        assert (response.status, response.headers["Content-Range"]) == (416, "bytes */10")


async def test_an_upload_of_any_framing_is_summed(client: aiohttp.ClientSession) -> None:
    content = blob(0, 900_000)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 100_000):
            yield content[at : at + 100_000]

    expected = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    for data in (content, chunks()):
        async with client.put(f"{APP}/upload", data=data) as response:
            assert await response.json() == expected


async def test_events_are_numbered_and_go_on_behind_the_last_one_seen(client: aiohttp.ClientSession) -> None:
    async with client.get(f"{APP}/events?count=3&interval=0", headers={"Last-Event-ID": "1"}) as response:
        lines = (await response.text()).splitlines()
    assert [line for line in lines if line.startswith("id:")] == ["id: 2", "id: 3"]
    assert ":keepalive" in lines


async def test_its_part_of_a_fan_out_is_its_own_items(owner: Owner, client: aiohttp.ClientSession) -> None:
    own, other = await owner.instance_id(), "A" * 22
    async with client.get(f"{APP}/data", headers={"X-Medkit-Origins": f"{own},{other}"}) as response:
        part = await response.json()
    assert [(item["id"], item["x-medkit"]["origin"]) for item in part["items"]] == [("speed", own), ("torque", own)]
    origins = part["x-medkit"]["origins"]
    assert origins["answered"] == [own]
    assert [missing["id"] for missing in origins["missing"]] == [other]


async def test_it_counts_and_records_what_it_is_asked(owner: Owner, client: aiohttp.ClientSession) -> None:
    await owner.forget()
    for _ in range(2):
        async with client.get(f"{APP}/data?x=1", headers={"X-Two": "2"}):
            pass
    assert await owner.counters() == {f"{APP}/data": 2}
    (first, _) = await owner.requests()
    assert (first["method"], first["query"], first["headers"]["X-Two"]) == ("GET", "x=1", "2")


async def test_a_fault_can_answer_instead_a_number_of_times(owner: Owner, client: aiohttp.ClientSession) -> None:
    await owner.set_faults({"path": f"{APP}/data", "status": 500, "body": {"error_code": "x"}, "times": 1})
    async with client.get(f"{APP}/data") as response:
        assert (response.status, await response.json()) == (500, {"error_code": "x"})
    async with client.get(f"{APP}/data") as response:
        assert response.status == 200


async def test_a_fault_can_reset_the_connection(owner: Owner, client: aiohttp.ClientSession) -> None:
    await owner.set_faults({"path": "*", "method": "PUT", "reset": True})
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.put(f"{APP}/data/speed")
    async with client.get(f"{APP}/data/speed") as response:
        assert response.status == 200


async def test_a_fault_can_delay_or_never_answer(owner: Owner, client: aiohttp.ClientSession) -> None:
    loop = asyncio.get_running_loop()
    await owner.set_faults({"path": f"{APP}/slow", "delay": 0.1}, {"path": f"{APP}/mute", "hang": True})
    started = loop.time()
    async with client.get(f"{APP}/slow") as response:
        assert response.status == 200
    assert loop.time() - started >= 0.1
    with pytest.raises(TimeoutError):
        await client.get(f"{APP}/mute", timeout=aiohttp.ClientTimeout(total=0.2))


async def test_it_also_runs_as_a_script_that_prints_its_port(tmp_path: Path) -> None:
    from tests.federation.process import ROOT, Process

    script = Process("script", [str(ROOT / "tests/federation/standin.py"), "--port", "0"], tmp_path)
    script.start()
    port = await eventually(lambda: script.log_text().strip())
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{int(port)}/api/v1/health") as response,
    ):
        assert (await response.json())["status"] == "healthy"
    await script.kill()
