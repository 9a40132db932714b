"""What stands around every handler: error form, request ids, CORS, and requests that no handler may see."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.http import errors
from gateway.http.errors import ApiError
from gateway.http.path import Route
from gateway.http.request import ApiRequest
from gateway.settings import CorsSettings
from tests.unit.http.serving import World, serving

UI = "http://localhost:3000"
EXECUTIONS = "/api/v1/apps/pump/operations/stop/executions"
ALLOWED = CorsSettings(allowed_origins=(UI,), allow_credentials=True, max_age_seconds=60)


def answering(handler: Callable[[ApiRequest], Awaitable[web.StreamResponse]], **world: Any) -> World:
    async def dispatch(request: ApiRequest, _: Route) -> web.StreamResponse:
        return await handler(request)

    return World(dispatch=dispatch, **world)


def raising(error: Exception) -> World:
    async def fail(_: ApiRequest) -> web.StreamResponse:
        raise error

    return answering(fail)


async def streaming(request: ApiRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "text/event-stream"
    await response.prepare(request)
    await response.write(b"data: 1\n\n")
    return response


async def test_an_error_is_answered_in_the_one_form_with_its_headers() -> None:
    async with serving(raising(errors.busy("Draining; come again", 3))) as client:
        answer = await client.get("/api/v1/apps")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"error_code": "service-unavailable", "message": "Draining; come again"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (web.HTTPNotFound(), 404, "resource-not-found"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), 404, "resource-not-found"),
        (web.HTTPRequestEntityTooLarge(5, 6), 413, "payload-too-large"),
        (web.HTTPUnsupportedMediaType(), 415, "invalid-request"),
        (web.HTTPServiceUnavailable(), 503, "internal-error"),
    ],
)
async def test_refusals_of_the_framework_take_the_same_form(error: Exception, status: int, code: str) -> None:
    async with serving(raising(error)) as client:
        answer = await client.get("/api/v1/apps")
    assert (answer.status, answer.json["error_code"]) == (status, code)


async def test_a_mistake_of_ours_is_500_says_nothing_of_its_cause_and_is_logged_once_with_it() -> None:
    with capture_logs() as logs:
        async with serving(raising(ZeroDivisionError("secret"))) as client:
            answer = await client.get("/api/v1/apps")
    assert (answer.status, answer.json["error_code"]) == (500, "internal-error")
    assert b"secret" not in answer.body
    failures = [entry for entry in logs if entry["log_level"] == "error"]
    assert [(entry["event"], entry["exc_info"]) for entry in failures] == [("request failed", True)]


async def test_an_answer_that_fails_half_way_is_cut_off_and_never_looks_whole() -> None:
    async def fail_late(request: ApiRequest) -> web.StreamResponse:
        await streaming(request)
        raise ZeroDivisionError

    async with serving(answering(fail_late)) as client:
        received = await client.raw(b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"data: 1" in received
    assert not received.endswith(b"0\r\n\r\n")
    assert received.count(b"HTTP/1.1") == 1


async def test_a_client_that_leaves_ends_its_handler_and_is_no_failure() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: ApiRequest) -> web.StreamResponse:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    with capture_logs() as logs:
        async with serving(answering(wait)) as client:
            _, writer = await asyncio.open_connection("127.0.0.1", client.port)
            writer.write(b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(began.wait(), 10)
            writer.close()
            await asyncio.wait_for(ended.wait(), 10)
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_a_body_that_is_too_large_is_413() -> None:
    async def read(request: ApiRequest) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async with serving(answering(read, max_body_bytes=10)) as client:
        assert (await client.request("PUT", "/api/v1/apps/a/data/x", data=b"0123456789")).status == 200
        answer = await client.request("PUT", "/api/v1/apps/a/data/x", data=b"0123456789a")
    assert (answer.status, answer.json["parameters"]) == (413, {"max_bytes": 10})


@pytest.mark.parametrize("sent", ["from-client-1", "x" * 128])
async def test_a_request_id_is_taken_over_and_comes_back(sent: str) -> None:
    seen: list[str] = []

    async def note(request: ApiRequest) -> web.StreamResponse:
        seen.append(request.request_id)
        return web.Response()

    async with serving(answering(note)) as client:
        answer = await client.get("/api/v1/apps", {"X-Request-Id": sent})
    assert (seen, answer.headers["X-Request-Id"]) == ([sent], sent)


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 129])
async def test_an_unusable_request_id_is_replaced(sent: str | None) -> None:
    async with serving(World()) as client:
        answer = await client.get("/api/v1/apps", None if sent is None else {"X-Request-Id": sent})
    assert answer.headers["X-Request-Id"] == "made-here"


@pytest.mark.parametrize("handler", [streaming, None])
async def test_every_answer_forbids_guessing_its_type(handler: Any) -> None:
    world = raising(ApiError(400, "invalid-request", "no")) if handler is None else answering(handler)
    async with serving(world) as client:
        answer = await client.get("/api/v1/apps")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"] == "made-here"


async def test_each_request_leaves_one_debug_line_without_its_query_which_may_hold_a_secret() -> None:
    with capture_logs() as logs:
        async with serving(World()) as client:
            await client.get("/api/v1/apps?access_token=opensesame")
    assert [(entry["event"], entry["path"], entry["status"]) for entry in logs] == [
        ("request answered", "/api/v1/apps", 200)
    ]
    assert "opensesame" not in str(logs)


async def test_without_allowed_origins_there_is_no_cors() -> None:
    async with serving(World()) as client:
        answer = await client.get("/api/v1/apps", {"Origin": UI})
        options = await client.request("OPTIONS", "/api/v1/apps", {"Origin": UI})
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert "Vary" not in answer.headers
    assert (options.status, options.json["error_code"]) == (404, "resource-not-found")


@pytest.mark.parametrize("origin", [b"http://\xe2\x82\xac", b"\xff\xfe"])
async def test_an_origin_that_is_no_text_gets_an_answer_without_permission(origin: bytes) -> None:
    async with serving(World(cors=CorsSettings(allowed_origins=("*",)))) as client:
        received = await client.raw(
            b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\nOrigin: " + origin + b"\r\n\r\n"
        )
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"access-control-allow-origin" not in received.lower()


async def test_a_preflight_of_an_allowed_origin_is_204_with_the_rules() -> None:
    async with serving(World(cors=ALLOWED)) as client:
        answer = await client.request("OPTIONS", "/api/v1/apps/cam/data/x", {"Origin": UI})
    assert (answer.status, answer.body) == (204, b"")
    assert {name: answer.headers[f"Access-Control-{name}"] for name in ("Max-Age", "Allow-Origin")} == {
        "Max-Age": "60",
        "Allow-Origin": UI,
    }
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, PUT, POST, DELETE, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type, Accept"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", ["http://evil", "null", "http://localhost:3000.evil", None])
async def test_fault_078_an_origin_that_is_not_allowed_gets_403_and_no_permission(origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    async with serving(World(cors=ALLOWED)) as client:
        preflight = await client.request("OPTIONS", "/api/v1/apps", headers)
        answer = await client.get("/api/v1/apps", headers)
    assert (preflight.status, answer.status) == (403, 200)
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


async def test_any_origin_is_echoed_where_all_are_allowed() -> None:
    async with serving(World(cors=CorsSettings(allowed_origins=("*",)))) as client:
        answer = await client.get("/api/v1/apps", {"Origin": "http://anyone"})
    assert answer.headers["Access-Control-Allow-Origin"] == "http://anyone"
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_errors_and_streams_can_be_read_by_allowed_pages_too() -> None:
    async with serving(answering(streaming, cors=ALLOWED)) as client:
        stream = await client.get("/api/v1/faults/stream", {"Origin": UI})
        missing = await client.get("/elsewhere", {"Origin": UI})
    assert (stream.status, missing.status) == (200, 404)
    for answer in (stream, missing):
        assert answer.headers["Access-Control-Allow-Origin"] == UI
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://own.example:8080.evil.example"}, 403),
        ({"Origin": "http://Own.example:8080"}, 200),
        ({"Origin": "https://behind-a-proxy.example", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": UI}, 200),
    ],
)
async def test_fault_078_a_page_of_another_origin_may_not_write_even_where_no_preflight_is_asked_for(
    headers: dict[str, str], status: int
) -> None:
    """A form of any page can POST, with the rights that its reader's place in the network gives."""
    reached: list[str] = []

    async def note(request: ApiRequest) -> web.StreamResponse:
        reached.append(request.method)
        return web.Response()

    everyone = {**headers, "Host": "own.example:8080", "Content-Type": "text/plain"}
    async with serving(answering(note, cors=ALLOWED)) as client:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert (await client.request(method, EXECUTIONS, everyone)).status == status
        assert (await client.get("/api/v1/apps", everyone)).status == 200
    assert reached == (["POST", "PUT", "DELETE", "PATCH", "GET"] if status == 200 else ["GET"])


async def test_fault_078_without_cors_no_page_of_another_origin_may_write() -> None:
    async with serving(World()) as client:
        answer = await client.request("POST", EXECUTIONS, {"Origin": UI})
    assert (answer.status, answer.json["error_code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("told", "vary"),
    [
        ("Accept", "Accept, Origin"),
        ("origin", "origin"),
        ("Accept, Origin", "Accept, Origin"),
        ("X-Origin", "X-Origin, Origin"),
    ],
)
async def test_origin_joins_what_an_answer_varies_by_already_and_stands_there_once(told: str, vary: str) -> None:
    """An answer that was passed on may have it from each gateway on the way."""

    async def answer(_: ApiRequest) -> web.StreamResponse:
        return web.Response(headers={"Vary": told})

    async with serving(answering(answer, cors=ALLOWED)) as client:
        assert (await client.get("/api/v1/apps")).headers.getall("Vary") == [vary]
