"""`/auth/authorize`, `/auth/token` and `/auth/revoke` on the wire; faults 76 and 77."""

import asyncio
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from gateway.auth.attempts import AttemptLimits
from gateway.auth.clients import Clients, parse_clients
from gateway.auth.sessions import Sessions
from tests.unit.auth.gatekeeping import SECRETS, Gate, sign_in
from tests.unit.auth.minting import NOW, RULES, new_mint
from tests.unit.http.serving import Answer, Client, World, serving

AUTH = "/api/v1/auth"


async def post(client: Client, what: str, body: Mapping[str, Any], *, form: bool = False) -> Answer:
    if form:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await client.request("POST", f"{AUTH}/{what}", headers, data=urlencode(body))
    return await client.request("POST", f"{AUTH}/{what}", json=body)


async def renew(client: Client, token: str) -> Answer:
    return await post(client, "token", {"grant_type": "refresh_token", "refresh_token": token})


async def status_with(client: Client, token: str) -> int:
    """What a protected path answers to this token."""
    return (await client.get("/api/v1/apps", {"Authorization": f"Bearer {token}"})).status


@pytest.mark.parametrize("form", [False, True])
async def test_promise_59_a_client_gets_tokens_for_its_secret_and_with_them_comes_in(form: bool) -> None:
    async with serving(World(authority=Gate().make())) as client:
        answer = await post(client, "authorize", sign_in("boss"), form=form)
        assert answer.status == 200
        assert {name: answer.json[name] for name in ("token_type", "expires_in", "scope")} == {
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "admin",
        }
        assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
        assert answer.headers["Cache-Control"] == "no-store"
        assert await status_with(client, answer.json["access_token"]) == 200
        assert await status_with(client, answer.json["refresh_token"]) == 401


@pytest.mark.parametrize("form", [False, True])
async def test_promise_59_a_refresh_token_gives_new_tokens_once(form: bool) -> None:
    async with serving(World(authority=Gate().make())) as client:
        first = (await post(client, "authorize", sign_in("ci"))).json
        body = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = await post(client, "token", body, form=form)
        assert (second.status, second.json["scope"]) == (200, "operator")
        assert second.json["refresh_token"] != first["refresh_token"]
        assert await status_with(client, second.json["access_token"]) == 200
        third = await renew(client, second.json["refresh_token"])
        assert third.status == 200


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_promise_59_a_revoked_token_counts_no_more(form: bool, kind: str) -> None:
    async with serving(World(authority=Gate().make())) as client:
        tokens = (await post(client, "authorize", sign_in("ci"))).json
        others = (await post(client, "authorize", sign_in("ci"))).json
        answer = await post(client, "revoke", {"token": tokens[kind]}, form=form)
        assert (answer.status, answer.json) == (200, {"status": "revoked"})
        assert await status_with(client, tokens["access_token"]) == 401
        assert await status_with(client, others["access_token"]) == 200
        renewed = await renew(client, tokens["refresh_token"])
        assert renewed.status == (401 if kind == "refresh_token" else 200)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "x" * 9000])
async def test_promise_59_to_revoke_what_is_no_token_is_answered_alike(token: str) -> None:
    gate = Gate()
    async with serving(World(authority=gate.make())) as client:
        answer = await post(client, "revoke", {"token": token})
    assert (answer.status, answer.json) == (200, {"status": "revoked"})
    assert gate.store.kept == 0


async def test_fault_076_a_refresh_token_that_comes_twice_ends_the_whole_sign_in() -> None:
    async with serving(World(authority=Gate().make())) as client:
        first = (await post(client, "authorize", sign_in("ci"))).json
        other = (await post(client, "authorize", sign_in("ci"))).json
        second = (await renew(client, first["refresh_token"])).json
        replayed = await renew(client, first["refresh_token"])
        assert (replayed.status, replayed.json["error"]) == (401, "invalid_grant")
        for token in (first, second):
            assert await status_with(client, token["access_token"]) == 401
        assert (await renew(client, second["refresh_token"])).status == 401
        assert await status_with(client, other["access_token"]) == 200
        assert (await renew(client, other["refresh_token"])).status == 200


