"""What a caller meets: 401, 403, or the answer; and who may see who the peers are."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.auth.access import Policy
from gateway.auth.roles import Role
from gateway.auth.tokens import LEEWAY_S
from gateway.http.path import Route
from gateway.http.request import ApiRequest
from gateway.settings import CorsSettings
from peers.view import PeerStatus, Warned
from tests.federation.eventually import eventually
from tests.unit.auth.gatekeeping import Gate
from tests.unit.auth.minting import NOW, claims, new_mint, signed
from tests.unit.auth.test_bad_tokens import Reached
from tests.unit.http.serving import World, serving
from tests.unit.http.views import Peer, record, view_of

CLIENT_OF = {Role.VIEWER: "eye", Role.OPERATOR: "ci", Role.ADMIN: "boss"}


def bearer(role: Role) -> dict[str, str]:
    token = new_mint().access(CLIENT_OF[role], role, issued=NOW, expires=NOW + 100)
    return {"Authorization": f"Bearer {token}"}


REQUESTS = [
    ("GET", "/api/v1/apps", Role.VIEWER),
    ("PUT", "/api/v1/apps/cam/data/%2Fscan%2Ffront", Role.OPERATOR),
    ("POST", "/api/v1/apps/cam/operations/home/executions", Role.OPERATOR),
    ("PUT", "/api/v1/apps/cam/configurations/gain", Role.CONFIGURATOR),
    ("PUT", "/api/v1/apps/cam", Role.ADMIN),
]


@pytest.mark.parametrize(("method", "path", "needed"), REQUESTS)
@pytest.mark.parametrize("held", list(CLIENT_OF))
async def test_promise_59_each_role_may_what_its_row_says_and_nothing_above(
    method: str, path: str, needed: Role, held: Role
) -> None:
    reached = Reached()
    async with serving(World(dispatch=reached, authority=Gate().make())) as client:
        answer = await client.request(method, path, bearer(held), json={"data": 1})
    if held >= needed:
        assert (answer.status, reached.requests) == (200, [path])
    else:
        assert (answer.status, answer.json["error"], answer.json["error_code"]) == (
            403,
            "insufficient_scope",
            "forbidden",
        )
        assert answer.json["message"].startswith("Insufficient permissions")
        assert f'scope="{needed.word}"' in answer.headers["WWW-Authenticate"]
        assert reached.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic Y2k6c2VjcmV0"},
        {"Authorization": f"Token {signed()}"},
        {"Authorization": signed()},
        {"Proxy-Authorization": f"Bearer {signed()}"},
        {"X-Forwarded-Authorization": f"Bearer {signed()}"},
        {"Cookie": f"access_token={signed()}"},
    ],
)
async def test_promise_59_without_a_bearer_token_it_is_401_before_anything_happens(headers: dict[str, str]) -> None:
    reached = Reached()
    async with serving(World(dispatch=reached, authority=Gate().make())) as client:
        answer = await client.request("PUT", "/api/v1/apps/cam/data/x", headers, json={"data": 1})
    assert (answer.status, answer.json["error"], answer.json["error_code"]) == (401, "invalid_token", "unauthorized")
    assert answer.json["error_description"].startswith("Invalid token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ros2_medkit_gateway", error="invalid_token"'
    assert reached.requests == []


async def test_a_token_in_the_query_is_none() -> None:
    async with serving(World(dispatch=Reached(), authority=Gate().make())) as client:
        answer = await client.get(f"/api/v1/apps?access_token={signed()}")
    assert answer.status == 401


async def test_of_two_authorization_headers_none_counts() -> None:
    async with serving(World(dispatch=Reached(), authority=Gate().make())) as client:
        line = f"Authorization: Bearer {signed()}\r\n"
        received = await client.raw(
            f"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}{line}\r\n".encode()
        )
    assert received.startswith(b"HTTP/1.1 401 ")


async def test_a_refused_client_is_not_asked_for_its_body() -> None:
    async with serving(World(dispatch=Reached(), authority=Gate().make())) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(
            b"PUT /api/v1/apps/cam/data/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        writer.close()


async def test_promise_59_reads_are_open_under_the_policy_write() -> None:
    async with serving(World(authority=Gate(policy="write").make())) as client:
        assert (await client.get("/api/v1/apps")).status == 200
        assert (await client.get("/api/v1/apps", {"Authorization": "Bearer nonsense"})).status == 200
        assert (await client.request("DELETE", "/api/v1/faults")).status == 401


async def test_promise_59_nothing_needs_a_token_under_the_policy_none() -> None:
    reached = Reached()
    async with serving(World(dispatch=reached, authority=Gate(policy="none").make())) as client:
        assert (await client.request("DELETE", "/api/v1/faults")).status == 200
        assert (await client.get("/api/v1/x-medkit-peers")).status == 200


HEALTH_WITH_PEERS = World(
    view=view_of(
        record("here"),
        Peer("secret_name", record("there"), up=False),
        warnings=(
            Warned("peer_refused", "secret_name at http://secret-host:1 is no gateway", peer_names=("secret_name",)),
            Warned("peer_refused", "another_name is none either", ("secret_entity",), ("another_name",)),
            Warned("identity_changed", "secret_name is another"),
        ),
    ),
    peers=[
        PeerStatus(
            name="secret_name", url="http://secret-host:1", online=False, state="down", since=1.0, found_by="static"
        )
    ],
    aggregation=True,
)


def with_peers(policy: Policy) -> World:
    world = HEALTH_WITH_PEERS
    return World(view=world.view, peers=world.peers, aggregation=True, authority=Gate(policy=policy).make())


@pytest.mark.parametrize("policy", ["write", "all"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}])
async def test_promise_t10_health_answers_everybody_and_names_nobody_to_strangers(
    policy: Policy, headers: dict[str, str]
) -> None:
    async with serving(with_peers(policy)) as client:
        answer = await client.get("/api/v1/health", headers)
    assert (answer.status, answer.json["status"]) == (200, "healthy")
    assert "peers" not in answer.json
    assert "failed_peers" not in answer.json["x-medkit"]
    for word in (b"secret", b"another_name"):
        assert word not in answer.body
    assert [warning["code"] for warning in answer.json["warnings"]] == ["peer_refused", "identity_changed"]


@pytest.mark.parametrize("policy", ["write", "all"])
async def test_promise_t10_whoever_may_read_sees_the_peers(policy: Policy) -> None:
    async with serving(with_peers(policy)) as client:
        health = await client.get("/api/v1/health", bearer(Role.VIEWER))
        page = await client.get("/api/v1/x-medkit-peers", bearer(Role.VIEWER))
    assert [peer["url"] for peer in health.json["peers"]] == ["http://secret-host:1"]
    assert health.json["x-medkit"]["failed_peers"] == ["secret_name"]
    assert len(health.json["warnings"]) == 3
    assert [peer["name"] for peer in page.json["items"]] == ["secret_name"]


@pytest.mark.parametrize("policy", ["write", "all"])
async def test_promise_t10_the_page_of_peers_is_for_those_with_a_token(policy: Policy) -> None:
    async with serving(with_peers(policy)) as client:
        assert (await client.get("/api/v1/x-medkit-peers")).status == 401


async def test_promise_t10_without_authentication_and_under_the_policy_none_everybody_sees_the_peers() -> None:
    for world in (HEALTH_WITH_PEERS, with_peers("none")):
        async with serving(world) as client:
            assert len((await client.get("/api/v1/health")).json["peers"]) == 1


async def test_promise_t10_health_by_way_of_another_gateway_needs_a_token() -> None:
    async with serving(with_peers("write")) as client:
        answer = await client.get("/api/v1/health", {"X-Medkit-Target": "A" * 22})
    assert answer.status == 401


@pytest.mark.parametrize(("gate", "told"), [(None, None), (Gate(policy="write"), "write"), (Gate(), "all")])
async def test_the_root_document_says_how_to_get_in(gate: Any, told: str | None) -> None:
    async with serving(World(authority=None if gate is None else gate.make())) as client:
        root = (await client.get("/api/v1/", bearer(Role.VIEWER))).json
    assert root["capabilities"]["authentication"] is (told is not None)
    auth = {"enabled": True, "algorithm": "HS256", "require_auth_for": told}
    assert root.get("auth") == (None if told is None else auth)


async def test_pages_of_allowed_origins_may_send_a_token_and_read_why_it_was_refused() -> None:
    cors = CorsSettings(allowed_origins=("http://ui",))
    async with serving(World(cors=cors, authority=Gate().make())) as client:
        preflight = await client.request("OPTIONS", "/api/v1/apps", {"Origin": "http://ui"})
        refused = await client.get("/api/v1/apps", {"Origin": "http://ui"})
    assert preflight.headers["Access-Control-Allow-Headers"] == "Content-Type, Accept, Authorization"
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, "http://ui")
    assert "WWW-Authenticate" in refused.headers["Access-Control-Expose-Headers"]


async def test_a_path_that_is_refused_is_refused_whoever_asks() -> None:
    async with serving(World(dispatch=Reached(), authority=Gate().make())) as client:
        for headers in ({}, bearer(Role.ADMIN)):
            assert (await client.get("/api/v1/apps/%2e%2e/data", headers)).status == 400
            assert (await client.get("/elsewhere", headers)).status == 404
        assert (await client.get("/api/v1/nothing-here")).status == 401


async def test_a_believed_token_is_believed_again_until_it_is_revoked() -> None:
    """Its signature is remembered, its revocation is looked at each time."""
    keeper = Gate().make()
    token = signed(claims())
    headers = {"Authorization": f"Bearer {token}"}
    async with serving(World(dispatch=Reached(), authority=keeper)) as client:
        assert [(await client.get("/api/v1/apps", headers)).status for _ in range(3)] == [200, 200, 200]
        await keeper.revoke(token)
        assert (await client.get("/api/v1/apps", headers)).status == 401


async def flowing(request: ApiRequest, _route: Route) -> web.StreamResponse:
    """A stream of events that never ends."""
    response = web.StreamResponse()
    response.content_type = "text/event-stream"
    await response.prepare(request)
    await response.write(b"data: 1\n\n")
    await asyncio.Event().wait()
    return response


async def waiting(_request: ApiRequest, _route: Route) -> web.StreamResponse:
    """One that does not begin."""
    await asyncio.Event().wait()
    raise AssertionError


def ending_soon(gate: Gate) -> str:
    """A token that counts for a moment more."""
    gate.clock.now = NOW + 3600 + LEEWAY_S - 0.2
    return signed(claims())


async def test_a_stream_ends_with_the_token_it_was_opened_with() -> None:
    gate = Gate()
    with capture_logs() as logs:
        async with serving(World(dispatch=flowing, authority=gate.make())) as client:
            shown = f"Authorization: Bearer {ending_soon(gate)}"
            received = await client.raw(f"GET /api/v1/x-medkit-events HTTP/1.1\r\nHost: x\r\n{shown}\r\n\r\n".encode())
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"data: 1" in received
    assert [entry for entry in logs if entry["log_level"] != "debug"] == []


async def test_a_stream_that_has_not_begun_when_the_token_ends_is_401() -> None:
    gate = Gate()
    async with serving(World(dispatch=waiting, authority=gate.make())) as client:
        headers = {"Authorization": f"Bearer {ending_soon(gate)}", "Accept": "text/event-stream"}
        answer = await client.get("/api/v1/apps/cam/data", headers)
    assert (answer.status, answer.json["error"]) == (401, "invalid_token")


async def test_a_stream_ends_when_its_token_is_revoked() -> None:
    authority = Gate().make()
    token = signed(claims())
    async with serving(World(dispatch=flowing, authority=authority)) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(
            f"GET /api/v1/x-medkit-events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        await reader.readuntil(b"data: 1")
        await authority.revoke(token)
        await asyncio.wait_for(reader.read(), timeout=30)  # it would go on for an hour
        writer.close()


async def test_a_stream_that_has_not_begun_when_its_token_is_revoked_is_401() -> None:
    authority = Gate().make()
    token = signed(claims())
    async with serving(World(dispatch=waiting, authority=authority)) as client:
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        asking = asyncio.create_task(client.get("/api/v1/apps/cam/data", headers))
        await eventually(lambda: len(client.connections) == 1)
        await authority.revoke(token)
        answer = await asking
    assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    assert "revoked" in answer.json["message"]
