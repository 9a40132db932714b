"""Who may be tried as a peer, as a table: the address, the port, the scheme, the name, the room."""

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.admission import MAX_CANDIDATES, MAX_FOUND, MAX_PER_ADDRESS, AdmissionRules, admit, objection
from discovery.endpoint import AddressRule, EndpointSet, FoundBy, PeerEndpoint
from discovery.source import Found
from discovery.static import is_peer_name

MDNS, FILE, DNS = FoundBy.MDNS, FoundBy.FILE, FoundBy.DNS
US = "u" * 22

RULES = AdmissionRules(
    own_instance=US,
    own_addresses=frozenset({ipaddress.ip_address("192.168.7.1"), ipaddress.ip_address("fd00::1")}),
    own_port=8080,
    networks=(ipaddress.ip_network("192.168.7.0/24"), ipaddress.ip_network("fd00::/64")),
)
AT_HOME = AdmissionRules(
    own_instance=US,
    own_addresses=frozenset({ipaddress.ip_address("127.0.0.1")}),
    own_port=8080,
    bound_to_loopback=True,
    networks=RULES.networks,
)


def found(url: str, name: str = "arm", *, by: FoundBy = MDNS, instance: str | None = None) -> Found:
    return Found(name, url, by, instance)


def judged(*endpoints: Found, rules: AdmissionRules = RULES) -> EndpointSet:
    """What becomes of these, found by one source."""
    return admit({"somewhere": endpoints}, rules)


def names(endpoints: EndpointSet) -> dict[str, str]:
    """The names of those admitted, by URL."""
    return {one.url: one.name for one in endpoints.admitted}


def reasons(endpoints: EndpointSet) -> Sequence[str]:
    return [one.reason for one in endpoints.refused]


@pytest.mark.parametrize(
    ("url", "by", "reason"),
    [
        ("http://192.168.7.9:8081", MDNS, None),
        ("http://[fd00::9]:8081", MDNS, None),
        ("HTTP://192.168.7.9:8081/", MDNS, None),
        ("http://10.0.0.9:8081", MDNS, "foreign_subnet"),
        ("http://[2001:db8::9]:8081", MDNS, "foreign_subnet"),
        ("http://10.0.0.9:8081", FILE, None),
        ("http://10.0.0.9:8081", DNS, None),
        ("http://robot.example:8081", DNS, None),
        ("http://robot.example:8081", MDNS, "invalid_url"),
        ("http://192.168.7.1:8080", MDNS, "self"),
        ("http://[fd00::1]:8080", FILE, "self"),
        ("http://192.168.7.1:8081", MDNS, None),
        ("http://127.0.0.1:8081", MDNS, "destination_ip_prohibited"),
        ("http://127.9.9.9:8081", FILE, "destination_ip_prohibited"),
        ("http://[::1]:8081", DNS, "destination_ip_prohibited"),
        ("http://169.254.7.7:8081", MDNS, "destination_ip_prohibited"),
        ("http://[fe80::1%25eth0]:8081", MDNS, "destination_ip_prohibited"),
        ("http://169.254.169.254:8081", FILE, "destination_ip_prohibited"),
        ("http://[fd00:ec2::254]:8081", DNS, "destination_ip_prohibited"),
        ("http://100.100.100.200:8081", FILE, "destination_ip_prohibited"),
        ("http://224.0.0.251:8081", MDNS, "destination_ip_prohibited"),
        ("http://255.255.255.255:8081", MDNS, "destination_ip_prohibited"),
        ("http://[ff02::fb]:8081", MDNS, "destination_ip_prohibited"),
        ("http://0.0.0.0:8081", FILE, "destination_ip_prohibited"),
        ("http://[::]:8081", FILE, "destination_ip_prohibited"),
        ("http://[::ffff:127.0.0.1]:8081", FILE, "destination_ip_prohibited"),
        ("http://[::ffff:169.254.169.254]:8081", FILE, "destination_ip_prohibited"),
        ("http://[64:ff9b::7f00:1]:8081", DNS, "destination_ip_prohibited"),
        ("http://[64:ff9b:1::a9fe:a9fe]:8081", DNS, "destination_ip_prohibited"),
        ("http://[2002:7f00:1::]:8081", DNS, "destination_ip_prohibited"),
        ("http://[::127.0.0.1]:8081", DNS, "destination_ip_prohibited"),
        ("http://[::ffff:0:127.0.0.1]:8081", DNS, "destination_ip_prohibited"),
        ("http://[2001:0:7f00:1::]:8081", DNS, "destination_ip_prohibited"),
        ("http://[fec0::1]:8081", DNS, "destination_ip_prohibited"),
        ("http://[fd20:ce::254]:8081", DNS, "destination_ip_prohibited"),
        ("http://[fd00:ec2::23]:8081", DNS, "destination_ip_prohibited"),
        ("http://168.63.129.16:8081", FILE, "destination_ip_prohibited"),
        ("http://192.0.0.192:8081", FILE, "destination_ip_prohibited"),
        ("http://240.0.0.1:8081", FILE, "destination_ip_prohibited"),
        ("http://[64:ff9b::a83f:8110]:8081", DNS, "destination_ip_prohibited"),
        ("ftp://192.168.7.9:8081", MDNS, "invalid_url"),
        ("http://user:secret@192.168.7.9:8081", FILE, "invalid_url"),
        ("http://192.168.7.9:8081/api", FILE, "invalid_url"),
        ("http://0x7f.1:8081", FILE, "invalid_url"),
        ("http://127.1:8081", FILE, "invalid_url"),
        ("", FILE, "invalid_url"),
    ],
)
def test_fault_051_an_address_is_admitted_or_refused(url: str, by: FoundBy, reason: str | None) -> None:
    endpoints = judged(found(url, by=by))
    assert (reasons(endpoints), len(endpoints.admitted)) == (([reason], 0) if reason else ([], 1))
    assert all(one.why for one in endpoints.refused)
    assert all(one.address_rule is AddressRule.PUBLISHED_ONLY for one in endpoints.admitted)