async def test_fault_076_of_two_that_renew_at_once_one_succeeds_and_the_sign_in_ends() -> None:
    async with serving(World(authority=Gate().make())) as client:
        first = (await post(client, "authorize", sign_in("ci"))).json
        answers = await asyncio.gather(*(renew(client, first["refresh_token"]) for _ in range(2)))
        assert sorted(answer.status for answer in answers) == [200, 401]
        (won,) = [answer.json for answer in answers if answer.status == 200]
        assert await status_with(client, won["access_token"]) == 401


async def test_fault_076_revocations_and_turns_survive_a_restart() -> None:
    gate = Gate()
    async with serving(World(authority=gate.make())) as client:
        revoked, kept, used = [(await post(client, "authorize", sign_in("ci"))).json for _ in range(3)]
        await post(client, "revoke", {"token": revoked["refresh_token"]})
        newest = (await renew(client, used["refresh_token"])).json
    saved, gate.sessions = gate.sessions.save(), Sessions({"ci": ""})
    gate.sessions.restore(saved, now=gate.clock())
    async with serving(World(authority=gate.make())) as client:
        assert await status_with(client, revoked["access_token"]) == 401
        assert (await renew(client, revoked["refresh_token"])).status == 401
        assert await status_with(client, kept["access_token"]) == 200
        assert (await renew(client, kept["refresh_token"])).status == 200
        assert (await renew(client, newest["refresh_token"])).status == 200
        assert (await renew(client, used["refresh_token"])).status == 401


async def test_fault_076_what_was_saved_holds_no_token_and_no_secret() -> None:
    gate = Gate()
    async with serving(World(authority=gate.make())) as client:
        tokens = (await post(client, "authorize", sign_in("ci"))).json
    saved = gate.sessions.save().decode()
    assert tokens["access_token"] not in saved
    assert tokens["refresh_token"] not in saved
    assert SECRETS["ci"] not in saved


async def test_fault_076_a_refresh_token_ends_when_its_sign_in_does_however_often_it_is_renewed() -> None:
    gate = Gate()
    async with serving(World(authority=gate.make())) as client:
        token = (await post(client, "authorize", sign_in("ci"))).json["refresh_token"]
        for hour in (8, 16, 23):
            gate.clock.now = NOW + hour * 3600
            answer = await renew(client, token)
            assert answer.status == 200
            token = answer.json["refresh_token"]
        gate.clock.now = NOW + 86_401
        assert (await renew(client, token)).status == 401


async def test_a_client_that_is_no_more_or_has_another_role_is_what_it_is_now() -> None:
    gate = Gate()
    async with serving(World(authority=gate.make())) as client:
        boss, ci = [(await post(client, "authorize", sign_in(name))).json for name in ("boss", "ci")]
    gate.clients = ("boss:the secret: of boss:viewer",)
    async with serving(World(authority=gate.make())) as client:
        assert await status_with(client, ci["access_token"]) == 401
        assert (await renew(client, ci["refresh_token"])).status == 401
        assert await status_with(client, boss["access_token"]) == 200
        headers = {"Authorization": f"Bearer {boss['access_token']}"}
        assert (await client.request("DELETE", "/api/v1/faults", headers)).status == 403
        assert (await renew(client, boss["refresh_token"])).json["scope"] == "viewer"


