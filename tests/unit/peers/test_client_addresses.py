"""From a peer's name to a connection: lookups, addresses in turn, the address rule."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

import pytest

from discovery.endpoint import AddressRule, refusal
from peers.client import PeerAnswer, PeerError, PeerRequest
from peers.destination import Address, literal_address, parse_destination
from peers.errors import PeerReason
from peers.resolver import Found, Resolver
from peers.settings import ResolverSettings
from tests.federation.black_hole import black_hole
from tests.unit.peers.wire_server import client_to, serving, serving_ok, within

GET = PeerRequest("GET", "/api/v1/health")
V4 = (socket.AF_INET, "127.0.0.1", 0)
V6 = (socket.AF_INET6, "::1", 0)


class Names:
    """A resolver's lookup of our own: names known, names unknown, and names that block until released."""

    def __init__(self, **known: Sequence[Found]) -> None:
        self.known = dict(known)
        self.asked: list[str] = []
        self.blocked = threading.Event()

    def __call__(self, host: str) -> Sequence[Found]:
        self.asked.append(host)
        if host.startswith("slow"):
            self.blocked.wait()
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.known[host]


async def resolved(resolver: Resolver, host: str, seconds: float = 5) -> list[str] | PeerReason:
    """The addresses of a name, or why there are none."""
    found = await resolver.resolve(parse_destination(f"http://{host}:80"), within(seconds))
    return found.reason if isinstance(found, PeerError) else [str(address) for address in found]


async def test_a_port_where_nobody_listens_refuses(free_port: int) -> None:
    async with client_to(f"http://127.0.0.1:{free_port}") as client:
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent, answer.is_timeout) == (PeerReason.CONNECTION_REFUSED, False, False)
        assert repr(client).endswith("0 active, 0 idle, 0 queued>>")


async def test_a_peer_that_never_answers_the_connection_times_out() -> None:
    with black_hole() as port:
        async with client_to(f"http://127.0.0.1:{port}", connect_timeout_ms=100) as client:
            answers = await asyncio.gather(*(client.send(GET, deadline=within()) for _ in range(20)))
            assert {answer.reason for answer in answers if isinstance(answer, PeerError)} == {
                PeerReason.CONNECTION_TIMEOUT
            }
            assert not any(answer.sent for answer in answers if isinstance(answer, PeerError))
            assert repr(client).endswith("0 active, 0 idle, 0 queued>>")


async def test_cancelling_while_it_connects_frees_the_slot() -> None:
    with black_hole() as port:
        async with client_to(f"http://127.0.0.1:{port}", connect_timeout_ms=5000) as client:
            sending = asyncio.create_task(client.send(GET, deadline=within()))
            while client.figures.requests == 0:
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.02)
            sending.cancel()
            await asyncio.wait([sending])
            assert sending.cancelled()
            assert client.figures.requests == 0


@pytest.mark.parametrize("listens_on", ["127.0.0.1", "::1"])
async def test_localhost_is_reached_on_whichever_family_it_listens(listens_on: str) -> None:
    resolver = Resolver(lookup=Names(localhost=[V6, V4]))
    async with (
        serving(serving_ok, host=listens_on) as server,
        client_to(f"http://localhost:{server.port}", resolver=resolver) as client,
    ):
        assert isinstance(await client.send(GET, deadline=within()), PeerAnswer)


async def test_the_systems_resolver_knows_localhost() -> None:
    found = await resolved(Resolver(), "localhost")
    assert isinstance(found, list)
    assert {"127.0.0.1:80", "[::1]:80"} & set(found)


async def test_an_address_that_does_not_answer_leaves_time_for_the_next() -> None:
    with black_hole() as port:
        resolver = Resolver(lookup=Names(robot=[V4, V6]))
        listener = await asyncio.start_server(lambda _, writer: writer.close(), "::1", port)
        async with listener, client_to(f"http://robot:{port}", resolver=resolver) as client:
            answer = await client.send(GET, deadline=within())
            assert isinstance(answer, PeerError)
            assert answer.reason is not PeerReason.CONNECTION_TIMEOUT
            assert client.figures.opened == 1


async def test_literal_addresses_are_not_looked_up() -> None:
    names = Names()
    resolver = Resolver(lookup=names)
    assert await resolved(resolver, "192.0.2.1") == ["192.0.2.1:80"]
    assert await resolved(resolver, "[2001:db8::1]") == ["[2001:db8::1]:80"]
    assert names.asked == []


def test_a_scoped_address_keeps_its_zone() -> None:
    assert literal_address("fe80::1%3", 80) == Address(socket.AF_INET6, ("fe80::1", 80, 0, 3))
    assert literal_address("fe80::1%lo", 80) == Address(
        socket.AF_INET6, ("fe80::1", 80, 0, socket.if_nametoindex("lo"))
    )


async def test_a_zone_that_is_no_interface_is_an_error() -> None:
    assert await resolved(Resolver(), "[fe80::1%25nosuch0]") is PeerReason.DNS_ERROR


