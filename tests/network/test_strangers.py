"""A stranger on the network who forges packets: from a host of his own, with whatever he likes in them."""

import asyncio
import contextlib
import socket
import statistics
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from zeroconf import DNSQuestion

from discovery.settings import MdnsSettings
from tests.federation.eventually import eventually
from tests.federation.gateway import Gateway
from tests.federation.process import Process
from tests.network.hosts import Host, Switch
from tests.network.questions import MDNS, endpoints, peers, sees
from tests.unit.discovery.network import GROUP, PORT, received
from tests.unit.discovery.packets import PTR, UNIQUE, address, ptr, srv, txt, written

EVIL = "10.0.0.66"


class Stranger:
    """Sends packets to the group from port 5353 of his host."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def send(self, *records: object) -> None:
        self._socket.sendto(written(*records), (GROUP, PORT))


@contextlib.contextmanager
def stranger_on(host: Host, address: str = EVIL, hops: int = 255) -> Iterator[Stranger]:
    """One who speaks from an address of his host."""
    with host.here():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        way_out = struct.pack("@4s4si", bytes(4), socket.inet_aton(address), socket.if_nametoindex("eth0"))
    with sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, way_out)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, hops)
        sock.bind((address, PORT))
        yield Stranger(sock)


async def a_and_b(switch: Switch, folder: Path) -> tuple[Gateway, Gateway]:
    """Two gateways that see each other, on 10.0.0.1 and 10.0.0.2."""
    a, b = (
        switch.gateway(switch.host(name, f"10.0.0.{number}/24"), folder, {**MDNS, "aggregation.mdns_name": name})
        for number, name in ((1, "a"), (2, "b"))
    )
    await asyncio.gather(a.start(), b.start())
    await asyncio.gather(sees(a, "b"), sees(b, "a"))
    return a, b


async def test_fault_053_a_forged_goodbye_takes_nobody_away(switch: Switch, tmp_path: Path) -> None:
    a, _ = await a_and_b(switch, tmp_path)
    await a.lists("components", "of_a", "of_b")
    listing = (await a.get("/components")).ids
    with stranger_on(switch.host("evil", f"{EVIL}/24")) as stranger:
        for _ in range(20):
            stranger.send(ptr("b", ttl=0), srv("b", 8080, ttl=0), address("10.0.0.2", ttl=0))
            assert (await peers(a)).keys() == {"b"}
            assert (await a.get("/components")).ids == listing
            await asyncio.sleep(0.05)
    events = [line["event"] for line in a.log()]
    assert "peer left" not in events
    await sees(a, "b")


async def test_fault_054_a_forged_place_moves_no_traffic(switch: Switch, tmp_path: Path) -> None:
    a, b = await a_and_b(switch, tmp_path)
    true = (await b.get("/health")).medkit["instance_id"]
    evil = switch.host("evil", f"{EVIL}/24")
    impostor = switch.gateway(evil, tmp_path, {"aggregation.enabled": False})
    await impostor.start()
    forged = f"http://{EVIL}:8080"
    with stranger_on(evil) as stranger:
        # The name, the port and even the instance id are those of B; the cache flush bit says to forget all others.
        stranger.send(ptr("b"), srv("b", 8080, "evil.local."), txt("b", {"id": true}), address(EVIL, "evil.local."))
        await eventually(lambda: _knows(a, forged))
    assert (await peers(a))["b"] == ("http://10.0.0.2:8080", "online")
    assert "of_b" in (await a.get("/components")).ids
    assert (await a.get("/components/of_b")).status == 200
    # Somebody answers there, but he is not who he was said to be.
    told = await eventually(lambda: _reason(a, forged))
    assert told == "identity_mismatch"
    assert "of_evil" not in (await a.get("/components")).ids


async def _knows(gateway: Gateway, url: str) -> bool:
    return url in await endpoints(gateway)


async def _reason(gateway: Gateway, url: str) -> str | None:
    return (await endpoints(gateway))[url].get("reason")


async def test_fault_048_ten_thousand_names_lose_no_known_peer(switch: Switch, tmp_path: Path) -> None:
    a, _ = await a_and_b(switch, tmp_path)
    evil, bystander = switch.host("evil", f"{EVIL}/24"), switch.host("bare", "10.0.0.9/24")
    async with bare_browser(bystander, tmp_path) as bare:
        with stranger_on(evil) as stranger:
            ratios = [await _flood(stranger, a, bare, range(first, first + 3_500)) for first in (0, 3_500, 7_000)]
        assert set(await peers(a)) == {"b"}
        await eventually(lambda: _knows_many(a))
    print(f"CPU of a flood, gateway to zeroconf's browser: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    assert statistics.median(ratios) <= 1.5  # one round may be disturbed by whatever else the machine does
    assert 1 < len(await endpoints(a)) <= MdnsSettings().max_of_sender + 1
    # One who comes now is found all the same.
    late = switch.gateway(switch.host("late", "10.0.0.3/24"), tmp_path, {**MDNS, "aggregation.mdns_name": "late"})
    await late.start()
    await eventually(lambda: _has(a, "late"))  # behind the others, who are tried first, five a second


async def test_fault_048_no_number_of_made_up_senders_takes_a_known_peer_s_place(
    switch: Switch, tmp_path: Path
) -> None:
    a, b = await a_and_b(switch, tmp_path)
    evil = switch.host("evil", f"{EVIL}/24")
    evil.ip("route", "add", "local", "10.0.0.128/25", "dev", "lo")  # so that he may speak as anybody there
    for number in range(128, 255):
        liar = f"10.0.0.{number}"
        with stranger_on(evil, liar) as stranger:
            for port, name in enumerate((f"x{number}", f"y{number}", f"z{number}", "b"), 9000):
                stranger.send(ptr(name), srv(name, port, f"{name}.local."), address(liar, f"{name}.local."))
    await eventually(lambda: _is_full(a))
    assert (await peers(a)).keys() == {"b"}
    # It is still heard: what it says of itself counts at once.
    assert await b.stop() == 0
    await sees(a)
    assert any(line["event"] == "peer left" for line in a.log())


async def _is_full(gateway: Gateway) -> bool:
    """Whether there is no room for anybody who is heard now; the gateway itself was heard too."""
    strangers = [one for one in (await endpoints(gateway)).values() if one["state"] != "up"]
    assert len(strangers) < MdnsSettings().max_neighbours
    return len(strangers) == MdnsSettings().max_neighbours - 1


BEYOND = "192.0.2.66"
"""An address that is in no network of ours."""


async def test_who_speaks_from_another_network_is_not_even_a_candidate(switch: Switch, tmp_path: Path) -> None:
    """RFC 6762, section 11. A router takes 1 from the hop limit; on the cable it is 255."""
    a = switch.gateway(switch.host("a", "10.0.0.1/24"), tmp_path, MDNS)
    await a.start()
    evil = switch.host("evil", f"{EVIL}/24", f"{BEYOND}/24")
    with (
        stranger_on(evil, BEYOND, hops=254) as routed,
        stranger_on(evil, BEYOND) as on_the_cable,
        stranger_on(evil, EVIL, hops=64) as upstream,
    ):

        async def found() -> dict[str, str]:
            routed.send(srv("routed", 9000))
            on_the_cable.send(srv("on_the_cable", 9000))
            upstream.send(srv("upstream", 9000))
            items = (await a.get("/x-medkit-peers")).items
            states = {item["name"]: item["x-medkit"]["state"] for item in items}
            assert {"on_the_cable", "upstream"} <= states.keys()
            return states

        assert await eventually(found) == {"on_the_cable": "refused", "upstream": "candidate"}
    ignored = [line for line in a.log() if line["event"] == "mdns from another network is ignored"]
    assert [(line["sender"], line["hops"], line["interface"]) for line in ignored] == [(BEYOND, 254, "eth0")]


async def test_a_question_from_another_network_is_not_answered(switch: Switch, tmp_path: Path) -> None:
    """RFC 6762, section 5.5: else everybody who can reach port 5353 has us send to whomever he likes."""
    host = switch.host("a", "10.0.0.1/24")
    host.ip("route", "add", "192.0.2.0/24", "dev", "eth0")
    a = switch.gateway(host, tmp_path, MDNS)
    await a.start()
    evil = switch.host("evil", f"{EVIL}/24", f"{BEYOND}/24")
    question = written(DNSQuestion("_medkit._tcp.local.", PTR, UNIQUE), flags=0)
    with evil.here():
        socks = {each: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for each in (EVIL, BEYOND)}
    with socks[EVIL] as near, socks[BEYOND] as far:
        for each, sock in socks.items():
            sock.bind((each, 0))
            sock.setblocking(False)

        def is_answered() -> bool:
            for sock in (far, near):
                sock.sendto(question, ("10.0.0.1", PORT))
            return any(received(near))

        await eventually(is_answered)
        await eventually(is_answered)
        assert not any(received(far))


async def _flood(stranger: Stranger, gateway: Gateway, bare: Process, numbers: range) -> float:
    """Announces so many names; the processor time the gateway took for them as a multiple of the browser's."""
    before = cpu_s(gateway.process), cpu_s(bare)
    for number in numbers:
        name = f"rogue{number}"
        stranger.send(ptr(name), srv(name, 9000 + number % 1000, "evil.local."), address(EVIL, "evil.local."))
        if number % 50 == 0:
            await asyncio.sleep(0.01)  # as fast as both can read, so that both have read the same
        if number % 1000 == 0:
            assert (await peers(gateway))["b"][1] == "online"
    return (cpu_s(gateway.process) - before[0]) / (cpu_s(bare) - before[1])


