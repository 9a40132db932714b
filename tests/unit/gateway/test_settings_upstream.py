"""Upstream's own files and the tutorial's load as they are."""

from pathlib import Path

import pytest

from discovery.static import static_endpoints
from tests.unit.gateway.reading import loaded, mistakes, settings

PARAMS = Path(__file__).parents[2] / "data" / "params"
STOCK = PARAMS / "gateway_params.yaml"
SECURE = PARAMS / "gateway_params.secure.yaml"

TUTORIAL = {
    "gateway_a_params": """
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8080
    aggregation:
      enabled: true
      peer_urls: ["http://localhost:8081"]
      peer_names: ["subsystem_b"]
""",
    "gateway_a_mdns": """
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8080
    aggregation:
      enabled: true
      announce: true
      discover: true
      mdns_name: "gateway_a"
""",
    "gateway_c_chain": """
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8082
    aggregation:
      enabled: false
""",
}


def tutorial(folder: Path, name: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(TUTORIAL[name])
    return path


def test_the_stock_file_loads_whole() -> None:
    outcome = loaded(STOCK)
    assert outcome.settings.refresh_interval_ms == 30_000
    assert outcome.settings.sse.max_clients == 2
    assert outcome.settings.cors.allowed_headers == ("Content-Type", "Accept")
    assert outcome.settings.auth.clients == outcome.settings.rate_limiting.endpoint_limits == ()
    assert outcome.warnings == ()


def test_what_only_makes_sense_inside_ros_is_ignored_and_named_once_for_each_group() -> None:
    ignored = loaded(STOCK).inside_ros
    assert len(ignored) == len(set(ignored))
    assert {"plugins", "data_provider", "discovery.refresh_debounce_ms", "server.http_thread_pool_size"} <= set(ignored)
    assert not any(key.startswith("plugins.") for key in ignored)


def test_features_not_built_yet_are_named_once_each() -> None:
    assert loaded(STOCK).not_built == (
        "bulk_data",
        "discovery.inventory",
        "docs",
        "locking",
        "scripts",
        "sse.max_duration_sec",
        "sse.max_subscriptions",
        "triggers",
        "updates",
    )


def test_everything_wrong_in_the_secure_file_is_told_at_its_line() -> None:
    assert [message.replace(f"{SECURE}:", "").split(": found ")[0] for message in mistakes(SECURE)] == [
        "29: server.tls.cert_file",
        "30: server.tls.key_file",
        "52: auth.jwt_secret",
        "64: auth.clients",
    ]


def test_the_secure_file_starts_when_protection_is_switched_off_knowingly() -> None:
    flags = ["server.tls.enabled:=false", "auth.enabled:=false"]
    outcome = loaded(SECURE, flags=flags)
    assert [warning.code for warning in outcome.warnings] == ["open_to_network", "limit_without_effect"]
    assert "/api/v1/*/*/operations/*:30 is meant" in outcome.warnings[1].message


def test_the_tutorial_s_static_peer_is_found(tmp_path: Path) -> None:
    outcome = settings(tutorial(tmp_path, "gateway_a_params"))
    (endpoint,) = static_endpoints(outcome.aggregation)
    assert (outcome.server.port, outcome.aggregation.enabled) == (8080, True)
    assert (endpoint.name, endpoint.url) == ("subsystem_b", "http://localhost:8081")


def test_the_tutorial_s_mdns_file_loads_and_nothing_is_said_about_it(tmp_path: Path) -> None:
    outcome = loaded(tutorial(tmp_path, "gateway_a_mdns"))
    aggregation = outcome.settings.aggregation
    assert (aggregation.announce, aggregation.discover, aggregation.mdns_name) == (True, True, "gateway_a")
    assert (outcome.not_built, outcome.warnings) == ((), ())


def test_the_tutorial_s_leaf_has_no_peers(tmp_path: Path) -> None:
    outcome = loaded(tutorial(tmp_path, "gateway_c_chain"))
    assert (outcome.settings.server.port, outcome.settings.aggregation.enabled) == (8082, False)
    assert outcome.warnings == ()


@pytest.mark.parametrize("key", ["use_sim_time", "qos_overrides./fault.reliability", "plugins.x.path"])
def test_parameters_that_every_ros_node_has_are_ignored_on_the_command_line_too(key: str) -> None:
    assert loaded(flags=[f"{key}:=true"]).inside_ros == (key.partition(".")[0],)


def test_a_dotted_key_at_the_top_of_a_plain_file_is_the_same_as_a_nested_one(tmp_path: Path) -> None:
    plain = tmp_path / "plain.yaml"
    plain.write_text("entity_cache.max_apps: 4\nlocking.enabled: true\nserver.tls.enabled: false\n")
    outcome = loaded(plain)
    assert (outcome.inside_ros, outcome.not_built) == (("entity_cache",), ("locking",))
