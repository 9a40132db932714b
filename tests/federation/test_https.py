"""A chain of three over https, each known to the next by a certificate of its own; and one that nobody may read."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.faults.authority import Authority
from tests.federation.client import REQUEST_TIMEOUT_S, Client
from tests.federation.eventually import eventually
from tests.federation.gateway import Gateway
from tests.federation.gateways import Cluster
from tests.federation.process import START_TIMEOUT_S

APPS = {"a": "planner", "b": "conveyor", "c": "arm"}


@asynccontextmanager
async def session_of(authority: Authority, who: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that trusts the authority and shows its certificate."""
    context = ssl.create_default_context(cafile=authority.file)
    context.load_cert_chain(authority.certificate(who), authority.key(who))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context), timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
    ) as session:
        yield session


def secure(gateway: Gateway, authority: Authority) -> None:
    """Serves it over https, to those whom the authority knows."""
    authority.context(gateway.name)
    gateway.configure(
        {
            "server.tls": {
                "enabled": True,
                "cert_file": str(authority.certificate(gateway.name)),
                "key_file": str(authority.key(gateway.name)),
                "ca_file": str(authority.file),
            }
        }
    )


def know(gateway: Gateway, name: str, other: Gateway, authority: Authority) -> None:
    """Makes `other` its peer, over https."""
    gateway.configure({"aggregation.enabled": True, "aggregation.require_tls": True})
    gateway.configure(
        {
            "aggregation.peers": [
                {
                    "name": name,
                    "url": other.url.replace("http:", "https:"),
                    "ca_file": str(authority.file),
                    "cert_file": str(authority.certificate(gateway.name)),
                    "key_file": str(authority.key(gateway.name)),
                }
            ]
        }
    )


async def test_three_gateways_with_certificates_are_one_api_and_strangers_see_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "plant")
    authority.context("operator", host="DNS:operator.example")
    a, b, c = (
        cluster.add(name, manifest={"apps": [{"id": app, "data": [{"id": "x", "value": name}]}]})
        for name, app in APPS.items()
    )
    for gateway in (a, b, c):
        secure(gateway, authority)
    know(a, "mid_level", b, authority)
    know(b, "leaf_system", c, authority)
    for gateway in (c, b, a):
        await gateway.start(wait=False)
    async with session_of(authority, "operator") as session:
        client = Client(a.url.replace("http:", "https:"), session)

        async def all_apps() -> bool:
            a.process.check_running()
            try:
                return set((await client.get("/apps")).ids) == set(APPS.values())
            except aiohttp.ClientConnectionError:
                return False

        await eventually(all_apps, START_TIMEOUT_S)
        assert (await client.get("/apps/arm/data/x")).json["data"] == "c"
        faults = await client.get("/faults")
        assert (faults.status, "partial" in faults.medkit) == (200, False)
        (peer,) = (await client.get("/health")).json["peers"]
        assert (peer["url"].partition(":")[0], peer["status"]) == ("https", "online")

    trusting = ssl.create_default_context(cafile=authority.file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as nameless:
        for gateway in (a, b, c):
            assert await is_shut_out(Client(gateway.url.replace("http:", "https:"), nameless))  # no certificate
            assert await is_shut_out(gateway)  # in clear
    for gateway in (a, b, c):
        assert await gateway.stop() == 0


async def is_shut_out(client: Client) -> bool:
    try:
        await client.get("/health")
    except aiohttp.ClientError:
        return True
    return False