@contextlib.asynccontextmanager
async def bare_browser(host: Host, folder: Path) -> AsyncIterator[Process]:
    """`bare_browser.py` at work on `host`."""
    process = Process("bare", ["-m", "tests.network.bare_browser", "_medkit._tcp.local"], folder / "bare")
    host.run_here(process)
    process.start()
    try:
        await eventually(lambda: "ready" in process.log_text())
        yield process
    finally:
        await process.kill()


def cpu_s(process: Process) -> float:
    """Seconds of processor time it has used."""
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


async def _knows_many(gateway: Gateway) -> bool:
    return len(await endpoints(gateway)) > 20


async def _has(gateway: Gateway, name: str) -> bool:
    return name in await peers(gateway)


@pytest.mark.parametrize("port", [0, 80])
async def test_fault_050_a_place_below_1024_is_refused(switch: Switch, tmp_path: Path, port: int) -> None:
    a = switch.gateway(switch.host("a", "10.0.0.1/24"), tmp_path, MDNS)
    await a.start()
    with stranger_on(switch.host("evil", f"{EVIL}/24")) as stranger:

        async def is_refused() -> bool:
            stranger.send(srv("low", port, "evil.local."), address(EVIL, "evil.local."))
            return any(one["state"] == "refused" for one in (await endpoints(a)).values())

        await eventually(is_refused)
    assert await peers(a) == {}


