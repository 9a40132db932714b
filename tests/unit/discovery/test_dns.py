"""DNS as a source, against a real server: records become endpoints, failures keep them, TTLs are kept."""

from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from discovery.dns import DnsSettings, DnsSource
from discovery.dns_answer import MAX_RECORDS
from discovery.dns_query import DnsQuery, parse_query, parse_server
from discovery.endpoint import FoundBy
from discovery.source import Found
from tests.federation.eventually import eventually
from tests.unit.discovery.dns_server import DnsServer, dns_server
from tests.unit.discovery.dns_wire import HOSTILE, answer, service
from tests.unit.discovery.readings import running

QUICK = DnsSettings(timeout_ms=500, min_ttl_ms=50, max_ttl_ms=100, retry_ms=50)
SRV = "_grove._tcp.example"


def source(server: DnsServer, query: str, scheme: str = "http", settings: DnsSettings = QUICK) -> DnsSource:
    parsed = parse_query(query)
    assert parsed is not None
    return DnsSource(parsed, scheme=scheme, servers=[server.address], settings=settings)


async def test_every_srv_record_is_an_endpoint_under_the_name_it_points_to() -> None:
    async with dns_server() as server:
        server.set(SRV, "SRV", "0 0 8080 Pod-0.grove.example.", "5 9 8081 pod-1.grove.example.")
        one = source(server, f"dnssrv+{SRV}", "https")
        assert one.name == f"dns:dnssrv+{SRV}"
        async with running(one) as readings:
            await readings.show("Pod-0", "pod-1")
            assert readings.last.found == (
                Found("Pod-0", "https://pod-0.grove.example:8080", FoundBy.DNS),
                Found("pod-1", "https://pod-1.grove.example:8081", FoundBy.DNS),
            )


async def test_every_address_of_a_name_is_an_endpoint_of_both_families() -> None:
    async with dns_server() as server:
        server.set("leaf.example", "A", "10.0.0.5", "10.0.0.6")
        server.set("leaf.example", "AAAA", "fd00::5")
        async with running(source(server, "dns+leaf.example:8080")) as readings:
            await readings.show("leaf-10-0-0-5", "leaf-10-0-0-6", "leaf-fd00-5")
            assert [found.url for found in readings.last.found] == [
                "http://10.0.0.5:8080",
                "http://10.0.0.6:8080",
                "http://[fd00::5]:8080",
            ]
        assert {("leaf.example", "A"), ("leaf.example", "AAAA")} <= {*server.asked}


async def test_a_record_that_comes_or_goes_is_seen_when_the_answer_is_old() -> None:
    async with dns_server() as server:
        server.set(SRV, "SRV", "0 0 8080 a.example.", ttl=0)
        async with running(source(server, f"dnssrv+{SRV}")) as readings:
            await readings.show("a")
            server.set(SRV, "SRV", "0 0 8080 a.example.", "0 0 8080 b.example.")
            await readings.show("a", "b")
            server.set(SRV, "SRV", "0 0 8080 b.example.")
            await readings.show("b")


async def test_an_answer_is_asked_for_no_more_often_than_its_ttl_says() -> None:
    async with dns_server() as server:
        server.set(SRV, "SRV", "0 0 8080 a.example.", ttl=3600)
        server.set("other.example", "A", "10.0.0.5", ttl=0)
        patient = DnsSettings(timeout_ms=500, min_ttl_ms=20, max_ttl_ms=3_600_000)
        async with (
            running(source(server, f"dnssrv+{SRV}", settings=patient)) as readings,
            running(source(server, "dns+other.example:8080", settings=patient)),
        ):
            await readings.show("a")
            await eventually(lambda: server.asked.count(("other.example", "A")) > 5, 30)
        assert server.asked.count((SRV, "SRV")) == 1


@pytest.mark.parametrize("failure", ["servfail", "nxdomain", "empty", "mute", "garbage", "not_there"])
async def test_a_lookup_that_fails_keeps_what_was_known_and_says_why(failure: str) -> None:
    async with dns_server() as server:
        server.set(SRV, "SRV", "0 0 8080 a.example.")
        async with running(source(server, f"dnssrv+{SRV}")) as readings:
            await readings.show("a")
            match failure:
                case "servfail":
                    server.rcode = dns.rcode.SERVFAIL
                case "nxdomain":
                    server.records.clear()
                case "empty":
                    server.records = {(SRV, "TXT"): (60, ['"x"'])}
                case "mute":
                    server.mute = True
                case "garbage":
                    server.garbage = b"\x00\x01"
                case _:
                    server.set(SRV, "SRV", "0 0 0 .")
            await readings.show("a", trouble=SRV)
            server.rcode, server.mute, server.garbage = None, False, None
            server.set(SRV, "SRV", "0 0 8080 b.example.")
            await readings.show("b")


async def test_a_family_that_fails_keeps_its_own_addresses_only() -> None:
    async with dns_server() as server:
        server.set("leaf.example", "A", "10.0.0.5")
        async with running(source(server, "dns+leaf.example:8080")) as readings:
            await readings.show("leaf-10-0-0-5")
            server.set("leaf.example", "A", "10.0.0.6")
            await readings.show("leaf-10-0-0-6")
            server.set("leaf.example", "AAAA", "fd00::5")
            server.records.pop(("leaf.example", "A"))
            await readings.show("leaf-fd00-5")