@pytest.mark.parametrize(
    ("port", "by", "reason"),
    [
        (0, MDNS, "invalid_url"),
        (0, FILE, "invalid_url"),
        (80, MDNS, "port_not_allowed"),
        (1023, MDNS, "port_not_allowed"),
        (1024, MDNS, None),
        (80, FILE, None),
        (443, DNS, None),
    ],
)
def test_fault_050_nothing_below_1024_is_found_by_mdns_and_nothing_at_0_at_all(
    port: int, by: FoundBy, reason: str | None
) -> None:
    assert reasons(judged(found(f"http://192.168.7.9:{port}", by=by))) == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:8081", None),
        ("http://[::1]:8081", None),
        ("http://127.0.0.1:8080", "self"),
        ("http://192.168.7.9:8081", None),
        ("http://10.0.0.9:8081", "foreign_subnet"),
        ("http://[::ffff:127.0.0.1]:8081", "destination_ip_prohibited"),
        ("http://[64:ff9b::7f00:1]:8081", "destination_ip_prohibited"),
        ("http://169.254.169.254:8081", "destination_ip_prohibited"),
    ],
)
def test_bound_to_loopback_the_neighbours_there_are_admitted_and_nothing_else_is(url: str, reason: str | None) -> None:
    endpoints = judged(found(url), rules=AT_HOME)
    assert reasons(endpoints) == ([reason] if reason else [])
    assert all(one.address_rule is AddressRule.PUBLISHED_OR_LOOPBACK for one in endpoints.admitted)


def test_where_tls_is_required_http_is_refused_whoever_found_it() -> None:
    rules = AdmissionRules(require_tls=True, networks=RULES.networks)
    for by in (MDNS, FILE, DNS):
        assert reasons(judged(found("http://192.168.7.9:8081", by=by), rules=rules)) == ["cleartext"]
        assert reasons(judged(found("https://192.168.7.9:8081", by=by), rules=rules)) == []


def test_who_claims_to_be_ourselves_is_not_even_asked() -> None:
    assert reasons(judged(found("http://192.168.7.9:8081", instance=US))) == ["self"]


def test_fault_041_a_configured_peer_is_not_found_once_more() -> None:
    static = PeerEndpoint("arm", "http://192.168.7.9:8081")
    rules = AdmissionRules(static=(static,), networks=RULES.networks)
    endpoints = judged(Found("other", "http://192.168.7.9:8081", MDNS, departed=True), rules=rules)
    assert (endpoints.admitted, reasons(endpoints), endpoints.departed) == ((static,), ["duplicate"], frozenset())


