"""Promise 57: every line of upstream's reference of `aggregation`, with its default and its rule.

Where upstream ignores or clamps, the start is refused here. What is kept by more than settings is tested elsewhere.
"""

import re
from pathlib import Path

import pytest

from discovery.static import static_endpoints
from tests.unit.gateway.reading import loaded, mistakes, settings

ROOT = Path(__file__).parents[3]

ELSEWHERE = {
    "g, to https peers alone": "unit/peers/test_credentials.py::"
    "test_a_client_s_own_authorization_goes_on_only_where_it_may",
    "n, X-Client-Id goes on": "federation/test_bad_requests.py::"
    "test_what_the_owner_gets_is_clean_whatever_a_client_sends",
    "o, a found peer that said goodbye": "unit/peers/test_roster.py::"
    "test_fault_053_who_said_goodbye_and_is_gone_is_forgotten_at_once",
    "o, a listed one": "unit/peers/test_roster.py::test_fault_041_a_goodbye_never_removes_a_configured_peer",
    "p, entities": "faults/test_trees.py::test_fault_016_so_is_an_upstream_collection_of_more_than_its_kind_reads",
    "p, bytes": "faults/test_bodies.py::test_fault_014_a_body_over_the_cap_is_not_read_on_and_costs_no_memory",
    "p, ids": "faults/test_trees.py::test_fault_024_an_entity_with_an_unusable_id_is_left_out_and_counted",
    "q, ports": "unit/discovery/test_admission.py::"
    "test_fault_050_nothing_below_1024_is_found_by_mdns_and_nothing_at_0_at_all",
    "q, addresses": "unit/discovery/test_admission.py::test_fault_051_an_address_is_admitted_or_refused",
}
"""The letters that are no matter of settings, and the tests of them."""

ON = "aggregation.enabled:=true"
FAR = ("aggregation.peer_urls:=http://10.0.7.11:8080", "aggregation.peer_names:=arm")


def codes(*flags: str) -> list[str]:
    return [warning.code for warning in loaded(flags=[ON, *flags]).warnings]


@pytest.mark.parametrize("where", ELSEWHERE.values(), ids=ELSEWHERE)
def test_promise_57_what_is_tested_elsewhere_is_there(where: str) -> None:
    file, _, name = where.partition("::")
    assert re.search(rf"def {name}\(", (ROOT / "tests" / file).read_text())


def test_promise_57a_to_57j_the_defaults_are_upstream_s() -> None:
    told = settings().aggregation
    assert (told.enabled, told.timeout_ms, told.announce, told.discover) == (False, 2000, False, False)
    assert (told.mdns_service, told.mdns_name) == ("_medkit._tcp.local", "")
    assert (told.forward_auth, told.require_tls, told.peer_scheme) == (False, False, "http")
    assert told.max_discovered_peers == 50


def test_promise_57h_a_peer_in_clear_text_is_refused_where_tls_is_required_and_warned_of_elsewhere() -> None:
    (message,) = mistakes(flags=[ON, *FAR, "aggregation.require_tls:=true"])
    assert message.startswith("command line -p: aggregation.peer_urls[0]: found 'http://10.0.7.11:8080' while")
    assert codes(*FAR) == ["cleartext_peers"]
    secure = ("aggregation.peer_urls:=https://10.0.7.11:8080", "aggregation.peer_names:=arm")
    assert codes(*secure, "aggregation.require_tls:=true") == []


def test_promise_57i_found_peers_are_spoken_to_by_http_or_https() -> None:
    assert settings(flags=["aggregation.peer_scheme:=https"]).aggregation.peer_scheme == "https"
    assert "allowed: one of http, https" in mistakes(flags=["aggregation.peer_scheme:=ftp"])[0]


@pytest.mark.parametrize(("number", "is_fine"), [(0, False), (1, True), (1000, True), (1001, False)])
def test_promise_57j_between_1_and_1000_peers_may_be_found_and_nothing_is_clamped(number: int, is_fine: bool) -> None:
    flags = [f"aggregation.max_discovered_peers:={number}"]
    if is_fine:
        assert settings(flags=flags).aggregation.max_discovered_peers == number
    else:
        (message,) = mistakes(flags=flags)
        assert "aggregation.max_discovered_peers" in message
        assert "1 to 1000" in message


def test_promise_57k_empty_texts_are_no_peers_and_lists_of_other_lengths_refuse_the_start() -> None:
    nobody = ['aggregation.peer_urls:=[""]', 'aggregation.peer_names:=[""]']
    assert static_endpoints(settings(flags=[ON, *nobody]).aggregation) == ()
    for lists in (FAR[:1], FAR[1:]):
        assert "aggregation.peer_names" in mistakes(flags=[ON, *lists])[0]
    twice = ["aggregation.peer_urls:=http://a:8080,http://b:8080", "aggregation.peer_names:=arm,arm"]
    assert "'arm'" in mistakes(flags=[ON, *twice])[0]


def test_promise_57l_clients_authorization_never_goes_on_in_clear_text() -> None:
    (message,) = mistakes(flags=[ON, *FAR, "aggregation.forward_auth:=true"])
    assert "while aggregation.forward_auth is true" in message


def test_promise_57m_aggregation_of_nobody_is_warned_of() -> None:
    assert codes() == ["no_peers"]
    assert codes("aggregation.discover:=true") == []


@pytest.mark.parametrize("port", [1, 1023, 65_536])
def test_promise_57r_the_port_is_1024_to_65535_and_the_host_this_machine_by_default(port: int) -> None:
    assert (settings().server.host, settings().server.port) == ("127.0.0.1", 8080)
    assert "1024 to 65535" in mistakes(flags=[f"server.port:={port}"])[0]
