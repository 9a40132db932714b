"""Shapes of files, the order of sources, the environment, the command line."""

from pathlib import Path

import pytest

from gateway.config.sources import MAX_FILE_BYTES
from gateway.settings import AggregationSettings, ServerSettings, Settings
from peers.settings import TransportSettings
from tests.unit.gateway.reading import loaded, mistakes, settings

PLAIN = """
server: {port: 8081, tls: {min_version: "1.3"}}
aggregation: {enabled: true, peer_urls: ["http://localhost:8082"], peer_names: [b]}
"""
DOTTED = """
server.port: 8081
server.tls.min_version: "1.3"
aggregation.enabled: true
aggregation.peer_urls: ["http://localhost:8082"]
aggregation.peer_names: [b]
"""
WRAPPED = """
ros2_medkit_gateway:
  ros__parameters:
    server: {port: 8081}
    server.tls: {min_version: "1.3"}
    aggregation:
      enabled: true
      peer_urls: ["http://localhost:8082"]
    aggregation.peer_names: [b]
"""
ANY_NODE = WRAPPED.replace("ros2_medkit_gateway", "/**")
IN_A_NAMESPACE = WRAPPED.replace("ros2_medkit_gateway", "/cell_1/ros2_medkit_gateway")
PARTLY_WRAPPED = """
ros2_medkit_gateway:
  ros__parameters:
    server.port: 8081
server: {tls: {min_version: "1.3"}}
aggregation: {enabled: true, peer_urls: ["http://localhost:8082"], peer_names: [b]}
"""


def write(folder: Path, text: str, name: str = "gateway.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_without_any_source_everything_is_at_its_default() -> None:
    assert settings() == Settings()


def test_the_defaults_are_those_of_the_design() -> None:
    default = Settings()
    assert (default.namespace, default.server.host, default.server.port) == ("/", "127.0.0.1", 8080)
    assert (default.refresh_interval_ms, default.health_interval_ms) == (10_000, 1000)
    assert (default.aggregation.enabled, default.aggregation.timeout_ms) == (False, 2000)
    assert (default.aggregation.retain_offline, default.aggregation.max_peer_entities) == ("none", 100_000)
    assert default.sse.max_clients == 1000


def test_defaults_that_transport_has_too_are_the_same_there() -> None:
    ours, transport = AggregationSettings(), TransportSettings()
    assert ours.connect_timeout_ms == transport.connect_timeout_ms
    assert ours.stream_idle_ms == transport.stream_idle_ms
    assert ours.idle_keep_ms == transport.idle_keep_ms


@pytest.mark.parametrize("text", [PLAIN, DOTTED, WRAPPED, ANY_NODE, IN_A_NAMESPACE, PARTLY_WRAPPED])
def test_all_shapes_of_a_file_say_the_same(tmp_path: Path, text: str) -> None:
    assert settings(write(tmp_path, text)) == settings(write(tmp_path, PLAIN, "plain.yaml"))
    assert settings(tmp_path / "gateway.yaml").server.port == 8081


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "---\n",
        "server:\n",
        "server: {}\n",
        "aggregation:\n  peers:\n",
        "ros2_medkit_gateway:\n",
        "ros2_medkit_gateway:\n  ros__parameters:\n",
    ],
)
def test_a_file_that_sets_nothing_leaves_the_defaults(tmp_path: Path, text: str) -> None:
    assert settings(write(tmp_path, text)) == Settings()


def test_blocks_of_other_nodes_are_left_to_them(tmp_path: Path) -> None:
    path = write(tmp_path, WRAPPED + "camera_driver:\n  ros__parameters: {rate: 30}\n")
    outcome = loaded(path)
    assert outcome.settings.server.port == 8081
    assert outcome.inside_ros == ("camera_driver",)


def test_a_block_may_be_addressed_to_the_name_of_the_gateway(tmp_path: Path) -> None:
    path = write(tmp_path, "gateway_a:\n  ros__parameters: {server.port: 8081}\n")
    assert settings(path, name="gateway_a").server.port == 8081


