"""An upstream gateway on the same network, found and finding by mDNS, with packets that are its own to the byte."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.federation import robots
from tests.federation.gateways import Cluster, eventually
from tests.federation.upstreams import recorded_tree
from tests.unit.discovery.network import UpstreamMdns, new_service
from tests.unit.discovery.packets import places


@pytest.fixture
def service() -> str:
    return new_service()


def mdns(service: str) -> dict[str, Any]:
    return {
        "aggregation.enabled": True,
        "aggregation.announce": True,
        "aggregation.discover": True,
        "aggregation.mdns_name": "grove_a",
        "aggregation.mdns_service": service,
    }


@contextlib.contextmanager
def speaking(service: str, label: str, port: int) -> Iterator[UpstreamMdns]:
    with contextlib.closing(UpstreamMdns(service, label, port)) as voice:
        yield voice


async def test_an_upstream_gateway_that_announces_itself_is_read(cluster: Cluster, service: str) -> None:
    gateway = cluster.add("a", manifest=robots.A, settings=mdns(service))
    leaf = cluster.upstream("leaf", recorded_tree("leaf"))
    await asyncio.gather(gateway.start(), leaf.start())
    with speaking(service, "Robot One", leaf.port) as voice:

        async def is_peer() -> bool:
            voice.announce()
            (peer,) = (await gateway.get("/health")).json["peers"] or [None]
            assert peer is not None
            assert (peer["name"], peer["url"]) == ("Robot_One", leaf.url)
            return bool(peer["status"] == "online" and peer["x-medkit"]["foreign"])

        await eventually(is_peer)
    listed = (await leaf.get("/components")).ids
    assert listed
    await gateway.lists("components", *{"robot", *listed})


async def test_an_upstream_gateway_that_asks_is_told_where_we_are(cluster: Cluster, service: str) -> None:
    gateway = cluster.add("a", manifest=robots.A, settings=mdns(service))
    await gateway.start()
    found: dict[str, int] = {}
    with speaking(service, "upstream", 9) as voice:

        def is_told() -> bool:
            voice.ask()
            for packet, sender in voice.replies():
                assert sender[0] == "127.0.0.1"
                found.update(places(packet.answers(), f"{service}."))
            return bool(found)

        await eventually(is_told)
    assert found == {"grove_a": gateway.port}
