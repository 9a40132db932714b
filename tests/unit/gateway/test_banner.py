"""The banner, word for word."""

from pathlib import Path

from discovery.settings import PeerSetting
from gateway.banner import api_url, banner
from gateway.settings import AggregationSettings, ServerSettings, Settings

INSTANCE = "wJ5ZqP0xQ2mF8hT1yUaB3g"

CONFIGURED = """\
grove 0.1.0
  name       gateway_a
  namespace  /subsystem_a
  config     a.yaml, b.yaml
  api        http://127.0.0.1:8081/api/v1
  state      /var/lib/grove
  instance   wJ5ZqP0xQ2mF8hT1yUaB3g
  peers      subsystem_b http://localhost:8082
             subsystem_c https://c:443
  stop       Ctrl-C, or SIGTERM"""

DEFAULTS = """\
grove 0.1.0
  name       robot
  namespace  /
  config     defaults
  api        http://127.0.0.1:8080/api/v1
  state      /tmp/grove-1 (temporary)
  instance   wJ5ZqP0xQ2mF8hT1yUaB3g
  peers      off (aggregation.enabled is false)
  stop       Ctrl-C, or SIGTERM"""


def test_a_configured_gateway_tells_its_files_and_its_peers() -> None:
    peers = (
        PeerSetting(name="subsystem_b", url="http://localhost:8082"),
        PeerSetting(name="subsystem_c", url="https://c"),
    )
    settings = Settings(
        name="gateway_a", namespace="/subsystem_a", aggregation=AggregationSettings(enabled=True, peers=peers)
    )
    text = banner(
        settings,
        port=8081,
        version="0.1.0",
        files=[Path("a.yaml"), Path("b.yaml")],
        state_dir=Path("/var/lib/grove"),
        instance_id=INSTANCE,
    )
    assert text == CONFIGURED


def test_defaults_and_an_identity_that_does_not_last_are_told() -> None:
    text = banner(
        Settings(name="robot"),
        port=8080,
        version="0.1.0",
        files=[],
        state_dir=Path("/tmp/grove-1"),
        instance_id=INSTANCE,
        ephemeral=True,
    )
    assert text == DEFAULTS


def test_aggregation_without_peers_says_none() -> None:
    settings = Settings(aggregation=AggregationSettings(enabled=True))
    text = banner(settings, port=1, version="1", files=[], state_dir=Path("/s"), instance_id=INSTANCE)
    assert "  peers      none\n" in text


def test_peers_that_are_to_be_found_are_announced_as_such() -> None:
    settings = Settings(aggregation=AggregationSettings(enabled=True, peer_dns=("dns+leaf:8080",)))
    text = banner(settings, port=1, version="1", files=[], state_dir=Path("/s"), instance_id=INSTANCE)
    assert "  peers      those that are found\n" in text


def test_the_url_is_one_that_can_be_typed() -> None:
    def url(host: str) -> str:
        return api_url(Settings(server=ServerSettings(host=host)), 8080)

    assert url("::1") == "http://[::1]:8080/api/v1"
    assert url("0.0.0.0") == "http://localhost:8080/api/v1 (and every other address of this machine)"