async def test_a_minted_token_for_more_than_its_client_may_is_worth_what_the_client_may() -> None:
    from gateway.auth.roles import Role

    token = new_mint().access("eye", Role.ADMIN, issued=NOW, expires=NOW + 100)
    async with serving(World(authority=Gate().make())) as client:
        answer = await client.request("DELETE", "/api/v1/faults", {"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.json["error"]) == (403, "insufficient_scope")


WRONG = {
    "client": {"client_id": "nobody", "client_secret": "the secret of ci"},
    "secret": {"client_id": "ci", "client_secret": "the secret of boss"},
    "half": {"client_id": "ci", "client_secret": "the secret of c"},
    "case": {"client_id": "CI", "client_secret": "the secret of ci"},
}


async def test_fault_077_nobody_learns_which_half_was_wrong() -> None:
    async with serving(World(authority=Gate().make())) as client:
        answers = {
            name: await post(client, "authorize", {"grant_type": "client_credentials", **body})
            for name, body in WRONG.items()
        }
    assert {answer.status for answer in answers.values()} == {401}
    assert len({answer.body for answer in answers.values()}) == 1
    assert (
        len({tuple(sorted((k, v) for k, v in answer.headers.items() if k != "Date")) for answer in answers.values()})
        == 1
    )
    assert answers["client"].json["error"] == "invalid_client"


def test_fault_077_an_unknown_client_costs_as_much_as_a_known_one() -> None:
    """Whatever is given, one comparison of two digests is made, and it takes the same time for all."""
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    known = Clients(parse_clients(["ci:secret:viewer"])[0], is_equal=compare)
    proven = [
        known.proven(client, secret) is not None
        for client, secret in (("ci", "secret"), ("ci", "wrong"), ("nobody", "secret"))
    ]
    assert proven == [True, False, False]
    assert compared == [(32, 32)] * 3


async def guess(client: Client, name: str = "ci") -> Answer:
    body = {"grant_type": "client_credentials", "client_id": name, "client_secret": "a guess"}
    return await post(client, "authorize", body)


async def test_fault_077_too_many_guesses_are_429_until_they_are_forgiven() -> None:
    gate = Gate(limits=AttemptLimits(per_address=3, forgiven_s=6.0))
    async with serving(World(authority=gate.make())) as client:
        assert [(await guess(client)).status for _ in range(4)] == [401, 401, 401, 429]
        refused = await post(client, "authorize", sign_in("ci"))
        assert (refused.status, refused.headers["Retry-After"]) == (429, "6")
        assert refused.json["error"] == "rate-limit-exceeded"
        gate.clock.now += 6
        assert (await post(client, "authorize", sign_in("ci"))).status == 200
        assert [(await guess(client)).status for _ in range(2)] == [401, 429]


async def test_fault_077_guesses_are_told_in_the_log_without_what_was_guessed() -> None:
    gate = Gate(limits=AttemptLimits(per_address=2))
    with capture_logs() as logs:
        async with serving(World(authority=gate.make())) as client:
            await guess(client)
            await guess(client, "my-secret-in-the-wrong-field")
            await guess(client)
    told = [entry for entry in logs if entry["log_level"] != "debug"]
    assert [entry["event"] for entry in told] == [
        "sign-in failed",
        "sign-in failed",
        "sign-ins refused for a while after too many failures",
    ]
    assert [entry["client"] for entry in told] == ["ci", None, None]
    assert {entry["address"] for entry in told} == {"127.0.0.1"}
    assert "guess" not in json.dumps(told)
    assert "my-secret" not in json.dumps(told)


BAD_BODIES = [
    (b"", 400, "invalid_request"),
    (b"[]", 400, "invalid_request"),
    (b'"text"', 400, "invalid_request"),
    (b"{", 400, "invalid_request"),
    (b"\xff", 400, "invalid_request"),
    (b"{}", 400, "invalid_request"),
    (b'{"grant_type": 1}', 400, "invalid_request"),
    (b'{"grant_type": "password", "grant_type": "refresh_token"}', 400, "invalid_request"),
    (b'{"grant_type": "client_credentials"}', 400, "invalid_request"),
    (b'{"grant_type": "client_credentials", "client_id": "ci"}', 400, "invalid_request"),
    (b'{"grant_type": "client_credentials", "client_id": "ci", "client_secret": ["x"]}', 400, "invalid_request"),
    (b'{"grant_type": "client_credentials", "client_id": "", "client_secret": "x"}', 400, "invalid_request"),
    (b'{"grant_type": "password", "client_id": "ci", "client_secret": "x"}', 400, "unsupported_grant_type"),
    (b'{"grant_type": "refresh_token", "refresh_token": "x"}', 400, "unsupported_grant_type"),
    (b'{"x": "' + b"x" * 20_000 + b'"}', 400, "invalid_request"),
]


@pytest.mark.parametrize(("body", "status", "error"), BAD_BODIES)
async def test_what_asks_for_no_token_is_refused_in_the_form_of_oauth(body: bytes, status: int, error: str) -> None:
    async with serving(World(authority=Gate().make())) as client:
        answer = await client.request("POST", f"{AUTH}/authorize", {"Content-Type": "application/json"}, data=body)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["error_description"] == answer.json["message"]


@pytest.mark.parametrize(
    "body", ["grant_type=client_credentials&grant_type=x", "a&b=c", "&".join("a=b" for _ in range(30)), "%ff=%ff"]
)
async def test_a_form_that_is_none_is_refused(body: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with serving(World(authority=Gate().make())) as client:
        answer = await client.request("POST", f"{AUTH}/authorize", headers, data=body)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "authorize"),
        ("PUT", "token"),
        ("POST", ""),
        ("POST", "other"),
        ("POST", "token/more"),
        ("DELETE", "revoke"),
    ],
)
async def test_there_are_three_such_routes_and_no_more(method: str, path: str) -> None:
    async with serving(World(authority=Gate().make())) as client:
        answer = await client.request(method, f"{AUTH}/{path}", json={})
    assert (answer.status, answer.json["error"]) == (404, "resource-not-found")


