"""The compose files whose gateways find each other: by DNS on a bridge network, by mDNS on the host's."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config.reader import LoadedSettings, read_settings
from gateway.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"


def compose(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / f"compose-{name}.yaml").read_text())
    return document


def settings_of(service: dict[str, Any]) -> Settings:
    """What the image's settings and the service's flags amount to."""
    flags = [part for part in service.get("command", []) if part != "-p"]
    read = read_settings([DEPLOY / "image.yaml"], assignments=flags)
    assert isinstance(read, LoadedSettings), read
    assert read.not_built == ()
    return read.settings


def test_by_dns_the_front_finds_every_replica_of_the_leaf_on_a_bridge() -> None:
    document = compose("dns")
    front, leaf = document["services"]["front"], document["services"]["leaf"]
    aggregation = settings_of(front).aggregation
    assert aggregation.enabled
    assert aggregation.peer_dns == (f"dns+leaf:{settings_of(leaf).server.port}",)
    assert not (aggregation.announce or aggregation.discover)
    assert document["networks"] == {"grove": {"driver": "bridge"}}
    assert front["networks"] == leaf["networks"] == ["grove"]
    assert leaf["deploy"]["replicas"] > 1
    assert "volumes" not in leaf, "replicas on one volume would be one gateway twice"


def test_by_dns_only_the_front_is_published_and_only_to_this_machine() -> None:
    services = compose("dns")["services"]
    assert {name: one["ports"] for name, one in services.items() if "ports" in one} == {
        "front": ["127.0.0.1:8080:8080"]
    }


def test_by_mdns_the_gateway_is_on_the_host_s_network_and_bound_where_others_reach_it() -> None:
    (service,) = compose("mdns")["services"].values()
    settings = settings_of(service)
    assert service["network_mode"] == "host"
    assert "ports" not in service
    assert settings.server.host == "0.0.0.0"
    aggregation = settings.aggregation
    assert (aggregation.enabled, aggregation.announce, aggregation.discover) == (True, True, True)


@pytest.mark.parametrize("name", ["dns", "mdns"])
def test_none_can_do_more_than_a_gateway_needs(name: str) -> None:
    for service in compose(name)["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["build"] == ".."


@pytest.mark.parametrize("name", ["dns", "mdns"])
def test_what_keeps_its_identity_keeps_it_in_a_volume_of_its_own(name: str) -> None:
    document = compose(name)
    mounts = [mount for service in document["services"].values() for mount in service.get("volumes", [])]
    assert sorted(mount.split(":")[0] for mount in mounts) == sorted(document["volumes"])
    assert all(mount.endswith(":/var/lib/grove") for mount in mounts)


@pytest.mark.parametrize("name", ["dns", "mdns"])
def test_the_page_says_when_to_choose_it(name: str) -> None:
    page = (DEPLOY.parent / "docs" / "docker.md").read_text()
    assert f"docker compose -f deploy/compose-{name}.yaml up" in page


def test_promise_33_the_pages_say_what_multicast_needs() -> None:
    pages = {name: (DEPLOY.parent / "docs" / f"{name}.md").read_text() for name in ("docker", "discovery")}
    assert "mDNS does not cross a bridge network" in pages["docker"]
    assert "docker run --net=host" in pages["discovery"]


@pytest.mark.parametrize(
    "told",
    [
        "mDNS: Failed to open mDNS announce socket on port 5353.",
        "needs no privilege, so `setcap cap_net_bind_service` changes nothing",
        "running as root",
        "docker run --net=host",
        "`aggregation.announce` and `aggregation.discover` false, and list the peers",
        "disallow-other-stacks=no",
        "MulticastDNS=no",
    ],
)
def test_promise_54_and_55_every_remedy_of_the_tutorial_is_on_the_page_and_true(told: str) -> None:
    assert told in " ".join((DEPLOY.parent / "docs" / "discovery.md").read_text().split())