async def test_a_server_that_is_not_there_is_trouble_and_no_defect() -> None:
    query = DnsQuery("leaf.example", 8080)
    async with running(DnsSource(query, scheme="http", servers=[("127.0.0.1", 1)], settings=QUICK)) as readings:
        await readings.show(trouble="leaf.example")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("dnssrv+_grove._tcp.example", DnsQuery("_grove._tcp.example", None)),
        ("dns+leaf:8080", DnsQuery("leaf", 8080)),
        ("dns+leaf.example.:8080", DnsQuery("leaf.example.", 8080)),
        ("dns+leaf", None),
        ("dns+leaf:0", None),
        ("dns+leaf:65536", None),
        ("dnssrv+x:8080", None),
        ("dnssrv+", None),
        ("dnssrv+grove.example.org", None),
        ("dnssrv+_grove._tcp", None),
        ("dnssrv+_grove._udp.example", None),
        ("dnssrv+a..b", None),
        ("srv+x", None),
        ("leaf:8080", None),
        ("dns+le af:1", None),
    ],
)
def test_a_query_is_read_or_refused(text: str, query: DnsQuery | None) -> None:
    assert parse_query(text) == query
    assert query is None or str(query) == text


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.0.0.1", ("10.0.0.1", 53)),
        ("10.0.0.1:5353", ("10.0.0.1", 5353)),
        ("fd00::1", ("fd00::1", 53)),
        ("[fd00::1]:54", ("fd00::1", 54)),
        ("[fd00::1]", ("fd00::1", 53)),
        ("dns.example", None),
        ("10.0.0.1:0", None),
        ("10.0.0.1:70000", None),
        ("[10.0.0]:1", None),
        ("", None),
    ],
)
def test_a_server_is_read_or_refused(text: str, server: tuple[str, int] | None) -> None:
    assert parse_server(text) == server


@pytest.mark.parametrize("content", [b"nameserver 1.1.1.1#53\n", b"nameserver 127.0.0.1\n# caf\xe9\n", b""])
async def test_a_mistake_in_resolv_conf_is_trouble(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "resolv.conf"
    path.write_bytes(content)
    source = DnsSource(DnsQuery("_grove._tcp.example.org", None), scheme="http", system=path)
    async with running(source) as readings:
        await readings.show(trouble="SRV of _grove._tcp.example.org: ")


async def test_of_an_answer_without_end_as_many_records_count_as_can_be_tried() -> None:
    async with dns_server() as server:
        server.set(SRV, "SRV", *(f"0 0 {2000 + number} pod.example." for number in range(MAX_RECORDS + 50)))
        async with running(source(server, f"dnssrv+{SRV}")) as readings:
            await eventually(lambda: readings.all and len(readings.last.found) == MAX_RECORDS, 30)
            assert "1024 records or more" in str(readings.last.left_out)
            assert readings.last.trouble is None
            fewer = MAX_RECORDS - 1
            server.set(SRV, "SRV", *(f"0 0 {2000 + number} pod.example." for number in range(fewer)))
            await eventually(lambda: len(readings.last.found) == fewer, 30)
            assert readings.last.left_out is None


async def test_an_answer_that_fits_into_no_datagram_is_asked_for_by_tcp() -> None:
    async with dns_server() as server:
        server.by_tcp = lambda question: framed(answer(service(8080, b"\1a\0"), 1, read(question)))
        async with running(source(server, f"dnssrv+{SRV}")) as readings:
            await readings.show("a")


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
async def test_an_answer_made_to_cost_time_keeps_what_was_known(
    hostile: Callable[[dns.message.QueryMessage], bytes],
) -> None:
    async with dns_server() as server:
        server.set(SRV, "SRV", "0 0 8080 a.example.")
        async with running(source(server, f"dnssrv+{SRV}")) as readings:
            await readings.show("a")
            server.by_tcp = lambda question: framed(hostile(read(question)))
            await readings.show("a", trouble=SRV)
            server.by_tcp = None
            server.set(SRV, "SRV", "0 0 8080 b.example.")
            await readings.show("b")


@pytest.mark.parametrize("sent", [b"", b"\xff", b"\xff\xff", b"\xff\xff" + bytes(1000)])
async def test_an_answer_that_never_comes_whole_is_waited_for_no_longer_than_may_be(sent: bytes) -> None:
    async with dns_server() as server:
        server.set(SRV, "SRV", "0 0 8080 a.example.")
        async with running(source(server, f"dnssrv+{SRV}")) as readings:
            await readings.show("a")
            server.by_tcp = lambda _: sent
            await readings.show("a", trouble=SRV)


def framed(wire: bytes) -> bytes:
    """As it is sent by TCP."""
    return len(wire).to_bytes(2, "big") + wire


def read(question: bytes) -> dns.message.QueryMessage:
    parsed = dns.message.from_wire(question)
    assert isinstance(parsed, dns.message.QueryMessage)
    return parsed
