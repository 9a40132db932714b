"""TLS and tokens together: the chain with a credential of its own at each step, and clients that are passed on."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.authority import Authority
from tests.federation import robots
from tests.federation.client import REQUEST_TIMEOUT_S, Client
from tests.federation.eventually import eventually
from tests.federation.gateway import Gateway
from tests.federation.gateways import Cluster
from tests.federation.process import START_TIMEOUT_S

SECRET = "a secret that both gateways have, for tokens"


class Plant:
    """Gateways over https whose certificates one authority signed, and clients of theirs."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.authority = Authority(folder, "plant")
        self.session: aiohttp.ClientSession | None = None

    def add(self, name: str, **settings: Any) -> Gateway:
        """A gateway that needs a token for everything; `settings` are those of `auth`."""
        gateway = self.cluster.add(name, manifest=robots.CHAIN[name])
        self.authority.context(name)
        tls = {
            "enabled": True,
            "cert_file": str(self.authority.certificate(name)),
            "key_file": str(self.authority.key(name)),
        }
        auth = {"enabled": True, "require_auth_for": "all", "jwt_secret": f"{SECRET} {name}", **settings}
        gateway.configure({"server.tls": tls, "auth": auth})
        return gateway

    def peer(self, gateway: Gateway, name: str, other: Gateway, *, secret: str, **more: Any) -> None:
        """Makes `other` its peer, at which it signs in by its own name."""
        secret_file = self.folder / f"{gateway.name}_at_{other.name}"
        secret_file.write_text(secret)
        peer = {
            "name": name,
            "url": https(other),
            "ca_file": str(self.authority.file),
            "client_id": gateway.name,
            "client_secret_file": str(secret_file),
        }
        gateway.configure({"aggregation.enabled": True, "aggregation.require_tls": True, "aggregation.peers": [peer]})
        gateway.configure({f"aggregation.{key}": value for key, value in more.items()})

    @asynccontextmanager
    async def running(self, *gateways: Gateway) -> AsyncIterator[None]:
        """All of them, until the end of the context."""
        for gateway in gateways:
            await gateway.start(wait=False)
        trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=self.authority.file))
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        async with aiohttp.ClientSession(connector=trusting, timeout=timeout) as self.session:
            for gateway in gateways:
                await eventually(partial(self.is_up, gateway), START_TIMEOUT_S)
            yield
        for gateway in gateways:
            if gateway.process.is_running:
                assert await gateway.stop() == 0

    async def is_up(self, gateway: Gateway) -> bool:
        gateway.process.check_running()
        try:
            return (await self.client(gateway).get("/health")).status == 200
        except aiohttp.ClientConnectionError:
            return False

    def client(self, gateway: Gateway, headers: Mapping[str, str] | None = None) -> Client:
        assert self.session is not None
        return Client(https(gateway), self.session) if headers is None else Showing(gateway, self.session, headers)

    async def signed_in(self, gateway: Gateway, user: str, secret: str = "secret") -> Client:
        body = {"grant_type": "client_credentials", "client_id": user, "client_secret": secret}
        answer = await self.client(gateway).request("POST", "/auth/authorize", json=body)
        assert answer.status == 200, answer.json
        return self.client(gateway, {"Authorization": f"Bearer {answer.json['access_token']}"})


class Showing(Client):
    """A client that sends these headers with every request."""

    def __init__(self, gateway: Gateway, session: aiohttp.ClientSession, headers: Mapping[str, str]) -> None:
        super().__init__(https(gateway), session)
        self._headers = headers

    async def request(self, method: str, path: str, **options: Any) -> Any:
        return await super().request(method, path, **{**options, "headers": self._headers})


def https(gateway: Gateway) -> str:
    return gateway.url.replace("http:", "https:")


async def test_promise_59_the_chain_with_tls_and_tokens_is_one_api_and_names_who_is_missing(
    cluster: Cluster, tmp_path: Path
) -> None:
    plant = Plant(cluster, tmp_path)
    a = plant.add("gateway_a", clients=["ci:secret:operator"])
    b = plant.add("gateway_b", clients=["gateway_a:at b:operator"])
    c = plant.add("gateway_c", clients=["gateway_b:at c:operator"])
    plant.peer(a, "mid_level", b, secret="at b")
    plant.peer(b, "leaf_system", c, secret="at c")
    async with plant.running(c, b, a):
        ci = await plant.signed_in(a, "ci")
        await ci.lists("components", "control_room", "robot", "torch")
        assert (await ci.request("PUT", "/apps/arc/data/current", json={"value": 150.0})).status == 200
        assert (await ci.get("/apps/arc/data/current")).json["data"] == 150.0
        faults = await ci.get("/faults")
        assert {fault["fault_code"] for fault in faults.items} == {"JOINT_LIMIT", "WIRE_LOW"}
        assert "partial" not in faults.medkit
        stranger = plant.client(a)
        assert (await stranger.get("/apps")).status == 401
        assert "peers" not in (await stranger.get("/health")).json
        await c.stop()

        async def is_named() -> bool:
            answer = await ci.get("/faults")
            return answer.medkit.get("failed_peers") == ["mid_level/leaf_system"]

        await eventually(is_named)
        assert (await ci.get("/apps/arc/data")).status == 502


async def test_promise_57g_a_client_that_is_passed_on_is_judged_by_the_owner_itself(
    cluster: Cluster, tmp_path: Path
) -> None:
    """A's own credential could read only; who may write is what B says, whatever A thinks of the client."""
    plant = Plant(cluster, tmp_path)
    shared = {"jwt_secret": SECRET}
    a = plant.add("gateway_b", **shared, clients=["ci:secret:operator", "eye:secret:operator"])
    b = plant.add("gateway_c", **shared, clients=["ci:secret:operator", "eye:secret:viewer", "gateway_b:at c:viewer"])
    plant.peer(a, "leaf_system", b, secret="at c", forward_auth=True)
    async with plant.running(b, a):
        ci, eye = await plant.signed_in(a, "ci"), await plant.signed_in(a, "eye")
        await ci.lists("components", "robot", "torch")
        assert (await ci.request("PUT", "/apps/arc/data/current", json={"value": 150.0})).status == 200
        refused = await eye.request("PUT", "/apps/arc/data/current", json={"value": 1.0})
        assert (refused.status, refused.json["error"]) == (403, "insufficient_scope")
        assert (await eye.get("/apps/arc/data/current")).json["data"] == 150.0
        assert "partial" not in (await eye.get("/faults")).medkit
