"""Settings seen together: sources of entities, protection, warnings."""

from pathlib import Path

import pytest

from gateway.config.cautions import is_loopback
from gateway.config.reader import LoadedSettings, SettingsRefused, read_settings
from tests.unit.gateway.reading import loaded, mistakes, settings

MANIFEST = "robot.yaml"


@pytest.mark.parametrize(
    ("flags", "host", "manifest", "mode"),
    [
        ([], True, None, "runtime_only"),
        (["discovery.mode:=runtime_only"], True, None, "runtime_only"),
        (["discovery.mode:=manifest_only", f"discovery.manifest_path:={MANIFEST}"], False, MANIFEST, "manifest_only"),
        (["discovery.mode:=hybrid", f"discovery.manifest_path:={MANIFEST}"], True, MANIFEST, "hybrid"),
        ([f"local.manifest:={MANIFEST}"], True, MANIFEST, "hybrid"),
        (["local.host:=false", f"local.manifest:={MANIFEST}"], False, MANIFEST, "manifest_only"),
        (["local.host:=false"], False, None, "manifest_only"),
        (["discovery.mode:=hybrid", f"local.manifest:={MANIFEST}"], True, MANIFEST, "hybrid"),
        (["discovery.mode:=hybrid", "local.host:=true", f"local.manifest:={MANIFEST}"], True, MANIFEST, "hybrid"),
    ],
)
def test_both_vocabularies_say_the_same_after_reading(
    flags: list[str], host: bool, manifest: str | None, mode: str
) -> None:
    outcome = settings(flags=flags)
    path = None if manifest is None else Path(manifest)
    assert (outcome.local.host, outcome.local.manifest) == (host, path)
    assert (outcome.discovery.mode, outcome.discovery.manifest_path) == (mode, path)


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (["discovery.mode:=manifest_only"], "discovery.manifest_path"),
        (["discovery.mode:=hybrid", f"local.manifest:={MANIFEST}", "local.host:=false"], "local.host"),
        (["discovery.mode:=runtime_only", "local.host:=false"], "local.host"),
        (["discovery.mode:=runtime_only", f"local.manifest:={MANIFEST}"], "local.manifest"),
        ([f"discovery.manifest_path:={MANIFEST}"], "discovery.manifest_path"),
    ],
)
def test_vocabularies_that_contradict_are_a_mistake(flags: list[str], key: str) -> None:
    (message,) = mistakes(flags=flags)
    assert message.startswith(f"command line -p: {key}: found ")


def test_a_combination_is_not_judged_when_one_of_its_settings_is_mistaken_itself() -> None:
    flags = ["aggregation.peer_urls:=[{}]", "aggregation.peer_names:=[a, b]"]
    (message,) = mistakes(flags=flags)
    assert "aggregation.peer_urls[0]: found a group of settings; allowed: text" in message


def test_tls_files_that_exist_are_no_mistake(tmp_path: Path) -> None:
    pem = tmp_path / "x.pem"
    pem.touch()
    flags = ["server.tls.enabled:=true", f"server.tls.cert_file:={pem}", f"server.tls.key_file:={pem}"]
    assert isinstance(read_settings((), None, flags), LoadedSettings)


def test_rs256_asks_for_both_key_files(tmp_path: Path) -> None:
    pem = tmp_path / "x.pem"
    pem.touch()
    flags = ["auth.enabled:=true", "auth.jwt_algorithm:=RS256", "auth.clients:=a:b:admin"]
    assert [message.split(": ")[1] for message in mistakes(flags=flags)] == [
        "auth.jwt_secret",
        "auth.jwt_public_key",
    ]
    files = [f"auth.jwt_secret:={pem}", f"auth.jwt_public_key:={pem}"]
    (message,) = mistakes(flags=[*flags, *files])
    assert "auth.jwt_secret: found no private key in PEM" in message


