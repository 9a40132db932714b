"""Avahi beside us on port 5353 of one host, and on another: each finds what the other announces."""

from functools import partial
from pathlib import Path

import pytest

from tests.federation.eventually import eventually
from tests.network import avahi
from tests.network.hosts import Switch
from tests.network.questions import MDNS, sees


@pytest.fixture(scope="module", autouse=True)
def _has_avahi() -> None:
    if (reason := avahi.why_not()) is not None:
        pytest.skip(reason)


async def test_promise_55_avahi_on_our_host_and_on_another_sees_our_service(switch: Switch, tmp_path: Path) -> None:
    a, b = switch.host("a", "10.0.0.1/24"), switch.host("b", "10.0.0.2/24")
    async with avahi.avahi_on(a, tmp_path / "avahi-a") as beside, avahi.avahi_on(b, tmp_path / "avahi-b") as other:
        gateway = switch.gateway(a, tmp_path, {**MDNS, "aggregation.mdns_name": "a"})
        await gateway.start()
        for one in (beside, other):
            found = await eventually(partial(one.browse, "_medkit._tcp"), 30)
            assert {(line[3], line[7], line[8]) for line in found} == {("a", "10.0.0.1", "8080")}
            assert f'"id={(await gateway.get("/health")).medkit["instance_id"]}"' in found[0][9]
        codes = [warning["code"] for warning in (await gateway.get("/health")).json["warnings"]]
        assert "mdns_unavailable" not in codes
        assert await gateway.stop() == 0
        await eventually(lambda: _sees_nothing(other), 30)


async def _sees_nothing(one: avahi.Avahi) -> bool:
    return not await one.browse("_medkit._tcp")


async def test_promise_55_we_find_what_avahi_publishes(switch: Switch, tmp_path: Path) -> None:
    a, b = switch.host("a", "10.0.0.1/24"), switch.host("b", "10.0.0.2/24")
    reader = switch.gateway(a, tmp_path, MDNS)
    leaf = switch.gateway(b, tmp_path, {"aggregation.announce": False})
    async with avahi.avahi_on(b, tmp_path / "avahi-b") as publisher:
        await reader.start()
        await leaf.start()
        publisher.publish("leaf of b", "_medkit._tcp", 8080, "app=medkit")
        await sees(reader, "leaf_of_b", within=20)
        await reader.lists("components", "of_a", "of_b")