def test_later_files_win_over_earlier_then_the_environment_then_flags(tmp_path: Path) -> None:
    first = write(tmp_path, "{server.port: 8081, server.host: 127.0.0.2, name: a, namespace: /a}", "first.yaml")
    second = write(tmp_path, "{server.port: 8082, server.host: 127.0.0.3, name: b}", "second.yaml")
    environ = {"GROVE_SERVER__PORT": "8083", "GROVE_SERVER__HOST": "127.0.0.4"}
    outcome = settings(first, second, environ=environ, flags=["server.port:=8084"])
    assert (outcome.server.port, outcome.server.host, outcome.name, outcome.namespace) == (8084, "127.0.0.4", "b", "/a")


def test_of_several_flags_for_one_setting_the_last_wins() -> None:
    assert settings(flags=["server.port:=8081", "server.port=8082"]).server.port == 8082


def test_the_name_flag_wins_over_an_assignment() -> None:
    assert settings(flags=["name:=a"], name="b").name == "b"


def test_a_list_is_replaced_as_a_whole(tmp_path: Path) -> None:
    first = write(tmp_path, PLAIN, "first.yaml")
    flags = ["aggregation.peer_urls:=[http://localhost:1, http://localhost:2]", "aggregation.peer_names:=[x, y]"]
    assert settings(first, flags=flags).aggregation.peer_names == ("x", "y")


@pytest.mark.parametrize("text", ['["http://a:1", "http://b:2"]', "http://a:1,http://b:2", "http://a:1, http://b:2"])
def test_lists_outside_files_are_json_or_separated_by_commas(text: str) -> None:
    names = {"GROVE_AGGREGATION__PEER_NAMES": "a,b", "GROVE_AGGREGATION__PEER_URLS": text}
    assert settings(environ=names).aggregation.peer_urls == ("http://a:1", "http://b:2")
    flags = [f"aggregation.peer_urls:={text}", "aggregation.peer_names=a,b"]
    assert settings(flags=flags).aggregation.peer_urls == ("http://a:1", "http://b:2")


def test_peers_as_objects_may_come_from_the_environment() -> None:
    text = '[{"name": "b", "url": "http://localhost:8081", "timeout_ms": 500}]'
    (peer,) = settings(environ={"GROVE_AGGREGATION__PEERS": text}).aggregation.peers
    assert (peer.name, peer.url, peer.timeout_ms) == ("b", "http://localhost:8081", 500)


@pytest.mark.parametrize("text", ["no", "007", "1.5", "a-b"])
def test_text_is_taken_as_it_is_written_whatever_yaml_makes_of_it(tmp_path: Path, text: str) -> None:
    assert settings(write(tmp_path, f"name: {text}")).name == text
    assert settings(environ={"GROVE_NAME": text}).name == text
    assert settings(flags=[f"name:={text}"]).name == text
    assert settings(flags=[f"name:='{text}'"]).name == text


def test_a_word_that_yaml_reads_as_a_number_is_that_word(tmp_path: Path) -> None:
    assert settings(write(tmp_path, "server: {tls: {min_version: 1.3}}")).server.tls.min_version == "1.3"


def test_an_empty_path_is_none_and_a_home_is_found(tmp_path: Path) -> None:
    assert settings(write(tmp_path, 'server: {state_dir: ""}')).server.state_dir is None
    assert settings(flags=["server.state_dir:=~/grove"]).server.state_dir == Path.home() / "grove"


def test_a_list_of_nothing_but_empty_texts_is_empty(tmp_path: Path) -> None:
    path = write(tmp_path, 'aggregation: {peer_urls: [""], peer_names: ["", ""]}\ncors: {allowed_origins: [""]}')
    assert settings(path).aggregation.peer_urls == settings(path).aggregation.peer_names == ()
    assert settings(path).cors.allowed_origins == ()


def test_port_0_asks_for_any_free_port() -> None:
    assert settings(flags=["server.port:=0"]).server.port == 0


def test_intervals_may_go_down_to_100_ms_each() -> None:
    outcome = settings(flags=["refresh_interval_ms:=100", "health_interval_ms:=100"])
    assert (outcome.refresh_interval_ms, outcome.health_interval_ms) == (100, 100)


