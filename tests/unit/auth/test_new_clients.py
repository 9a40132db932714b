"""Clients and keys that change while the gateway runs: who is out is out at once, and everybody else stays in."""

import pytest

from gateway.auth.attempts import AttemptLimits
from gateway.auth.caller import Caller, Denied, Disbelieved, Grant, TooMany
from gateway.auth.clients import parse_clients
from gateway.auth.gatekeeper import Gatekeeper
from gateway.auth.keys import SigningKey, shared_secret
from gateway.auth.sessions import Sessions
from tests.unit.auth.gatekeeping import CLIENTS, SECRETS, Gate
from tests.unit.auth.minting import RULES, SIGNING, VERIFYING, ec_key, new_mint

HERE = "127.0.0.1"
OTHER_SIGNING, OTHER_VERIFYING = shared_secret(b"another secret of at least 32 bytes")


async def take(keeper: Gatekeeper, *entries: str) -> None:
    clients, mistakes = parse_clients(entries)
    assert mistakes == ()
    await keeper.take(VERIFYING, new_mint(SIGNING, RULES), clients)


async def signed_in(keeper: Gatekeeper, client: str) -> tuple[Grant, Caller]:
    grant = await keeper.authorize(client, SECRETS[client], HERE)
    assert isinstance(grant, Grant)
    caller = await keeper.caller(grant.access)
    assert isinstance(caller, Caller)
    return grant, caller


async def assert_out(keeper: Gatekeeper, grant: Grant, caller: Caller) -> None:
    assert isinstance(await keeper.caller(grant.access), Disbelieved)
    assert isinstance(await keeper.renew(grant.refresh), Denied)
    assert caller.is_revoked()


async def assert_in(keeper: Gatekeeper, grant: Grant, caller: Caller) -> None:
    assert isinstance(await keeper.caller(grant.access), Caller)
    assert not caller.is_revoked()


@pytest.mark.parametrize("now", [CLIENTS[1:], ("ci:another secret:operator", *CLIENTS[1:])], ids=["gone", "new secret"])
async def test_a_client_that_is_gone_or_has_another_secret_is_out_with_all_its_tokens(now: tuple[str, ...]) -> None:
    gate = Gate()
    keeper = gate.make()
    ci, boss = await signed_in(keeper, "ci"), await signed_in(keeper, "boss")
    await take(keeper, *now)
    await assert_out(keeper, *ci)
    assert isinstance(await keeper.authorize("ci", SECRETS["ci"], HERE), Denied)
    await assert_in(keeper, *boss)
    assert isinstance(await keeper.renew(boss[0].refresh), Grant)
    await take(keeper, *CLIENTS)
    await assert_out(keeper, *ci)
    await assert_in(keeper, *await signed_in(keeper, "ci"))


async def test_a_client_that_is_new_comes_in_and_nobody_notices() -> None:
    keeper = Gate(clients=CLIENTS[1:]).make()
    assert isinstance(await keeper.authorize("ci", SECRETS["ci"], HERE), Denied)
    boss = await signed_in(keeper, "boss")
    await take(keeper, *CLIENTS)
    await assert_in(keeper, *await signed_in(keeper, "ci"))
    await assert_in(keeper, *boss)


async def test_a_role_that_is_lower_now_counts_at_once() -> None:
    keeper = Gate().make()
    grant, _ = await signed_in(keeper, "boss")
    await take(keeper, CLIENTS[0], CLIENTS[1].replace(":admin", ":viewer"))
    caller = await keeper.caller(grant.access)
    assert isinstance(caller, Caller)
    assert caller.role.word == "viewer"


async def test_another_key_ends_all_tokens_and_makes_others() -> None:
    keeper = Gate().make()
    before = await signed_in(keeper, "ci")
    clients, _ = parse_clients(CLIENTS)
    await keeper.take(OTHER_VERIFYING, new_mint(OTHER_SIGNING, RULES), clients)
    await assert_out(keeper, *before)
    await assert_in(keeper, *await signed_in(keeper, "ci"))


async def test_who_is_out_is_kept_and_stays_out_after_a_restart() -> None:
    gate = Gate()
    keeper = gate.make()
    ci = await signed_in(keeper, "ci")
    kept = gate.store.kept
    await take(keeper, *CLIENTS[1:])
    assert gate.store.kept == kept + 1
    assert isinstance(await gate.make().caller(ci[0].access), Disbelieved)


@pytest.mark.parametrize("now", [CLIENTS[1:], ("ci:another secret:operator", *CLIENTS[1:])], ids=["gone", "new secret"])
async def test_who_knew_a_secret_that_counts_no_more_has_no_more_guesses_than_others(now: tuple[str, ...]) -> None:
    gate = Gate()
    keeper = gate.make()
    await signed_in(keeper, "ci")
    await take(keeper, *now)
    if now == CLIENTS[1:]:
        await take(keeper, *CLIENTS)
    for number in range(AttemptLimits().per_client):
        assert isinstance(await keeper.authorize("ci", "wrong", f"203.0.113.{number}"), Denied)
    assert isinstance(await keeper.authorize("ci", "wrong", "198.51.100.8"), TooMany)
    assert isinstance(
        await keeper.authorize("ci", SECRETS["ci"] if now == CLIENTS[1:] else "another secret", HERE), TooMany
    )


async def test_secrets_are_known_again_by_the_key_and_by_nothing_that_tells_them() -> None:
    gate = Gate()
    keeper = gate.make()
    await take(keeper, *CLIENTS)
    known = dict(gate.sessions.secrets)
    assert set(known) == set(SECRETS)
    await take(keeper, "ci:another secret:operator", *CLIENTS[1:])
    assert {client for client, secret in known.items() if gate.sessions.secrets[client] != secret} == {"ci"}
    clients, _ = parse_clients(CLIENTS)
    others = new_mint(OTHER_SIGNING, RULES).fingerprints(clients)
    assert not set(others.values()) & set(known.values())
    pair = SigningKey("ES256", ec_key())
    assert new_mint(pair, RULES).fingerprints(clients) == new_mint(pair, RULES).fingerprints(clients)
    assert not {client.digest.hex() for client in clients} & {*known.values(), *others.values()}


async def test_a_client_that_proved_itself_before_a_restart_is_not_locked_out_by_others_after_it() -> None:
    gate = Gate(limits=AttemptLimits(per_client=2))
    await signed_in(gate.make(), "ci")
    saved = gate.sessions.save()
    gate.sessions = Sessions({"ci": ""})
    gate.sessions.restore(saved, now=gate.clock())
    keeper = gate.make()
    for n in range(4):
        await keeper.authorize("ci", "wrong", f"127.0.1.{n}")
    assert isinstance(await keeper.authorize("ci", SECRETS["ci"], "127.0.1.9"), TooMany)
    await signed_in(keeper, "ci")