FORBIDDEN = {
    "127.0.0.1": "destination_ip_prohibited",
    "169.254.169.254": "destination_ip_prohibited",
    "100.100.100.200": "destination_ip_prohibited",
    "224.0.0.1": "destination_ip_prohibited",
    "0.0.0.0": "destination_ip_prohibited",
    "::1": "destination_ip_prohibited",
    "fe80::1": "destination_ip_prohibited",
    "fd00:ec2::254": "destination_ip_prohibited",
    "::ffff:127.0.0.1": "destination_ip_prohibited",
    "64:ff9b::7f00:1": "destination_ip_prohibited",
    "2002:7f00:1::": "destination_ip_prohibited",
    "192.0.2.7": "foreign_subnet",
    "10.0.0.1": "self",
}
"""Addresses that a place may be said to have, and why nobody is asked there."""


async def test_fault_051_addresses_that_are_no_neighbour_s_are_refused_unasked(switch: Switch, tmp_path: Path) -> None:
    a = switch.gateway(switch.host("a", "10.0.0.1/24"), tmp_path, MDNS)
    await a.start()
    with stranger_on(switch.host("evil", f"{EVIL}/24")) as stranger:

        async def reasons() -> dict[str, str]:
            for number, forbidden in enumerate(FORBIDDEN):
                host = f"evil{number}.local."
                port = 8080 if forbidden == "10.0.0.1" else 9000
                stranger.send(srv(f"evil{number}", port, host), address(forbidden, host))
            items = (await a.get("/x-medkit-peers")).items
            found = {item["name"]: item["x-medkit"].get("reason", "admitted") for item in items}
            return {forbidden: found[f"evil{number}"] for number, forbidden in enumerate(FORBIDDEN)}

        assert await eventually(reasons) == FORBIDDEN
    assert await peers(a) == {}
