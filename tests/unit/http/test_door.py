"""What requests pass at first: rate limits, names, and the headers that every answer has."""

import pytest
from aiohttp import web

from gateway.http.api import Api
from gateway.http.door import Protection
from gateway.http.path import Route
from gateway.http.request import ApiRequest
from gateway.http.stream_slots import StreamSlots
from gateway.settings import CorsSettings, RateLimitingSettings, ServerSettings
from tests.unit.http.serving import Answer, World, listening, serving

UI = "http://localhost:3000"
TWO = RateLimitingSettings(enabled=True, client_requests_per_minute=2)
TOLD = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def told(answer: Answer) -> list[str]:
    return [answer.headers[name] for name in TOLD]


async def test_every_answer_tells_what_is_left_and_the_one_too_many_is_429_in_both_forms() -> None:
    async with serving(World(rate_limiting=TWO, cors=CorsSettings(allowed_origins=(UI,)))) as client:
        first = await client.get("/api/v1/apps", {"Origin": UI})
        missing = await client.get("/api/v1/apps/nobody")
        preflight = await client.request("OPTIONS", "/api/v1/apps", {"Origin": UI})
        refused = await client.get("/api/v1/apps", {"Origin": UI})
    assert (first.status, told(first)[:2]) == (200, ["2", "1"])
    assert (missing.status, told(missing)[:2]) == (404, ["2", "0"])
    assert (preflight.status, TOLD[0] in preflight.headers) == (204, False)
    assert (refused.status, told(refused)[:2]) == (429, ["2", "0"])
    assert refused.json["error_code"] == "rate-limit-exceeded"
    parameters = refused.json["parameters"]
    assert parameters.keys() == {"retry_after", "limit", "reset"}
    assert (parameters["limit"], str(parameters["reset"])) == (2, told(refused)[2])
    assert refused.headers["Retry-After"] == str(parameters["retry_after"])
    assert 1 <= parameters["retry_after"] <= 30
    # The page of an allowed origin may read all of it.
    assert refused.headers["Access-Control-Allow-Origin"] == UI
    assert {*TOLD, "Retry-After"} <= {*refused.headers["Access-Control-Expose-Headers"].split(", ")}


async def test_the_reset_is_told_by_the_wall_clock() -> None:
    async with serving(World(rate_limiting=TWO)) as client:
        assert told(await client.get("/api/v1/apps"))[2] == "1700000030"


async def test_refused_requests_do_not_reach_a_handler() -> None:
    reached: list[str] = []

    async def note(request: ApiRequest, _: Route) -> web.StreamResponse:
        reached.append(request.raw_path)
        return web.Response()

    async with serving(World(dispatch=note, rate_limiting=TWO)) as client:
        statuses = [(await client.get("/api/v1/apps")).status for _ in range(5)]
    assert statuses == [200, 200, 429, 429, 429]
    assert len(reached) == 2


async def test_a_path_that_is_spelled_otherwise_counts_as_the_same() -> None:
    limits = RateLimitingSettings(enabled=True, endpoint_limits=("/api/v1/apps/*/operations/*:1",))
    async with serving(World(rate_limiting=limits)) as client:
        paths = ("/api/v1/apps/a/operations/x", "/api/v1/apps/%61/oper%61tions/y", "/api/v1/apps/b/operations/z/")
        answers = [await client.get(path) for path in paths]
    assert [answer.headers["X-RateLimit-Limit"] for answer in answers] == ["1", "1", "1"]
    assert [answer.status for answer in answers[1:]] == [429, 429]


async def test_without_rate_limits_nothing_is_told_of_them() -> None:
    async with serving(World()) as client:
        answer = await client.get("/api/v1/apps")
    assert not {*TOLD} & {*answer.headers}


async def test_fault_071_behind_a_trusted_proxy_the_client_is_counted_and_nobody_is_believed_otherwise() -> None:
    behind = ServerSettings(trusted_proxies=("127.0.0.1",))
    for server, others in ((behind, 200), (ServerSettings(), 429)):
        async with serving(World(rate_limiting=TWO, server=server)) as client:
            for _ in range(2):
                assert (await client.get("/api/v1/apps", {"X-Forwarded-For": "192.0.2.7"})).status == 200
            assert (await client.get("/api/v1/apps", {"X-Forwarded-For": "6.6.6.6, 192.0.2.7"})).status == 429
            assert (await client.get("/api/v1/apps", {"X-Forwarded-For": "192.0.2.8"})).status == others


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("robot", 200),
        ("ROBOT:8080", 200),
        ("[::1]:8080", 200),
        ("evil", 421),
        ("robot.evil", 421),
        ("robot:80:80", 400),
        ("127.0.0.1", 421),
    ],
)
async def test_fault_070_only_names_of_our_own_are_answered_where_they_are_listed(host: str, status: int) -> None:
    async with serving(World(server=ServerSettings(allowed_hosts=("Robot", "[::1]")))) as client:
        answer = await client.get("/api/v1/health", {"Host": host})
    assert answer.status == status
    assert status == 200 or answer.headers["Connection"] == "close"


async def test_fault_070_a_request_without_a_host_is_not_for_any_of_our_names() -> None:
    async with serving(World(server=ServerSettings(allowed_hosts=("robot",)))) as client:
        assert (await client.raw(b"GET /api/v1/health HTTP/1.0\r\n\r\n")).split(b" ")[1] == b"421"


async def test_every_answer_forbids_browsers_what_no_answer_needs() -> None:
    async with serving(World()) as client:
        answers = [await client.get("/api/v1/apps"), await client.get("/nowhere"), await client.get("/api/v1/health")]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_other_settings_count_from_the_next_request_on_and_unchanged_limits_go_on() -> None:
    api = Api(World(rate_limiting=TWO).services())
    listener = await listening(api)
    try:
        async with serving(World()) as other:
            client = type(other)(other.session, listener.port, listener.connections)
            assert (await client.get("/api/v1/apps")).status == 200
            api.protect(Protection(rate_limiting=TWO, server=ServerSettings(allowed_hosts=("127.0.0.1",))))
            assert (await client.get("/api/v1/apps")).status == 200
            assert (await client.get("/api/v1/apps")).status == 429
            api.protect(Protection(server=ServerSettings(allowed_hosts=("robot",))))
            assert (await client.get("/api/v1/apps")).status == 421
    finally:
        await listener.aclose()


def test_slots_are_given_back_and_no_more_are_held_than_there_are() -> None:
    slots = StreamSlots(2)
    with slots.held(), slots.held():
        with pytest.raises(Exception, match="2 event streams are open") as refused, slots.held():
            pass
        assert slots.taken == 2
    assert (slots.taken, getattr(refused.value, "status", None)) == (0, 503)
    with pytest.raises(ZeroDivisionError), slots.held():
        raise ZeroDivisionError
    assert slots.taken == 0