def test_what_several_sources_find_is_taken_from_the_first() -> None:
    url = "http://192.168.7.9:8081"
    endpoints = admit({"file:x": [found(url, "arm", by=FILE)], "mdns": [found(url, "robot")]}, RULES)
    assert [(one.name, one.source) for one in endpoints.admitted] == [("arm", "file:x")]
    assert [(one.reason, one.source) for one in endpoints.refused] == [("duplicate", "mdns")]


def test_fault_042_a_discovered_name_never_displaces_a_configured_one() -> None:
    static = PeerEndpoint("arm", "http://10.0.0.1:8080")
    rules = AdmissionRules(static=(static,), networks=RULES.networks)
    endpoints = judged(found("http://192.168.7.9:8081", "arm"), rules=rules)
    assert names(endpoints) == {static.url: "arm", "http://192.168.7.9:8081": "arm_2"}
    written = judged(found("http://192.168.7.9:8081", "arm", by=FILE), rules=rules)
    assert (names(written), reasons(written)) == ({static.url: "arm"}, ["peer_name_conflict"])


@pytest.mark.parametrize("turned", [False, True])
def test_fault_055_of_equal_names_the_first_instance_has_it_bare_in_whatever_order_they_come(turned: bool) -> None:
    both = [
        found("http://192.168.7.9:8081", "arm", instance="b" * 22),
        found("http://192.168.7.8:8081", "arm", instance="c" * 22),
    ]
    endpoints = judged(*(reversed(both) if turned else both))
    assert names(endpoints) == {"http://192.168.7.9:8081": "arm", "http://192.168.7.8:8081": "arm_2"}


def test_a_peer_keeps_its_name_when_one_comes_that_would_go_before_it() -> None:
    peer = PeerEndpoint("arm", "http://192.168.7.9:8081", MDNS)
    rules = AdmissionRules(peers={peer.url: peer}, networks=RULES.networks)
    endpoints = judged(
        found("http://192.168.7.8:8081", instance="a" * 22), found(peer.url, instance="b" * 22), rules=rules
    )
    assert names(endpoints) == {peer.url: "arm", "http://192.168.7.8:8081": "arm_2"}


def test_a_silent_neighbour_keeps_its_name_and_one_taken_out_of_a_file_does_not() -> None:
    for by, name in ((MDNS, "arm_2"), (FILE, "arm")):
        gone = PeerEndpoint("arm", "http://192.168.7.9:8081", by)
        rules = AdmissionRules(peers={gone.url: gone}, networks=RULES.networks)
        assert names(judged(found("http://192.168.7.8:8081", by=MDNS), rules=rules)) == {
            "http://192.168.7.8:8081": name
        }


def test_a_file_calls_a_peer_what_it_says_now() -> None:
    peer = PeerEndpoint("arm", "http://192.168.7.9:8081", FILE)
    rules = AdmissionRules(peers={peer.url: peer}, networks=RULES.networks)
    assert names(judged(found(peer.url, "left_arm", by=FILE), rules=rules)) == {peer.url: "left_arm"}


@pytest.mark.parametrize("name", ["", "a b", "a__b", "ärm", "x" * 257])
def test_a_name_that_people_wrote_is_taken_as_it_is_or_not_at_all(name: str) -> None:
    assert reasons(judged(found("http://192.168.7.9:8081", name, by=FILE))) == ["invalid_name"]


@pytest.mark.parametrize("bad", ["a__b", "arm"])
def test_an_entry_with_an_impossible_name_does_not_keep_another_of_its_url_out(bad: str) -> None:
    arm = Found("arm", "http://192.168.7.8:8081", FILE)
    entries = [Found(name, "http://192.168.7.9:8081", FILE) for name in (bad, "ok", "late")]
    endpoints = judged(arm, *entries)
    assert names(endpoints) == {arm.url: "arm", "http://192.168.7.9:8081": "ok"}
    assert {one.name: one.reason for one in endpoints.refused} == {
        bad: "invalid_name" if bad == "a__b" else "peer_name_conflict",
        "late": "duplicate",
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:secretpw@192.168.7.9:8081", "http://***@192.168.7.9:8081"),
        ("http://u:secretpw@/@x:8081", "http://***@x:8081"),
        ("http://u:p@secretpw@x:8081", "http://***@x:8081"),
        ("u:secretpw@x:8081", "***@x:8081"),
        ("http://x:8081/path", "http://x:8081/path"),
    ],
)
def test_a_refused_url_is_shown_without_its_password(url: str, shown: str) -> None:
    (one,) = judged(found(url, by=FILE)).refused
    assert (one.url, one.why.partition(",")[0]) == (shown, f"found the URL {shown!r}")
    assert "secretpw" not in repr(one)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Robot 7's arm", "Robot_7_s_arm"),
        ("a__b", "a_b"),
        ("pod-0", "pod-0"),
        ("机器人", "peer"),
        ("", "peer"),
        ("_x_", "x"),
        ("a\x00\n b", "a_b"),
    ],
)
def test_of_any_other_name_one_is_made_that_a_peer_can_have(label: str, name: str) -> None:
    assert names(judged(found("http://192.168.7.9:8081", label))) == {"http://192.168.7.9:8081": name}


