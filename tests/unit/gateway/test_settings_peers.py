"""Static peers: both forms, names, URLs."""

import pytest

from discovery.endpoint import AddressRule, FoundBy
from discovery.settings import FindingSettings, PeerSetting
from discovery.static import BadUrl, normalise_url, parse_static, static_endpoints


def test_peers_as_objects_come_before_the_parallel_lists_each_in_its_order() -> None:
    endpoints = static_endpoints(
        FindingSettings(
            peers=(PeerSetting(name="d", url="http://d:1"), PeerSetting(name="a", url="http://a:1")),
            peer_urls=("http://c:1", "https://b"),
            peer_names=("c", "b"),
        )
    )
    assert [(endpoint.name, endpoint.url) for endpoint in endpoints] == [
        ("d", "http://d:1"),
        ("a", "http://a:1"),
        ("c", "http://c:1"),
        ("b", "https://b:443"),
    ]


def test_static_peers_may_be_at_any_address() -> None:
    (endpoint,) = static_endpoints(FindingSettings(peer_urls=("http://127.0.0.1:1",), peer_names=("b",)))
    assert (endpoint.found_by, endpoint.address_rule) == (FoundBy.STATIC, AddressRule.ANY)


def test_a_pair_of_empty_texts_is_no_peer() -> None:
    outcome = parse_static(FindingSettings(peer_urls=("", "http://b:1"), peer_names=("", "b")))
    assert [endpoint.name for endpoint in outcome.endpoints] == ["b"]
    assert outcome.mistakes == ()


def test_a_half_empty_pair_is_a_mistake_at_the_empty_half() -> None:
    outcome = parse_static(FindingSettings(peer_urls=("", "http://b:1"), peer_names=("a", "")))
    assert [mistake.key for mistake in outcome.mistakes] == ["peer_urls[0]", "peer_names[1]"]
    assert outcome.endpoints == ()


def test_a_mistaken_peer_is_left_out_and_the_others_stay() -> None:
    outcome = parse_static(FindingSettings(peer_urls=("ftp://a", "http://b:1"), peer_names=("a", "b")))
    assert [endpoint.name for endpoint in outcome.endpoints] == ["b"]
    assert [mistake.key for mistake in outcome.mistakes] == ["peer_urls[0]"]


@pytest.mark.parametrize("name", ["", "a b", "a__b", "ä", "a/b", "x" * 257, "a\n"])
def test_a_name_that_cannot_prefix_ids_is_a_mistake(name: str) -> None:
    outcome = parse_static(FindingSettings(peers=(PeerSetting(name=name, url="http://b:1"),)))
    assert [mistake.key for mistake in outcome.mistakes] == ["peers[0].name"]


@pytest.mark.parametrize("name", ["a", "A-b_c", "9", "x" * 256])
def test_letters_digits_hyphens_and_underscores_make_a_name(name: str) -> None:
    assert parse_static(FindingSettings(peers=(PeerSetting(name=name, url="http://b:1"),))).mistakes == ()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:8081", "http://localhost:8081"),
        ("http://localhost:8081/", "http://localhost:8081"),
        ("HTTP://LocalHost:8081", "http://localhost:8081"),
        ("http://host", "http://host:80"),
        ("https://host", "https://host:443"),
        ("http://host:", "http://host:80"),
        ("http://gateway_b:8080", "http://gateway_b:8080"),
        ("http://192.168.0.1:80", "http://192.168.0.1:80"),
        ("http://[::1]:8081", "http://[::1]:8081"),
        ("http://[2001:DB8:0:0::1]", "http://[2001:db8::1]:80"),
        ("http://[fe80::1%25eth0]:8081", "http://[fe80::1%25eth0]:8081"),
    ],
)
def test_a_url_is_written_in_one_way(text: str, url: str) -> None:
    assert normalise_url(text) == url
    assert normalise_url(url) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:8081",
        "//localhost",
        "ftp://host",
        "http://",
        "http://:80",
        "http://host:0",
        "http://host:65536",
        "http://host:80a",
        "http://user@host",
        "http://user:word@host",
        "http://host/api/v1",
        "http://host?x=1",
        "http://host#x",
        "http://ho st",
        "http://host\n",
        "http://hóst",
        "http://a..b",
        "http://256.1.1.1",
        "http://127.1",
        "http://0x7f.1",
        "http://[::1",
        "http://[::g]",
        "http://[::1%25]",
        "http://-host",
    ],
)
def test_what_is_no_base_url_of_a_gateway_is_refused_with_a_reason(text: str) -> None:
    assert isinstance(normalise_url(text), BadUrl)
