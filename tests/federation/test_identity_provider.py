"""A gateway that believes the tokens of an identity provider, as a process: its keys come, go and come again."""

import time
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.federation.eventually import eventually
from tests.federation.gateways import Cluster, Gateway
from tests.unit.auth.minting import rsa_key, signed
from tests.unit.auth.test_jwks import Provider, jwk

ISSUER = "https://login.example"


def token(key_id: str, role: str, *, audience: str = "cell 7", key: Any = None) -> dict[str, str]:
    """What the provider would give somebody."""
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "somebody@example", "aud": audience, "role": role, "iat": now, "exp": now + 600}
    header = {"alg": "RS256", "typ": "JWT", "kid": key_id}
    text = signed(claims, header, key=key or rsa_key(name=key_id), algorithm="RS256")
    return {"Authorization": f"Bearer {text}"}


async def test_promise_59_tokens_of_a_provider_count_by_the_keys_it_publishes(cluster: Cluster) -> None:
    provider = Provider()
    provider.answer = {"keys": [jwk(rsa_key(name="one"), kid="one")]}
    app = web.Application()
    app.router.add_get("/keys", provider.handle)
    async with TestServer(app) as server:
        auth = {
            "enabled": True,
            "jwt_algorithm": "RS256",
            "jwks_url": str(server.make_url("/keys")),
            "issuer": ISSUER,
            "audience": "cell 7",
            "require_auth_for": "all",
        }
        gateway = cluster.add("g", manifest={"apps": [{"id": "pump", "faults": []}]}, settings={"auth": auth})
        await gateway.start()
        await eventually(lambda: gets(gateway, token("one", "viewer"), 200))
        assert (await gateway.get("/apps", token("one", "viewer", audience="cell 8"))).status == 401
        assert (await gateway.get("/apps", token("one", "viewer", key=rsa_key(name="theirs")))).status == 401
        assert (await gateway.get("/apps", token("two", "viewer"))).status == 401
        assert (await gateway.request("DELETE", "/faults", headers=token("one", "viewer"))).status == 403
        assert (await gateway.request("DELETE", "/faults", headers=token("one", "operator"))).status == 204
        body = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": "x"}
        refused = await gateway.request("POST", "/auth/authorize", json=body)
        assert (refused.status, ISSUER in refused.json["message"]) == (404, True)
    await gateway.restart()
    known = token("one", "viewer")

    async def is_warned() -> bool:
        stranger = (await gateway.get("/health")).json
        return [one["code"] for one in stranger["warnings"]] == ["jwks_unavailable"]

    await eventually(is_warned)
    assert (await gateway.get("/apps", known)).status == 401  # nobody can know whether it is good


async def gets(gateway: Gateway, headers: dict[str, str], status: int) -> bool:
    return (await gateway.get("/apps", headers)).status == status
