"""Port 5353 and the network in the hands of others, on a host of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_interface
from pathlib import Path

import pytest

from discovery.interfaces import Interface
from tests.federation.eventually import eventually
from tests.network.hosts import Host, Switch, run
from tests.network.questions import MDNS, trouble, warnings
from tests.unit.discovery.network import announcement, announcing, looking, names_of_equals, new_service


@contextlib.contextmanager
def port_held(host: Host, *, shared: bool = False) -> Iterator[None]:
    """Somebody on `host` has UDP port 5353, for himself alone unless it is shared."""
    with host.here():
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with holder:
        if shared:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("", 5353))
        yield


async def test_promise_53_a_held_port_is_logged_word_for_word_and_the_gateway_serves(
    switch: Switch, tmp_path: Path
) -> None:
    host = switch.host("a", "10.0.0.1/24")
    with port_held(host):
        gateway = switch.gateway(host, tmp_path, MDNS)
        await gateway.start()
        told = await trouble(gateway)
        assert "EADDRINUSE" in told
        assert "another program holds UDP port 5353" in told
        lines = [line for line in gateway.log() if line["event"].startswith("mDNS")]
        assert [line["event"] for line in lines] == ["mDNS: Failed to open mDNS announce socket on port 5353."]
        assert lines[0]["retry_s"] == 30.0
        assert (await gateway.get("/components")).ids == ["of_a"]
    assert await gateway.stop() == 0


async def test_promise_t08_the_port_needs_no_privilege_and_is_shared_with_who_shares_it(
    switch: Switch, tmp_path: Path
) -> None:
    host = switch.host("a", "10.0.0.1/24")
    with port_held(host, shared=True):
        gateway = switch.gateway(host, tmp_path, MDNS)
        gateway.process.prefix = [*gateway.process.prefix, "setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
        await gateway.start()
        await eventually(lambda: any(line["event"] == "announced by mdns" for line in gateway.log()))
        assert "mdns_unavailable" not in await warnings(gateway)
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
        assert "CapEff:\t0000000000000000\n" in status
    assert await gateway.stop() == 0


async def test_without_permission_a_gateway_serves_and_names_the_cause(switch: Switch, tmp_path: Path) -> None:
    host = switch.host("a", "10.0.0.1/24")
    run(*host.command("sh", "-c", "echo 6000 > /proc/sys/net/ipv4/ip_unprivileged_port_start"))
    gateway = switch.gateway(host, tmp_path, MDNS)
    gateway.process.prefix = [*gateway.process.prefix, "setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
    await gateway.start()
    told = await trouble(gateway)
    assert "EACCES: Permission denied" in told
    assert "net.ipv4.ip_unprivileged_port_start" in told
    assert (await gateway.get("/components")).ids == ["of_a"]
    assert await gateway.stop() == 0


@pytest.mark.parametrize("addresses", [("127.0.0.1/8",), ("127.0.0.1/8", "::1/128")])
async def test_fault_058_while_the_port_is_held_it_is_tried_again_until_it_is_free(
    switch: Switch, addresses: tuple[str, ...]
) -> None:
    """Who holds it for IPv4 leaves the socket for IPv6 to the search: that must not count as success."""
    host, service = switch.host("a", "10.0.0.1/24"), new_service()

    async def here() -> tuple[Interface, ...]:
        return (Interface("lo", 1, loopback=True, addresses=tuple(map(ip_interface, addresses))),)

    with host.here():
        async with contextlib.AsyncExitStack() as stack:
            with port_held(host):
                looker = await stack.enter_async_context(looking(service, read_interfaces=here))
                said = announcing(service, announcement("a"), read_interfaces=here)
                announcer = await stack.enter_async_context(said)
                await eventually(lambda: looker.readings and looker.readings[-1].trouble and announcer.trouble)
                assert "EADDRINUSE" in str(announcer.trouble)
                assert "EADDRINUSE" in str(looker.readings[-1].trouble)
            await eventually(lambda: "a" in looker.found and announcer.trouble is None)
            assert looker.readings[-1].trouble is None


async def test_fault_057_where_nothing_could_be_sent_it_is_announced_once_it_can_be(switch: Switch) -> None:
    """Also if nothing else changes: the same interface with the same addresses."""
    a, b = switch.host("a", "10.0.0.1/24", "fd00:9::1/64"), switch.host("b", "fd00:9::2/64")
    addresses = (ip_interface("10.0.0.1/24"), ip_interface("fd00:9::1/64"))
    route, service = ("multicast", "ff00::/8", "dev", "eth0", "table", "local"), new_service()
    a.ip("-6", "route", "del", *route)

    async def here() -> tuple[Interface, ...]:
        return (Interface("eth0", at["a"], loopback=False, addresses=addresses),)

    async def there() -> tuple[Interface, ...]:
        return (Interface("eth0", at["b"], loopback=False, addresses=addresses_there),)

    at, addresses_there = {}, (ip_interface("fd00:9::2/64"),)
    async with contextlib.AsyncExitStack() as stack:
        with b.here():
            at["b"] = socket.if_nametoindex("eth0")
            looker = await stack.enter_async_context(looking(service, read_interfaces=there))
            await eventually(lambda: looker.readings)
        with a.here():
            at["a"] = socket.if_nametoindex("eth0")
            announcer = await stack.enter_async_context(announcing(service, announcement("a"), read_interfaces=here))
            await eventually(lambda: announcer.is_announced)
            assert str(announcer.trouble).startswith("on eth0 by IPv6: ENETUNREACH")
            assert looker.found == {}
            a.ip("-6", "route", "add", *route)
            await eventually(lambda: announcer.trouble is None)
            await eventually(lambda: "a" in looker.found)


async def test_where_nothing_can_be_sent_nothing_is_said_to_be_announced(switch: Switch) -> None:
    """Loopback has no multicast by IPv6."""
    host, service = switch.host("a"), new_service()

    async def here() -> tuple[Interface, ...]:
        return (Interface("lo", 1, loopback=True, addresses=(ip_interface("::1/128"),)),)

    with host.here():
        async with (
            looking(service, read_interfaces=here) as looker,
            announcing(service, announcement("a"), read_interfaces=here) as announcer,
        ):
            await eventually(lambda: looker.readings and looker.readings[-1].trouble and announcer.trouble)
            assert not announcer.is_announced
            for told in (announcer.trouble, looker.readings[-1].trouble):
                assert "ENETUNREACH" in str(told)
                assert "there is no network that carries multicast" in str(told)


async def test_fault_055_names_are_defended_on_a_host_that_has_ipv6_alone(switch: Switch) -> None:
    host, addresses = switch.host("a", "fd00:9::1/64"), (ip_interface("fd00:9::1/64"),)
    with host.here():
        index = socket.if_nametoindex("eth0")

        async def here() -> tuple[Interface, ...]:
            return (Interface("eth0", index, loopback=False, addresses=addresses),)

        assert await names_of_equals(new_service(), here) == {"same", "same-2", "same-3", "same-4"}


async def test_without_any_network_a_gateway_serves_and_says_so(switch: Switch, tmp_path: Path) -> None:
    host = switch.host("a")
    host.ip("link", "set", "eth0", "down")
    gateway = switch.gateway(host, tmp_path, MDNS)
    await gateway.start()
    assert "no network interface" in await trouble(gateway)
    assert (await gateway.get("/components")).ids == ["of_a"]
    host.ip("link", "set", "eth0", "up")
    host.ip("address", "add", "10.0.0.1/24", "dev", "eth0")
    await eventually(lambda: any(line["event"] == "announced by mdns" for line in gateway.log()))
    assert "mdns_unavailable" not in await warnings(gateway)
    assert await gateway.stop() == 0


async def test_a_held_port_does_not_touch_static_peers(switch: Switch, tmp_path: Path) -> None:
    a, b = switch.host("a", "10.0.0.1/24"), switch.host("b", "10.0.0.2/24")
    leaf = switch.gateway(b, tmp_path, {"aggregation.enabled": False})
    reader = switch.gateway(a, tmp_path, MDNS)
    reader.add_peer("b", "http://10.0.0.2:8080")
    with port_held(a):
        await asyncio.gather(leaf.start(), reader.start())
        await reader.lists("components", "of_a", "of_b")
        assert "EADDRINUSE" in await trouble(reader)
    assert await reader.stop() == 0
