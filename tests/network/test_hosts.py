"""Gateways on hosts of their own, which find each other without a word of configuration."""

import asyncio
from pathlib import Path

import pytest

from tests.federation.eventually import eventually
from tests.federation.gateway import Gateway
from tests.network.hosts import Switch
from tests.network.lossy import losing_multicast
from tests.network.questions import MDNS, has_no_trouble, has_status, peers, sees, warnings

NAMES = ("a", "b", "c")


async def three_gateways(switch: Switch, folder: Path) -> dict[str, Gateway]:
    """On 10.0.0.1 to 10.0.0.3, each called like its host, all up and seeing each other."""
    gateways = {}
    for number, name in enumerate(NAMES, 1):
        host = switch.host(name, f"10.0.0.{number}/24")
        gateways[name] = switch.gateway(host, folder, {**MDNS, "aggregation.mdns_name": name})
    await asyncio.gather(*(gateway.start() for gateway in gateways.values()))
    await asyncio.gather(*(sees(one, *(set(NAMES) - {name})) for name, one in gateways.items()))
    return gateways


async def test_promise_30_three_gateways_on_three_hosts_find_each_other(switch: Switch, tmp_path: Path) -> None:
    gateways = await three_gateways(switch, tmp_path)
    urls = {name: url for name, (url, _) in (await peers(gateways["a"])).items()}
    assert urls == {"b": "http://10.0.0.2:8080", "c": "http://10.0.0.3:8080"}
    await gateways["a"].lists("components", "of_a", "of_b", "of_c")
    assert "mdns_unavailable" not in await warnings(gateways["a"])
    assert await gateways["c"].stop() == 0
    await sees(gateways["a"], "b")


async def test_a_host_that_is_cut_off_is_silent_and_comes_back(switch: Switch, tmp_path: Path) -> None:
    gateways = await three_gateways(switch, tmp_path)
    switch.hosts["c"].unplug()
    await has_status(gateways["a"], "c", "offline", within=30)
    await has_status(gateways["c"], "a", "offline", within=30)
    await sees_still(gateways["a"], "b")
    switch.hosts["c"].plug()
    for name, gateway in gateways.items():
        await sees(gateway, *(set(NAMES) - {name}), within=30)


async def sees_still(gateway: Gateway, name: str) -> None:
    assert (await peers(gateway))[name][1] == "online"


async def test_fault_057_a_host_that_gets_another_address_is_found_there(switch: Switch, tmp_path: Path) -> None:
    gateways = await three_gateways(switch, tmp_path)
    host = switch.hosts["c"]
    host.ip("address", "del", "10.0.0.3/24", "dev", "eth0")
    host.ip("address", "add", "10.0.0.33/24", "dev", "eth0")

    async def moved() -> bool:
        return ("http://10.0.0.33:8080", "online") in (await peers(gateways["a"])).values()

    await eventually(moved, 30)
    await gateways["a"].lists("components", "of_a", "of_b", "of_c")


@pytest.mark.parametrize("seed", [1, 2])
async def test_fault_060_a_third_of_multicast_lost_is_only_a_little_later(
    switch: Switch, tmp_path: Path, seed: int
) -> None:
    hosts = [switch.host(name, f"10.0.0.{number}/24") for number, name in ((1, "a"), (2, "b"))]
    a, b = (switch.gateway(host, tmp_path, {**MDNS, "aggregation.mdns_name": host.name}) for host in hosts)
    with losing_multicast(switch, *hosts, lost=0.3, seed=seed) as counts:
        await asyncio.gather(a.start(), b.start())
        await asyncio.gather(sees(a, "b", within=10), sees(b, "a", within=10))
        assert counts["dropped"] > 0
        assert counts["carried"] > 0


async def test_fault_056_gateways_that_have_ipv6_alone_find_each_other(switch: Switch, tmp_path: Path) -> None:
    a, b = await two_with_ipv6(switch, tmp_path)
    await asyncio.gather(sees(a, "b"), sees(b, "a"))
    assert (await peers(a))["b"][0] == "http://[fd00:9::2]:8080"
    await a.lists("components", "of_a", "of_b")
    for gateway in (a, b):
        assert not [line for line in gateway.log() if line["event"].startswith("mDNS")], "it was in trouble"


async def test_fault_056_addresses_on_trial_are_spoken_from_once_they_can_be(switch: Switch, tmp_path: Path) -> None:
    """For longer here than between two looks at the interfaces, so that they are seen; less than between two tries."""
    a, b = await two_with_ipv6(switch, tmp_path, up=False)
    for number, host in enumerate(switch.hosts.values(), 1):
        host.ip("link", "set", "eth0", "up")
        host.ip("address", "add", f"fd00:9::{number}/64", "dev", "eth0")
    await asyncio.gather(sees(a, "b"), sees(b, "a"))
    for gateway in (a, b):
        await has_no_trouble(gateway)


async def two_with_ipv6(switch: Switch, folder: Path, *, up: bool = True) -> tuple[Gateway, Gateway]:
    """Both started, each called like its host, on fd00:9::1 and fd00:9::2; or offline, and then 4 s on trial."""
    gateways = []
    for number, name in enumerate(NAMES[:2], 1):
        host = switch.host(name, f"fd00:9::{number}/64") if up else switch.host(name, trial_s=4)
        if not up:
            host.ip("link", "set", "eth0", "down")
        gateways.append(switch.gateway(host, folder, {**MDNS, "aggregation.mdns_name": name}, bind="::"))
    a, b = gateways
    await asyncio.gather(a.start(), b.start())
    return a, b