def test_a_client_s_secret_may_hold_colons_and_its_id_is_there_once() -> None:
    secret = "x" * 32
    flags = ["auth.enabled:=true", f"auth.jwt_secret:={secret}"]
    assert settings(flags=[*flags, "auth.clients:=a:b:c:admin"]).auth.clients == ("a:b:c:admin",)
    (message,) = mistakes(flags=[*flags, "auth.clients:=a:b:admin,a:c:viewer"])
    assert "the client 'a' again" in message


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://example.com", "*", "http://[::1]:5173"])
def test_origins_by_scheme_and_host_are_allowed(origin: str) -> None:
    assert settings(flags=[f"cors.allowed_origins:={origin}"]).cors.allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin", ["localhost:3000", "http://a/", "http://a/b", "http://u@a", "HTTP://a", "http://a?b"]
)
def test_what_no_browser_sends_as_an_origin_is_a_mistake(origin: str) -> None:
    assert "cors.allowed_origins[0]" in mistakes(flags=[f"cors.allowed_origins:={origin}"])[0]


def codes(*flags: str) -> list[str]:
    return [warning.code for warning in loaded(flags=flags).warnings]


PEER = ("aggregation.peer_urls:=http://b:1", "aggregation.peer_names:=b")


def test_defaults_are_nothing_to_warn_about() -> None:
    assert codes() == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "robot.local"])
def test_an_open_port_is_warned_about(host: str) -> None:
    assert codes(f"server.host:={host}") == ["open_to_network"]
    assert not is_loopback(host)


AUTH = {"auth.enabled": "true", "auth.jwt_secret": "x" * 32, "auth.clients": "a:b:admin"}
AUTH_VARIABLES = {f"GROVE_{key.upper().replace('.', '__')}": value for key, value in AUTH.items()}


def test_a_secret_on_the_command_line_is_warned_of_and_not_quoted(tmp_path: Path) -> None:
    (warning,) = loaded(flags=[f"{key}:={value}" for key, value in AUTH.items()]).warnings
    assert warning.code == "secret_on_command_line"
    assert "auth.jwt_secret, auth.clients came" in warning.message
    assert "xxx" not in warning.message
    file = tmp_path / "guarded.yaml"
    file.write_text(f"auth: {{enabled: true, jwt_secret: {'x' * 32}, clients: ['a:b:admin']}}")
    assert loaded(file, flags=["auth.issuer:=me"]).warnings == ()
    assert loaded(environ=AUTH_VARIABLES).warnings == ()


def test_tokens_in_clear_text_are_warned_about(tmp_path: Path) -> None:
    def guarded(*flags: str) -> list[str]:
        return [warning.code for warning in loaded(environ=AUTH_VARIABLES, flags=flags).warnings]

    assert guarded("server.host:=0.0.0.0") == ["cleartext_tokens"]
    assert guarded() == []
    assert guarded("server.host:=0.0.0.0", "auth.require_auth_for:=none") == ["open_to_network", "cleartext_tokens"]
    pem = tmp_path / "x.pem"
    pem.touch()
    tls = ("server.tls.enabled:=true", f"server.tls.cert_file:={pem}", f"server.tls.key_file:={pem}")
    assert guarded("server.host:=0.0.0.0", *tls) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_is_not_open(host: str) -> None:
    assert codes(f"server.host:={host}") == []


def test_peers_in_clear_text_are_warned_about_by_name() -> None:
    (warning,) = loaded(flags=["aggregation.enabled:=true", *PEER]).warnings
    assert warning.code == "cleartext_peers"
    assert "(b)" in warning.message


def test_clear_text_that_stays_on_this_machine_is_nothing_to_warn_about() -> None:
    peer = ("aggregation.peer_urls:=http://localhost:8081", "aggregation.peer_names:=b")
    assert loaded(flags=["aggregation.enabled:=true", *peer]).warnings == ()


def test_peers_over_tls_are_nothing_to_warn_about() -> None:
    peer = ("aggregation.peer_urls:=https://b:1", "aggregation.peer_names:=b")
    assert codes("aggregation.enabled:=true", "aggregation.require_tls:=true", *peer) == []


