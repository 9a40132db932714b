"""Operations that ask a device: its answer is the result, and whatever it does there is one clear end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.local.operation_store import OperationStore
from gateway.local.web_operation import WEB_RESULT_BYTES
from tests.federation.eventually import eventually
from tests.federation.ports import free_port
from tests.unit.local.conftest import HandClock, Load, accepted
from tests.unit.local.operating import ARM, SOON, answered, declared, refused
from tests.unit.peers.wire_server import Wire, WireServer, answering, serving

Running = Callable[..., Any]
LEVEL = {"name": "level", "type": "int", "required": True}
TEXT = {"name": "text", "required": True}


@pytest.fixture
def running(load: Load, clock: HandClock) -> Running:
    """The operations of an App whose one operation `x` asks a device."""

    @asynccontextmanager
    async def running(*arguments: dict[str, Any], **http: Any) -> AsyncIterator[OperationStore]:
        operation = json.dumps({"id": "x", "timeout": 20, "arguments": arguments, "http": http})
        manifest = accepted(load(f"apps: [{{id: arm, operations: [{operation}]}}]"))
        async with declared(manifest, clock) as store:
            yield store

    return running


def said(status: str, body: bytes, content_type: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def run(store: OperationStore, **parameters: Any) -> Any:
    return await store.execute(ARM, "x", {"parameters": parameters}, patience_s=SOON)


async def test_parameters_go_into_the_url_and_the_body_and_the_answer_is_the_result(running: Running) -> None:
    async with serving(answering(said("200 OK", b'{"level": 3}'))) as device:
        http = {
            "method": "PUT",
            "url": f"{device.url}/a/{{level}}?t={{text}}",
            "body": {"v": "{level}", "t": "-{text}-"},
        }
        async with running(LEVEL, TEXT, **http) as store:
            assert answered(await run(store, level=3, text="a&b/ c")).body == {"parameters": {"level": 3}}
    (sent,) = device.requests
    assert sent.startswith(b"PUT /a/3?t=a%26b/%20c HTTP/1.1\r\n")
    assert json.loads(sent.partition(b"\r\n\r\n")[2]) == {"v": 3, "t": "-a&b/ c-"}
    assert b"\r\nContent-Type: application/json\r\n" in sent


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (said("204 No Content", b""), {}),
        (said("200 OK", b"[1]"), {"result": [1]}),
        (said("200 OK", b"on\nready\n", "text/plain"), {"output": ["on", "ready"]}),
    ],
)
async def test_any_answer_that_is_good_is_a_result(running: Running, answer: bytes, result: Any) -> None:
    async with serving(answering(answer)) as device, running(url=device.url) as store:
        assert answered(await run(store)).body == {"parameters": result}
    assert device.requests[0].startswith(b"POST / HTTP/1.1\r\n")


async def test_a_device_that_says_no_fails_the_operation_with_its_words(running: Running) -> None:
    async with serving(answering(said("409 Conflict", b"valve is open"))) as device, running(url=device.url) as store:
        error = refused(await run(store))
    assert (error.status, error.vendor_code) == (500, "x-medkit-operation-failed")
    assert error.message == "Operation 'x' failed: its device answered 409"
    assert error.parameters["details"] == {"status": 409, "answer": "valve is open"}


async def test_a_device_that_is_not_there_has_certainly_done_nothing(running: Running) -> None:
    async with running(url=f"http://127.0.0.1:{free_port()}/") as store:
        error = refused(await run(store))
    assert "its device cannot be reached" in error.message
    assert error.parameters["details"] == {"may_have_executed": False}


async def test_a_device_that_breaks_off_may_have_done_it(running: Running) -> None:
    async def break_off(wire: Wire) -> None:
        await wire.request()

    async with serving(break_off) as device, running(url=device.url) as store:
        error = refused(await run(store))
    assert error.parameters["details"] == {"may_have_executed": True}


async def test_a_device_that_answers_too_much_is_not_read_to_its_end(running: Running) -> None:
    answer = said("200 OK", b"x" * (WEB_RESULT_BYTES + 1))
    async with serving(answering(answer)) as device, running(url=device.url) as store:
        assert f"more than {WEB_RESULT_BYTES} bytes" in refused(await run(store)).message


async def test_a_device_that_hangs_is_left_when_the_execution_is_deleted(running: Running) -> None:
    left = asyncio.Event()

    async def hang(wire: Wire) -> None:
        await wire.request()
        await wire.gone()
        left.set()

    async with serving(hang) as device, running(url=device.url) as store:
        client = asyncio.create_task(run(store))
        await eventually(lambda: device.requests)
        (known,) = (answered(store.executions(ARM, "x")).body or {})["items"]
        assert answered(await store.delete(ARM, "x", known["id"], patience_s=SOON)).status == 204
        assert "a client deleted it" in refused(await client).message
        await asyncio.wait_for(left.wait(), SOON)


@pytest.mark.parametrize("text", ["..", ".", "%2e%2e"])
async def test_no_parameter_leads_to_another_path(running: Running, text: str) -> None:
    async with serving(answering(said("200 OK", b"{}"))) as device:
        async with running(TEXT, url=f"{device.url}/api/{{text}}/admin") as store:
            outcome = await run(store, text=text)
        assert_kept_below(device, outcome)


def assert_kept_below(device: WireServer, outcome: Any) -> None:
    if device.requests:
        assert device.requests[0].startswith(b"POST /api/%252e%252e/admin HTTP/1.1\r\n")
    else:
        assert "would lead to another path" in refused(outcome).message