async def test_an_unknown_name_is_an_error_and_not_looked_up_again_at_once() -> None:
    names = Names()
    resolver = Resolver(lookup=names)
    assert [await resolved(resolver, "nobody") for _ in range(3)] == [PeerReason.DNS_ERROR] * 3
    assert names.asked == ["nobody"]


async def test_a_name_is_looked_up_once_for_all_who_ask() -> None:
    names = Names(robot=[V4])
    resolver = Resolver(lookup=names)
    assert await asyncio.gather(*(resolved(resolver, "robot") for _ in range(5))) == [["127.0.0.1:80"]] * 5
    assert await resolved(resolver, "robot") == ["127.0.0.1:80"]
    assert names.asked == ["robot"]


async def test_lookups_beyond_the_limit_wait_for_their_turn() -> None:
    names = Names(robot=[V4], slow=[V4])
    resolver = Resolver(ResolverSettings(max_lookups=1), lookup=names)
    both = [asyncio.create_task(resolved(resolver, host)) for host in ("slow", "robot")]
    await asyncio.sleep(0)
    assert repr(resolver) == "<Resolver 0 known, 1 running, 1 queued>"
    names.blocked.set()
    assert await asyncio.gather(*both) == [["127.0.0.1:80"]] * 2


async def test_a_name_that_cannot_be_looked_up_any_more_keeps_its_addresses() -> None:
    names = Names(robot=[V4])
    resolver = Resolver(ResolverSettings(name_ttl_ms=1), lookup=names)
    assert await resolved(resolver, "robot") == ["127.0.0.1:80"]
    names.known.clear()
    await asyncio.sleep(0.01)
    assert await resolved(resolver, "robot") == ["127.0.0.1:80"]
    assert names.asked == ["robot", "robot"]


async def test_a_name_whose_addresses_fail_is_looked_up_again(free_port: int) -> None:
    names = Names(robot=[V4])
    async with client_to(f"http://robot:{free_port}", resolver=Resolver(lookup=names)) as client:
        for _ in range(2):
            assert isinstance(await client.send(GET, deadline=within()), PeerError)
    assert names.asked == ["robot", "robot"]


async def test_only_so_many_names_are_remembered() -> None:
    names = Names(a=[V4], b=[V4], c=[V4])
    resolver = Resolver(ResolverSettings(max_names=2), lookup=names)
    for host in "abc":
        await resolved(resolver, host)
    assert repr(resolver) == "<Resolver 2 known, 0 running, 0 queued>"
    await resolved(resolver, "c")
    await resolved(resolver, "a")
    assert names.asked == ["a", "b", "c", "a"]


NEVER_PUBLISHED = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "169.254.1.1",
    "fe80::1",
    "169.254.169.254",
    "fd00:ec2::254",
    "100.100.100.200",
    "224.0.0.251",
    "255.255.255.255",
    "ff02::fb",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::6464:64c8",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
]


@pytest.mark.parametrize("address", NEVER_PUBLISHED)
def test_a_published_address_is_none_that_every_machine_has(address: str) -> None:
    ip = ipaddress.ip_address(address)
    assert refusal(AddressRule.PUBLISHED_ONLY, ip) is not None
    assert refusal(AddressRule.ANY, ip) is None


@pytest.mark.parametrize(
    "address", ["192.168.1.7", "10.0.0.1", "203.0.113.9", "fd00::7", "2001:db8::7", "::ffff:10.0.0.1", "2002:a00:1::"]
)
def test_addresses_of_networks_may_be_published(address: str) -> None:
    assert refusal(AddressRule.PUBLISHED_ONLY, ipaddress.ip_address(address)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "robot"])
async def test_the_rule_holds_for_the_address_connected_to_whatever_its_name(host: str) -> None:
    resolver = Resolver(lookup=Names(robot=[V4, V6]))
    async with (
        serving(serving_ok) as server,
        client_to(f"http://{host}:{server.port}", resolver=resolver, rule=AddressRule.PUBLISHED_ONLY) as client,
    ):
        answer = await client.send(GET, deadline=within())
        assert isinstance(answer, PeerError)
        assert (answer.reason, answer.sent) == (PeerReason.DESTINATION_IP_PROHIBITED, False)
        assert "loopback" in answer.detail
        assert server.accepted == 0


async def test_a_machine_without_a_thread_left_is_a_limit_of_ours_and_the_next_lookup_works() -> None:
    full = True

    def launch(work: Callable[[], None], name: str) -> None:
        if full:
            raise RuntimeError("can't start new thread")
        work()

    settings = ResolverSettings(name_retry_ms=1)
    resolver = Resolver(settings, lookup=Names(robot=[V4]), launch=launch)
    assert await resolved(resolver, "robot") is PeerReason.CONNECTION_LIMIT_REACHED
    assert repr(resolver) == "<Resolver 1 known, 0 running, 0 queued>"
    full = False
    await asyncio.sleep(0.01)  # as long as the failure is remembered
    assert await resolved(resolver, "robot") == ["127.0.0.1:80"]