def test_aggregation_of_nobody_is_warned_about_unless_peers_are_looked_for() -> None:
    assert codes("aggregation.enabled:=true") == ["no_peers"]
    assert codes("aggregation.enabled:=true", "aggregation.announce:=true") == ["no_peers"]
    assert codes("aggregation.enabled:=true", "aggregation.discover:=true") == []


def test_a_place_to_look_for_peers_is_as_good_as_a_peer() -> None:
    assert codes("aggregation.enabled:=true", "aggregation.peer_files:=/etc/grove/peers") == []
    assert codes("aggregation.enabled:=true", "aggregation.peer_dns:=dns+leaf:8080") == []


@pytest.mark.parametrize(
    ("flag", "found"),
    [
        ("aggregation.peer_dns:=leaf:8080", "'leaf:8080'"),
        ("aggregation.dns_servers:=dns.example", "'dns.example'"),
        ("aggregation.discovery_subnets:=10.0.0.1/8", "'10.0.0.1/8', which is no network"),
        ("aggregation.discovery_subnets:=home", "'home', which is no network"),
    ],
)
def test_where_peers_are_to_be_found_is_checked_item_by_item(flag: str, found: str) -> None:
    outcome = read_settings(assignments=["aggregation.enabled:=true", flag])
    assert isinstance(outcome, SettingsRefused)
    (problem,) = outcome.problems
    assert (problem.key, problem.found.startswith(found)) == (f"{flag.partition(':=')[0]}[0]", True)
    assert problem.allowed


def test_peers_that_nobody_asks_are_warned_about() -> None:
    assert codes(*PEER) == ["peers_not_enabled"]


PROGRAMS = "local.processes:=[{name: pump}, {name: /opt/x, match: exe, id: web}]"


def test_programs_of_this_machine_are_apps_of_their_own() -> None:
    local = settings(flags=[PROGRAMS, "local.units:=[nginx, backup.timer]"]).local
    assert [(one.name, one.match, one.app_id) for one in local.processes] == [
        ("pump", "name", "pump"),
        ("/opt/x", "exe", "web"),
    ]
    assert local.units == ("nginx", "backup.timer")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["local.processes:=[{name: a, id: a/b}]"], "local.processes[0].id: found 'a/b'"),
        (["local.processes:=[{name: a, match: pid}]"], "local.processes[0].match: found 'pid'; allowed: one of name"),
        (["local.processes:=[{name: ''}]"], "local.processes[0].name: found ''"),
        (["local.processes:=[{match: exe}]"], "local.processes[0].name: found nothing"),
        (["local.units:=['--now']"], "local.units[0]: found '--now'"),
        (["local.units:=['a b']"], "local.units[0]: found 'a b'"),
        ([PROGRAMS, "local.units:=[web]"], "local.units[0]: found an App with the id 'web', which local.processes[1]"),
        (["local.units:=[a, a.service]"], "local.units[1]: found an App with the id 'a'"),
        ([PROGRAMS, "local.host:=false"], "local.processes: found programs of this machine while local.host is false"),
        (["local.watch_interval_ms:=10"], "local.watch_interval_ms: found 10; allowed: a whole number from 100"),
    ],
)
def test_mistakes_about_programs_are_told(flags: list[str], message: str) -> None:
    (found,) = mistakes(flags=flags)
    assert message in found


def test_control_without_authentication_is_warned_about() -> None:
    assert codes("local.allow_control:=true") == []
    assert codes("local.allow_control:=true", PROGRAMS) == ["open_to_control"]
    assert codes(PROGRAMS) == []


def test_fields_of_peers_whose_feature_is_to_come_are_named() -> None:
    peer = "{name: b, url: 'https://b:1', timeout_ms: 500}"
    assert loaded(flags=[f"aggregation.peers:=[{peer}, {peer.replace('b', 'c')}]"]).not_built == (
        "aggregation.peers[].timeout_ms",
    )