@given(st.lists(st.text(max_size=80), max_size=8))
def test_whatever_the_labels_are_names_are_usable_and_unique(labels: list[str]) -> None:
    endpoints = judged(*(found(f"http://192.168.7.9:{8081 + at}", label) for at, label in enumerate(labels)))
    given_names = list(names(endpoints).values())
    assert len(given_names) == len(set(given_names)) == len(labels)
    assert all(map(is_peer_name, given_names))


def crowd(size: int) -> list[Found]:
    return [found(f"http://192.168.7.{10 + at % 240}:{2000 + at // 240}", f"r{at}") for at in range(size)]


def test_fault_048_of_a_flood_only_so_many_are_tried_and_the_peers_there_are_stay() -> None:
    peer = PeerEndpoint("arm", "http://192.168.7.170:2041", MDNS)
    rules = AdmissionRules(peers={peer.url: peer}, networks=RULES.networks)
    endpoints = judged(*crowd(10_001), rules=rules)
    assert names(endpoints)[peer.url] == "arm"
    assert len(endpoints.admitted) == MAX_CANDIDATES + 1
    assert len(endpoints.refused) == MAX_FOUND - MAX_CANDIDATES - 1
    assert set(reasons(endpoints)) == {"too_many_candidates"}


def test_of_the_ports_of_one_address_a_few_are_tried_at_a_time_beside_the_peers_there() -> None:
    ports = [found(f"http://192.168.7.9:{2000 + at}", f"r{at}") for at in range(20)]
    peer = PeerEndpoint("arm", ports[0].url, MDNS)
    endpoints = judged(*ports, *crowd(3), rules=AdmissionRules(peers={peer.url: peer}, networks=RULES.networks))
    assert len(endpoints.admitted) == 1 + MAX_PER_ADDRESS + 3
    assert reasons(endpoints) == ["too_many_at_address"] * (19 - MAX_PER_ADDRESS)
    written = [found(one.url, one.name, by=FILE) for one in ports]
    assert len(judged(*written).admitted) == 20


def test_at_a_crowded_address_everybody_has_a_turn_whatever_strangers_call_themselves() -> None:
    real = found("http://192.168.7.9:9000", "zz_robot")
    forged = [found(f"http://192.168.7.9:{2000 + at}", f"00{at:02}") for at in range(32)]
    turns = [
        {one.url for one in judged(*forged, real, rules=AdmissionRules(networks=RULES.networks, turn=turn)).admitted}
        for turn in range(60)
    ]
    assert all(len(turn) == MAX_PER_ADDRESS for turn in turns)
    assert sum(real.url in turn for turn in turns) >= 5  # 8 of 33 places in 60 turns are 14.5


def test_where_there_are_enough_discovered_peers_nobody_else_is_tried() -> None:
    peer = PeerEndpoint("arm", "http://192.168.7.10:2000", MDNS)
    rules = AdmissionRules(peers={peer.url: peer}, networks=RULES.networks, max_peers=1)
    endpoints = judged(*crowd(3), rules=rules)
    assert (list(names(endpoints)), reasons(endpoints)) == ([peer.url], ["max_discovered_peers"] * 2)


def test_a_peer_of_an_earlier_run_is_judged_by_the_rules_of_now() -> None:
    neighbour = PeerEndpoint("arm", "http://127.0.0.1:8081", MDNS, AddressRule.PUBLISHED_OR_LOOPBACK)
    assert objection(neighbour, AT_HOME) is None
    assert "loopback" in (objection(neighbour, RULES) or "")


def test_who_said_goodbye_is_told_apart() -> None:
    url = "http://192.168.7.9:8081"
    assert judged(Found("arm", url, MDNS, departed=True)).departed == {url}
