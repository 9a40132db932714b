"""Keys that an identity provider publishes: fetched, rotated, kept, bounded; and nobody waits long for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.auth.caller import Caller
from gateway.auth.jwks import HURRY_S, MAX_BYTES, PublishedKeys
from gateway.auth.keys import MAX_KEYS, KeyMistake, published_keys
from gateway.auth.tokens import BadToken, TokenRules
from tests.federation.eventually import eventually
from tests.unit.auth.gatekeeping import Clock, Gate
from tests.unit.auth.minting import claims, ec_key, rsa_key, signed
from tests.unit.auth.test_bad_tokens import Reached, refused
from tests.unit.http.serving import World, serving

RULES = TokenRules("https://login.example", "cell 7", needs_audience=True, from_elsewhere=True)
CLAIMS = claims(iss="https://login.example", aud="cell 7", sub="somebody@example", jti=None)


def jwk(key: Any, **other: Any) -> dict[str, Any]:
    """The public key as it is published; None leaves a member out."""
    algorithms = jwt.algorithms
    kind = algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else algorithms.RSAAlgorithm
    told = {**kind.to_jwk(key.public_key(), as_dict=True), "use": "sig", **other}
    told.pop("key_ops", None)
    return {name: value for name, value in told.items() if value is not None}


class Provider:
    """What the provider publishes now, and how often it was asked."""

    def __init__(self) -> None:
        self.answer: Any = {"keys": []}
        self.status = 200
        self.asked = 0
        self.held: asyncio.Event | None = None

    async def handle(self, _: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.held is not None:
            await self.held.wait()
        body = self.answer if isinstance(self.answer, str) else json.dumps(self.answer)
        headers = {"Location": "http://127.0.0.1:9/"} if self.status == 302 else {}
        return web.Response(text=body, status=self.status, content_type="application/json", headers=headers)


@asynccontextmanager
async def fetching(provider: Provider, clock: Clock, algorithm: Any = "RS256") -> AsyncIterator[PublishedKeys]:
    """Keys of `provider`, being fetched."""
    app = web.Application()
    app.router.add_get("/keys", provider.handle)
    async with TestServer(app) as server:
        keys = PublishedKeys(str(server.make_url("/keys")), algorithm, clock=clock)
        running = asyncio.create_task(keys.run())
        try:
            yield keys
        finally:
            running.cancel()
            if provider.held is not None:
                provider.held.set()
            with suppress(asyncio.CancelledError):
                await running


async def has(keys: PublishedKeys, *ids: str) -> None:
    """Waits until exactly these keys are known."""
    await eventually(lambda: set({} if (found := keys.current()) is None else found.by_id) == set(ids))


@pytest.mark.parametrize(("algorithm", "make"), [("RS256", rsa_key), ("ES256", ec_key)])
async def test_tokens_of_the_provider_are_believed_by_the_key_they_name(algorithm: Any, make: Any) -> None:
    provider = Provider()
    provider.answer = {"keys": [jwk(make(), kid="one"), jwk(make(name="other"), kid="two")]}
    async with fetching(provider, Clock(), algorithm) as keys:
        await has(keys, "one", "two")
        gate = Gate(keys=keys, signing=None, rules=RULES, clients=())
        tokens = {
            typ: signed(CLAIMS, {"alg": algorithm, "typ": typ, "kid": "one"}, key=make(), algorithm=algorithm)
            for typ in ("JWT", "at+jwt", "access")
        }
        async with serving(World(dispatch=Reached(), authority=gate.make())) as client:
            for token in tokens.values():
                assert (await client.get("/api/v1/apps", {"Authorization": f"Bearer {token}"})).status == 200
        bad = {
            name: signed({**CLAIMS, **other}, {"alg": algorithm, "typ": "JWT", **header}, key=key, algorithm=algorithm)
            for name, other, header, key in (
                ("the other key", {}, {"kid": "two"}, make()),
                ("a key nobody published", {}, {"kid": "three"}, make(name="theirs")),
                ("no key named, of two", {}, {}, make()),
                ("another audience", {"aud": "cell 8"}, {"kid": "one"}, make()),
                ("another issuer", {"iss": "ros2_medkit_gateway"}, {"kid": "one"}, make()),
                ("a refresh token", {}, {"kid": "one", "typ": "refresh"}, make()),
            )
        }
        assert await refused(gate, bad) == {}


async def test_a_new_key_is_fetched_when_a_token_names_it_and_the_old_one_goes() -> None:
    provider, clock = Provider(), Clock()
    provider.answer = {"keys": [jwk(rsa_key(), kid="old")]}
    async with fetching(provider, clock) as keys:
        await has(keys, "old")
        keeper = Gate(keys=keys, signing=None, rules=RULES, clients=()).make()
        old, new = [
            signed(CLAIMS, {"alg": "RS256", "typ": "JWT", "kid": kid}, key=rsa_key(name=name), algorithm="RS256")
            for kid, name in (("old", ""), ("new", "new"))
        ]
        assert type(await keeper.caller(old)).__name__ == "Caller"
        provider.answer = {"keys": [jwk(rsa_key(name="new"), kid="new")]}
        clock.now += HURRY_S
        assert type(await keeper.caller(new)).__name__ == "Caller"
        assert type(await keeper.caller(old)).__name__ == "Disbelieved"
        assert provider.asked == 2


async def test_whoever_invents_key_ids_makes_no_more_than_one_fetch() -> None:
    provider, clock = Provider(), Clock()
    provider.answer = {"keys": [jwk(rsa_key(), kid="one")]}
    async with fetching(provider, clock) as keys:
        await has(keys, "one")
        clock.now += HURRY_S
        invented = [signed(CLAIMS, {"alg": "RS256", "typ": "JWT", "kid": f"k{n}"}, key="x" * 32) for n in range(50)]
        await asyncio.gather(*(keys.with_key(token) for token in invented))
        assert provider.asked == 2
        await keys.with_key(invented[0])
        assert provider.asked == 2


async def test_at_the_start_a_request_waits_for_the_first_keys() -> None:
    provider = Provider()
    provider.answer = {"keys": [jwk(rsa_key(), kid="one")]}
    provider.held = asyncio.Event()
    async with fetching(provider, Clock()) as keys:
        keeper = Gate(keys=keys, signing=None, rules=RULES, clients=()).make()
        token = signed(CLAIMS, {"alg": "RS256", "typ": "JWT", "kid": "one"}, key=rsa_key(), algorithm="RS256")
        asking = asyncio.create_task(keeper.caller(token))
        await eventually(lambda: provider.asked == 1)
        assert not asking.done()
        provider.held.set()
        assert type(await asking).__name__ == "Caller"


BAD_ANSWERS: list[tuple[Any, int]] = [
    ({"keys": []}, 200),
    ({"keys": "one"}, 200),
    ([], 200),
    ("no json", 200),
    ({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]}, 200),
    ({"keys": []}, 500),
    ({"keys": []}, 302),
    ({"keys": [], "x": "x" * MAX_BYTES}, 200),
    ("[" * 100_000, 200),
]


@pytest.mark.parametrize(("answer", "status"), BAD_ANSWERS)
async def test_the_last_good_keys_stay_whatever_the_provider_answers(answer: Any, status: int) -> None:
    provider, clock = Provider(), Clock()
    provider.answer = {"keys": [jwk(rsa_key(), kid="one")]}
    async with fetching(provider, clock) as keys:
        await has(keys, "one")
        assert keys.trouble is None
        provider.answer, provider.status = answer, status
        clock.now += HURRY_S
        stranger = signed(CLAIMS, {"alg": "RS256", "typ": "JWT", "kid": "x"}, key="x" * 32)
        found = await keys.with_key(stranger)
        assert found is not None
        assert set(found.by_id) == {"one"}
        assert keys.trouble is not None
        provider.answer, provider.status = {"keys": [jwk(rsa_key(), kid="two")]}, 200
        clock.now += HURRY_S
        await keys.with_key(stranger)
        await has(keys, "two")
        assert keys.trouble is None


async def test_without_any_keys_no_token_is_believed() -> None:
    provider = Provider()
    provider.status = 500
    async with fetching(provider, Clock()) as keys:
        await eventually(lambda: keys.trouble is not None)
        keeper = Gate(keys=keys, signing=None, rules=RULES, clients=()).make()
        token = signed(CLAIMS, {"alg": "RS256", "typ": "JWT"}, key=rsa_key(), algorithm="RS256")
        answer = await keeper.caller(token)
        assert getattr(answer, "why", None) == BadToken.UNKNOWN_KEY.value


def test_of_a_published_set_only_keys_for_our_signatures_are_taken() -> None:
    good = jwk(rsa_key(), kid="good")
    others = [
        jwk(rsa_key(1024), kid="short"),
        jwk(ec_key(), kid="curve"),
        jwk(rsa_key(), kid="enc", use="enc"),
        jwk(rsa_key(), kid="other", alg="RS512"),
        jwk(rsa_key(), kid=7),
        jwk(rsa_key(), kid=""),
        jwk(rsa_key(), kid="k" * 300),
        {**jwk(rsa_key(), kid="private"), "d": "AQAB"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "empty"},
        {"kid": "nothing"},
        "text",
        None,
    ]
    assert set(published_keys("RS256", [*others, good]).by_id) == {"good"}
    with pytest.raises(KeyMistake):
        published_keys("RS256", others)


def test_an_id_that_stands_for_two_keys_stands_for_none() -> None:
    both = [jwk(rsa_key(), kid="one"), jwk(rsa_key(name="other"), kid="one"), jwk(rsa_key(name="third"), kid="two")]
    assert set(published_keys("RS256", both).by_id) == {"two"}


def test_a_set_has_a_bound() -> None:
    with pytest.raises(KeyMistake):
        published_keys("ES256", [jwk(ec_key(), kid=str(n)) for n in range(MAX_KEYS + 1)])


def test_a_set_that_is_too_long_is_refused_before_any_entry_is_looked_at() -> None:
    class Unread(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise AssertionError("it was looked at")

    with pytest.raises(KeyMistake, match="more than"):
        published_keys("ES256", [*(Unread(jwk(ec_key(), kid=str(n), use="enc")) for n in range(MAX_KEYS)), {}])


async def test_a_token_without_an_id_is_revoked_all_the_same_however_its_signature_is_written() -> None:
    key = ec_key()
    gate = Gate(rules=RULES, signing=None, keys=published_keys("ES256", [jwk(key, kid="k")])).make()
    header = {"alg": "ES256", "typ": "JWT", "kid": "k"}
    one, twin, other = (
        signed(told, header, key=key, algorithm="ES256") for told in (CLAIMS, CLAIMS, {**CLAIMS, "sub": "b"})
    )
    assert one != twin  # the same claims, signed twice
    assert await gate.revoke(one)
    assert [isinstance(await gate.caller(token), Caller) for token in (one, twin, other)] == [False, False, True]
