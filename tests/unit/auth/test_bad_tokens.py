"""No token of the corpus is believed: each gets 401, and nothing else happens. Faults 72 to 75."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.http.path import Route
from gateway.http.request import ApiRequest
from tests.unit.auth.bad_tokens import bad_tokens
from tests.unit.auth.gatekeeping import Gate
from tests.unit.auth.minting import NOW, claims, ec_key, public_pem, rsa_key, segment, signed, verifying
from tests.unit.http.serving import World, serving

CORPUS = bad_tokens()


class Reached:
    """A dispatch that tells whether a request came through."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    async def __call__(self, request: ApiRequest, _route: Route) -> web.StreamResponse:
        self.requests.append(request.raw_path)
        return web.Response()


async def refused(gate: Gate, tokens: dict[str, str]) -> dict[str, Any]:
    """What each token got that was not a plain 401, by what is wrong with it; and the good one, if it is refused."""
    reached = Reached()
    strange: dict[str, Any] = {}
    async with serving(World(dispatch=reached, authority=gate.make())) as client:
        for name, token in tokens.items():
            sent = f"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
            received = await client.raw(sent.encode())
            head, _, body = received.partition(b"\r\n\r\n")
            plain = head.startswith(b"HTTP/1.1 401 ") and b'"error":"invalid_token"' in body
            challenge = b'WWW-Authenticate: Bearer realm="ros2_medkit_gateway", error="invalid_token"' in head
            if not (plain and challenge) or token.encode() in received:
                strange[name] = received
    return strange | dict.fromkeys(reached.requests, "came through")


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 60
    assert len(set(CORPUS.values())) == len(CORPUS)


async def test_a_good_token_comes_through() -> None:
    """Otherwise the corpus would prove nothing."""
    reached = Reached()
    async with serving(World(dispatch=reached, authority=Gate().make())) as client:
        answers = [
            (await client.get("/api/v1/apps", {"Authorization": f"{scheme} {signed(payload)}"})).status
            for scheme in ("Bearer", "bearer", "BEARER")
            for payload in (claims(), claims(aud=None), claims(aud=["x", "ros2_medkit_gateway"]), claims(nbf=NOW + 29))
        ]
    assert set(answers) == {200}
    assert len(reached.requests) == len(answers)


async def test_every_token_of_the_corpus_gets_401_and_nothing_else() -> None:
    assert await refused(Gate(), CORPUS) == {}


def of(*words: str) -> dict[str, str]:
    """The tokens whose flaw begins with one of these."""
    return {name: token for name, token in CORPUS.items() if name.startswith(words)}


async def test_fault_072_no_other_algorithm_is_taken() -> None:
    tokens = of("alg ", "HS", "RS", "ES", "signed as")
    assert len(tokens) > 15
    assert await refused(Gate(), tokens) == {}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_fault_072_a_public_key_is_no_secret(algorithm: str) -> None:
    """The classic: what everybody may know, used as the secret of HS256."""
    ours: Any = rsa_key(name="ours") if algorithm == "RS256" else ec_key(name="ours")
    gate = Gate(keys=verifying(ours, algorithm), signing=None)
    pem = public_pem(ours)
    head = {"alg": "HS256", "typ": "access"}
    text = f"{segment(head)}.{segment(claims())}"
    from tests.unit.auth.bad_tokens import _with_raw_secret

    confused = {
        "the PEM": _with_raw_secret(pem),
        "the PEM without its end": _with_raw_secret(pem.strip()),
        "alg none": f"{segment({'alg': 'none', 'typ': 'access'})}.{segment(claims())}.",
        "alg of the key, HMAC inside": f"{segment({'alg': algorithm, 'typ': 'access'})}.{segment(claims())}."
        + _with_raw_secret(pem).rpartition(".")[2],
        "no signature": f"{text}.",
        "a key of the same type": signed(
            key=rsa_key(name="theirs") if algorithm == "RS256" else ec_key(name="theirs"), algorithm=algorithm
        ),
    }
    assert await refused(gate, confused) == {}
    async with serving(World(dispatch=Reached(), authority=gate.make())) as client:
        token = signed(key=ours, algorithm=algorithm)
        assert (await client.get("/api/v1/apps", {"Authorization": f"Bearer {token}"})).status == 200


async def test_fault_073_only_the_time_between_counts_with_half_a_minute_of_patience() -> None:
    tokens = of("expired", "not valid", "made", "good for", "iat", "exp", "nbf", "without iat", "without exp")
    assert len(tokens) > 15
    assert await refused(Gate(), tokens) == {}


async def test_fault_073_a_token_ends_for_a_caller_that_was_just_believed() -> None:
    gate = Gate()
    token = {"Authorization": f"Bearer {signed(claims(exp=NOW + 10))}"}
    async with serving(World(dispatch=Reached(), authority=gate.make())) as client:
        statuses = []
        for second in (0, 39, 40):
            gate.clock.now = NOW + second
            statuses.append((await client.get("/api/v1/apps", token)).status)
    assert statuses == [200, 200, 401]


async def test_fault_074_a_token_for_somebody_else_or_for_another_use_is_refused() -> None:
    tokens = of("issuer", "audience", "typ", "a refresh", "without iss", "without typ")
    assert len(tokens) > 15
    assert await refused(Gate(), tokens) == {}


async def test_fault_074_where_an_audience_is_set_a_token_without_one_is_refused() -> None:
    from gateway.auth.tokens import TokenRules

    gate = Gate(rules=TokenRules("ros2_medkit_gateway", "cell 7", needs_audience=True))
    assert await refused(gate, {"none": signed(claims(aud=None)), "other": signed()}) == {}
    async with serving(World(dispatch=Reached(), authority=gate.make())) as client:
        token = signed(claims(aud="cell 7"))
        assert (await client.get("/api/v1/apps", {"Authorization": f"Bearer {token}"})).status == 200


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every file that is opened and every connection that is made meanwhile."""
    touched: list[str] = []
    really = Path.open

    def note(self: Path, *rest: Any, **more: Any) -> Any:
        touched.append(str(self))
        return really(self, *rest, **more)

    monkeypatch.setattr(Path, "open", note)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *told, **_: touched.append(str(told)))
    yield touched


async def test_fault_075_a_key_is_looked_up_by_nothing_but_its_id(untouched: list[str]) -> None:
    """No file and no network, whatever the header names."""
    tokens = of("kid", "jku", "x5", "jwk")
    assert len(tokens) > 15
    gate = Gate()
    keeper = gate.make()
    for token in tokens.values():
        assert type(await keeper.caller(token)).__name__ == "Disbelieved"
    assert untouched == []
    assert await refused(gate, tokens) == {}
