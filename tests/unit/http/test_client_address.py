"""Who a client is: nobody is believed but trusted proxies."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.client_address import MAX_PROXIES, TrustedProxies
from gateway.settings import ServerSettings
from gateway.site import parse_address, site_of

PROXIES = ServerSettings(trusted_proxies=("10.0.0.0/24", "fd00::/64"))
FORWARDED = ServerSettings(trusted_proxies=("10.0.0.0/24", "fd00::/64"), client_address_header="forwarded")


def client_of(remote: str, *told: str, server: ServerSettings = PROXIES, header: str = "X-Forwarded-For") -> str:
    proxies = TrustedProxies(server)
    return proxies.client_of(remote, told if header == proxies.header else ())


@pytest.mark.parametrize("told", [(), ("1.2.3.4",), ("10.0.0.1",), ("127.0.0.1", "::1")])
def test_fault_071_what_a_client_says_of_its_own_address_is_not_read(told: tuple[str, ...]) -> None:
    assert client_of("192.0.2.7", *told) == "192.0.2.7"
    assert client_of("192.0.2.7", *told, server=ServerSettings()) == "192.0.2.7"
    assert client_of("10.0.0.1", *told, server=ServerSettings()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ((), "10.0.0.1"),
        (("192.0.2.7",), "192.0.2.7"),
        (("6.6.6.6, 192.0.2.7",), "192.0.2.7"),
        (("6.6.6.6", "192.0.2.7"), "192.0.2.7"),
        (("6.6.6.6, 192.0.2.7, 10.0.0.2",), "192.0.2.7"),
        (("192.0.2.7:4711",), "192.0.2.7"),
        (("[2001:db8::7]:4711",), "2001:db8::7"),
        (("2001:db8::7",), "2001:db8::7"),
        (("2001:db8::7, fd00::5",), "2001:db8::7"),
        (("::ffff:192.0.2.7",), "192.0.2.7"),
        (("10.0.0.9",), "10.0.0.9"),
        (("garbage, 10.0.0.2",), "10.0.0.2"),
        (("unknown",), "10.0.0.1"),
        (("192.0.2.7,",), "10.0.0.1"),
        (("",), "10.0.0.1"),
    ],
)
def test_fault_071_a_trusted_proxy_is_believed_and_what_stands_before_its_word_is_not(
    told: tuple[str, ...], client: str
) -> None:
    assert client_of("10.0.0.1", *told) == client


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("for=192.0.2.7", "192.0.2.7"),
        ('For="[2001:db8::7]:4711"; proto=https', "2001:db8::7"),
        ("proto=http;for=6.6.6.6, by=10.0.0.2 ;for=192.0.2.7:80", "192.0.2.7"),
        ("for=unknown", "10.0.0.1"),
        ("for=_hidden", "10.0.0.1"),
        ("by=192.0.2.7", "10.0.0.1"),
        ('for="192.0.2.7', "10.0.0.1"),
    ],
)
def test_the_standard_header_is_read_where_it_is_the_one_that_is_set(told: str, client: str) -> None:
    assert client_of("10.0.0.1", told, server=FORWARDED, header="Forwarded") == client


def test_only_the_header_that_proxies_set_is_ever_read() -> None:
    assert client_of("10.0.0.1", "for=6.6.6.6", header="Forwarded") == "10.0.0.1"
    assert client_of("10.0.0.1", "6.6.6.6", server=FORWARDED) == "10.0.0.1"


class Unread(tuple[str, ...]):
    __slots__ = ()

    def __reversed__(self) -> Iterator[str]:
        raise AssertionError("nobody asked for it")

    __iter__ = __reversed__


@pytest.mark.parametrize("server", [PROXIES, FORWARDED, ServerSettings()])
def test_what_nobody_is_believed_is_not_looked_at(server: ServerSettings) -> None:
    """It may be as long as a head, and asks for most work when it makes least sense."""
    assert TrustedProxies(server).client_of("192.0.2.7", Unread(["6.6.6.6"])) == "192.0.2.7"


def test_of_a_long_header_the_end_is_read() -> None:
    proxies = [f"10.0.0.{n}" for n in range(1, MAX_PROXIES)]
    for told in (["6.6.6.6", *proxies], ["7.7.7.7", "6.6.6.6", *proxies]):
        assert client_of("10.0.0.1", ",".join(told)) == client_of("10.0.0.1", *told) == "6.6.6.6"
    assert client_of("10.0.0.1", ",".join(["6.6.6.6", "10.0.0.77", *proxies])) == "10.0.0.77"


@given(st.lists(st.text(max_size=40), max_size=5))
def test_whatever_stands_in_the_header_the_client_is_an_address(told: list[str]) -> None:
    for server, header in ((PROXIES, "X-Forwarded-For"), (FORWARDED, "Forwarded")):
        assert parse_address(client_of("10.0.0.1", *told, server=server, header=header)) is not None


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_client(address: str, site: str) -> None:
    assert site_of(address) == site
