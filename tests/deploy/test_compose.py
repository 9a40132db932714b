"""docker-compose.yml is three chained gateways of which only the top one can be reached from outside."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MOUNTED = "/etc/grove"
"""Where the folder examples/containers is in each container."""


@pytest.fixture
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def settings_of(service: dict[str, Any]) -> dict[str, Any]:
    """The settings file that a service's command names, as it is in examples/containers."""
    flag, path = service["command"]
    assert flag == "-c"
    settings: dict[str, Any] = yaml.safe_load(here(path).read_text())
    return settings


def here(path: str) -> Path:
    """A path in a container, in the repository."""
    return ROOT / "examples/containers" / Path(path).relative_to(MOUNTED)


def test_only_the_top_gateway_is_published_and_only_to_this_machine(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"top": ["127.0.0.1:8080:8080"]}


def test_top_asks_middle_and_middle_asks_leaf(compose: dict[str, Any]) -> None:
    asked = {}
    for name, service in compose["services"].items():
        peers = settings_of(service).get("aggregation", {}).get("peers", [])
        asked[name] = [urlsplit(peer["url"]).netloc for peer in peers]
    assert asked == {"top": ["middle:8080"], "middle": ["leaf:8080"], "leaf": []}


def test_all_are_on_one_bridge_network(compose: dict[str, Any]) -> None:
    assert compose["networks"] == {"grove": {"driver": "bridge"}}
    assert [service["networks"] for service in compose["services"].values()] == [["grove"]] * 3


def test_each_keeps_its_state_in_a_volume_of_its_own(compose: dict[str, Any]) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service["volumes"]]
    state = [mount.split(":")[0] for mount in mounts if mount.endswith(":/var/lib/grove")]
    assert sorted(state) == sorted(set(state)) == sorted(compose["volumes"]) == ["leaf", "middle", "top"]


def test_each_sees_its_settings_and_manifest_read_only(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert f"./examples/containers:{MOUNTED}:ro" in service["volumes"]
        assert here(settings_of(service)["local"]["manifest"]).is_file()


def test_none_can_do_more_than_a_gateway_needs(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
