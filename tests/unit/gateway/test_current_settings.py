"""What is said of settings that were read again, and which of them count at once."""

from discovery.settings import PeerSetting
from gateway.config.keys import KEYS, value_at
from gateway.config.problems import SettingsWarning
from gateway.current import CurrentSettings
from gateway.reloading import _with, is_live, mistakes_of
from gateway.settings import AggregationSettings, Settings


def test_cautions_mistakes_and_what_needs_a_restart_are_warnings() -> None:
    current = CurrentSettings(Settings(), (SettingsWarning("no_peers", "nobody"),))
    assert [warned.code for warned in current.warnings()] == ["no_peers"]
    current.cautions = ()
    current.refused["configuration"] = [f"a.yaml:{line}: found nonsense" for line in range(1, 6)]
    current.waiting = ("server.port", "name")
    refused, waiting = current.warnings()
    assert (refused.code, waiting.code) == ("reload_refused", "restart_needed")
    assert "a.yaml:1: found nonsense; a.yaml:2: found nonsense; a.yaml:3" in refused.message
    assert "and 2 more" in refused.message
    assert "a.yaml:4" not in refused.message
    assert waiting.message.endswith(": server.port, name")


def test_what_decides_where_a_gateway_is_and_who_it_is_never_changes_while_it_runs() -> None:
    assert not any(map(is_live, ("name", "server.port", "server.host", "server.state_dir", "auth.enabled")))
    assert is_live("cors.allowed_origins")
    assert is_live("aggregation.peers")


def test_a_setting_is_replaced_at_its_path_and_nothing_else() -> None:
    before = Settings()
    after = _with(before, "server.tls.min_version", "1.3")
    changed = [path for path in KEYS if value_at(before, path) != value_at(after, path)]
    assert changed == ["server.tls.min_version"]


def test_what_counts_at_once_is_judged_beside_what_still_counts_from_before() -> None:
    peer = PeerSetting(name="b", url="http://127.0.0.1:8081")
    aggregation = AggregationSettings(enabled=True, require_tls=True, peers=(peer,))
    (mistake,) = mistakes_of(Settings(name="a", aggregation=aggregation))
    assert mistake.startswith("aggregation.peers[0].url: found 'http://127.0.0.1:8081' while aggregation.require_tls")
