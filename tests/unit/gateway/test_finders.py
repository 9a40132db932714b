"""Who is looked for and who is configured, in one gateway."""

from collections.abc import Iterator

import pytest

from entities.identity import GatewayIdentity
from gateway.composition import Gateway, compose
from gateway.current import CurrentSettings
from gateway.settings import Settings
from gateway.state_dir import StateDir, take_identity
from tests.unit.gateway.reading import settings


@pytest.fixture
def state() -> Iterator[StateDir]:
    state = StateDir.temporary("a test")
    yield state
    state.close()


def composed(settings: Settings, state: StateDir) -> Gateway:
    identity: GatewayIdentity = take_identity(state, settings.name)
    return compose(CurrentSettings(settings, ()), identity, state, manifest=None, standing=(), files=1024)


def settings_of(*flags: str) -> Settings:
    return settings(flags=["aggregation.enabled:=true", "aggregation.discover:=true", *flags])


def test_a_gateway_may_have_configured_peers_and_look_for_others(state: StateDir) -> None:
    one, other = (f"aggregation.peers:=[{{name: p{n}, url: 'http://10.0.0.{n}:8080'}}]" for n in (1, 2))
    gateway = composed(settings_of(one), state)
    assert gateway.mdns.source is not None
    assert [peer.name for peer in gateway.federation.registry] == ["p1"]
    gateway.finders.configured(settings_of(other))
    assert gateway.finders.discovered().sources[0].name == "mdns"