def test_a_mistake_in_the_environment_names_the_variable_and_suggests_one() -> None:
    (message,) = mistakes(environ={"GROVE_SERVR__PORT": "8081"})
    assert message.startswith("environment variable GROVE_SERVR__PORT: servr.port: found an unknown setting; ")
    assert message.endswith("; did you mean GROVE_SERVER__PORT?")


def test_other_variables_and_those_of_the_log_are_not_settings() -> None:
    assert settings(environ={"PATH": "/bin", "GROVE_LOG": "json", "GROVE_LOG_LEVEL": "debug"}) == Settings()


@pytest.mark.parametrize("text", ["server.port", "server.port:8081", ":=8081", "server port=1"])
def test_an_assignment_needs_a_key_and_a_value(text: str) -> None:
    (message,) = mistakes(flags=[text])
    assert message.endswith("; allowed: KEY:=VALUE or KEY=VALUE")


def test_mistakes_of_all_sources_are_told_together_files_first(tmp_path: Path) -> None:
    first, second = write(tmp_path, "\nserver.port: 1", "a.yaml"), write(tmp_path, "nme: x", "b.yaml")
    environ = {"GROVE_REFRESH_INTERVAL_MS": "soon"}
    messages = mistakes(first, second, environ=environ, flags=["sse.max_clients:=0"], namespace="a")
    places = [message.split(": ")[0] for message in messages]
    assert places[:2] == [f"{first}:2", f"{second}:1"]
    assert sorted(places[2:]) == [
        "command line --namespace",
        "command line -p",
        "environment variable GROVE_REFRESH_INTERVAL_MS",
    ]


def test_a_value_that_a_stronger_source_replaces_is_not_judged(tmp_path: Path) -> None:
    assert settings(write(tmp_path, "server.port: 1"), flags=["server.port:=8081"]).server.port == 8081


def test_a_file_that_is_not_there_is_a_mistake_beside_others(tmp_path: Path) -> None:
    messages = mistakes(tmp_path / "nowhere.yaml", flags=["server.port:=1"])
    assert messages[0] == (
        f"{tmp_path / 'nowhere.yaml'}: found no file that can be read (No such file or directory); allowed: a YAML file"
    )
    assert len(messages) == 2


def test_a_file_of_another_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "latin1.yaml"
    path.write_bytes("name: a\nnamespace: /ä\n".encode("latin-1"))
    assert mistakes(path) == [f"{path}:2: found bytes that are not UTF-8; allowed: UTF-8"]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes("name: a\n".encode("utf-8-sig"))
    assert settings(path).name == "a"


def test_a_manifest_in_the_place_of_settings_is_one_mistake_that_says_what_it_is_for(tmp_path: Path) -> None:
    path = write(tmp_path, 'manifest_version: "1.0"\nareas: []\napps: []\n')
    advice = "name the manifest in local.manifest; to check it: grove check -p local.manifest:=FILE"
    assert mistakes(path) == [f"{path}:1: found a manifest of entities; allowed: settings; {advice}"]


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path, "#" * (MAX_FILE_BYTES + 1))
    assert mistakes(path) == [f"{path}: found more than 1048576 bytes; allowed: at most 1048576 bytes"]


def test_the_place_of_each_setting_that_was_given_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nserver:\n  port: 8081\n")
    outcome = loaded(path, environ={"GROVE_SERVER__PORT": "8082"})
    assert {key: str(place) for key, place in outcome.places.items()} == {
        "name": f"{path}:1",
        "server.port": "environment variable GROVE_SERVER__PORT",
    }


def test_secrets_are_in_no_repr() -> None:
    flags = ["auth.jwt_secret:=opensesame", "auth.clients:=admin:opensesame:admin"]
    outcome = loaded(flags=flags)
    assert outcome.settings.auth.jwt_secret == "opensesame"
    assert "opensesame" not in repr(outcome)


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ServerSettings().port = 1  # type: ignore[misc]  # what the type checker refuses is refused at run time too