async def test_without_authentication_there_are_no_tokens() -> None:
    async with serving(World()) as client:
        answers = [await client.request("POST", f"{AUTH}/{what}", json={}) for what in ("authorize", "token", "revoke")]
    assert {(answer.status, answer.json["error"]) for answer in answers} == {(404, "resource-not-found")}


async def test_where_others_give_out_tokens_this_gateway_says_who() -> None:
    gate = Gate(signing=None, rules=RULES)
    async with serving(World(authority=gate.make())) as client:
        answer = await post(client, "authorize", sign_in("ci"))
    assert answer.status == 404
    assert "ros2_medkit_gateway" in answer.json["message"]


async def test_nobody_is_told_that_a_token_is_revoked_unless_that_outlives_a_restart() -> None:
    gate = Gate()
    async with serving(World(authority=gate.make())) as client:
        tokens = (await post(client, "authorize", sign_in("ci"))).json
        gate.store.is_full = True
        for _ in range(2):
            answer = await post(client, "revoke", {"token": tokens["access_token"]})
            assert (answer.status, answer.json["error"], answer.json["error_code"]) == (
                503,
                "temporarily_unavailable",
                "service-unavailable",
            )
        assert await status_with(client, tokens["access_token"]) == 401
        gate.store.is_full = False
        assert (await post(client, "revoke", {"token": tokens["access_token"]})).json == {"status": "revoked"}


async def test_a_refresh_token_stays_good_when_it_cannot_be_saved_that_it_is_spent() -> None:
    gate = Gate()
    async with serving(World(authority=gate.make())) as client:
        tokens = (await post(client, "authorize", sign_in("ci"))).json
        gate.store.is_full = True
        assert (await renew(client, tokens["refresh_token"])).status == 503
        gate.store.is_full = False
        renewed = await renew(client, tokens["refresh_token"])
        assert renewed.status == 200
        assert await status_with(client, renewed.json["access_token"]) == 200
        assert (await renew(client, tokens["refresh_token"])).status == 401
