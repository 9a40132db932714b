"""The configuration page has every key with its default and range, and nothing that is not there."""

import dataclasses
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Ge, Le

from discovery.settings import PeerSetting
from gateway import lifecycle
from gateway.cli import command_line
from gateway.config.hints import bare
from gateway.config.keys import INSIDE_ROS, KEYS, UNBUILT_GROUPS, UNBUILT_OF_PEERS
from gateway.config.reader import LoadedSettings, read_settings
from gateway.local.settings import ProcessSetting
from gateway.log import FORMATS, LEVELS
from gateway.reloading import LIVE_GROUPS, LIVE_KEYS
from tests.docs.pages import CONFIGURATION, DOCS, Line, lines_of, rows, spans

GROUPS = (
    *("The gateway", "The server", "Peers", "What this gateway owns"),
    *("CORS", "Authentication, rate limits, streams"),
)


def documented(*under: str) -> Mapping[str, list[str]]:
    """The rows of the tables under these headings, by the key in their first cell."""
    return {spans(row[0])[0]: row for row in rows(CONFIGURATION, *under)}


def shown_default(value: Any) -> str:
    """A default as the page writes it."""
    match value:
        case None:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case "":
            return '`""`'
        case tuple():
            return f"`[{', '.join(value)}]`"
        case _:
            return f"`{value}`"


def limits(hint: Any) -> tuple[int | None, int | None]:
    """The least and the greatest number a hint allows."""
    parts = [*getattr(hint, "__metadata__", ())]
    parts += [part for one in typing.get_args(hint) for part in getattr(one, "__metadata__", ())]
    least = next((part.ge for part in parts if isinstance(part, Ge)), None)
    most = next((part.le for part in parts if isinstance(part, Le)), None)
    return typing.cast("int | None", least), typing.cast("int | None", most)


def test_every_key_is_documented_and_every_documented_key_exists() -> None:
    assert set(documented(*GROUPS)) == set(KEYS)


@pytest.mark.parametrize("path", sorted(set(KEYS) - {"name"}))
def test_a_key_has_the_default_and_the_range_the_page_says(path: str) -> None:
    key, (_, default, allowed, *_) = KEYS[path], documented(*GROUPS)[path]
    assert default == shown_default(key.default)
    least, most = limits(key.hint)
    if least is not None:
        assert f"{least} to {most}" in allowed
    if typing.get_origin(bare(key.hint)) is typing.Literal:
        assert [word.strip() for word in allowed.split(",")] == list(typing.get_args(bare(key.hint)))
    if bare(key.hint) is bool:
        assert allowed == "true, false"


def test_every_field_of_a_peer_is_documented() -> None:
    page = documented("One peer")
    hints = typing.get_type_hints(PeerSetting, include_extras=True)
    assert list(page) == [field.name for field in dataclasses.fields(PeerSetting)]
    assert "{} to {}".format(*limits(hints["timeout_ms"])) in page["timeout_ms"][2]


def test_every_field_of_a_process_is_documented() -> None:
    page = documented("One process")
    assert list(page) == [field.name for field in dataclasses.fields(ProcessSetting)]
    matches = typing.get_type_hints(ProcessSetting, include_extras=True)["match"]
    assert page["match"][2] == ", ".join(typing.get_args(matches))


def test_what_is_not_built_is_said_and_what_is_said_is_not_built() -> None:
    text = "\n".join(line.text for line in lines_of(CONFIGURATION) if line.heading == "What of it is not built yet")
    _, ignored, inside_ros = text.split("\nThese ")
    # The last of the words name the log line, not a key.
    assert set(spans(ignored)) == {
        *UNBUILT_GROUPS,
        *UNBUILT_OF_PEERS,
        "settings of features not built yet ignored",
    }
    assert set(spans(inside_ros)) == INSIDE_ROS | {"settings without meaning outside ros ignored"}


def test_keys_without_effect_say_so_where_they_are_described() -> None:
    assert [key for key in UNBUILT_OF_PEERS if "without effect yet" not in documented("One peer")[key][3]] == []


def test_what_counts_without_a_restart_is_listed_and_nothing_else() -> None:
    lines = [line.text for line in lines_of(CONFIGURATION) if line.heading == "Reading again"]
    listed = spans("\n".join(lines).split("at once, without a restart:")[1].split("Every other key")[0])
    assert {*listed} - {"local.manifest"} == LIVE_KEYS | {group.rstrip(".") for group in LIVE_GROUPS}
    assert {*KEYS} >= LIVE_KEYS


def test_both_shapes_of_a_file_say_the_same(tmp_path: Path) -> None:
    lines = [line for line in lines_of(CONFIGURATION) if line.heading == "Where settings come from" and line.in_code]
    plain, wrapped = "\n".join(line.text for line in lines).split("ros2_medkit_gateway:")
    read = []
    for name, text in (("plain", plain), ("wrapped", f"ros2_medkit_gateway:{wrapped}")):
        (tmp_path / name).write_text(text)
        read.append(read_settings([tmp_path / name]))
    one, other = read
    assert isinstance(one, LoadedSettings)
    assert isinstance(other, LoadedSettings)
    assert one.settings.server == other.settings.server
    assert one.settings.aggregation.enabled
    (peer,) = one.settings.aggregation.peers
    assert ((peer.url,), (peer.name,)) == (
        other.settings.aggregation.peer_urls,
        other.settings.aggregation.peer_names,
    )


def topologies(folder: Path) -> Mapping[str, LoadedSettings]:
    """Those of the page by the words in bold before them, read with the files they name."""
    found: dict[str, LoadedSettings] = {}
    name, block = "", ""
    for line in [*lines_of(CONFIGURATION), Line("", "", in_code=False)]:
        if line.in_code and line.heading == "Topologies":
            block += line.text.replace("/etc/grove", str(folder)) + "\n"
            continue
        if block:
            (folder / f"{len(found)}.yaml").write_text(block)
            outcome = read_settings([folder / f"{len(found)}.yaml"])
            assert isinstance(outcome, LoadedSettings), outcome
            found[name], block = outcome, ""
        if line.heading == "Topologies" and (bold := re.search(r"\*\*(.+?)\*\*", line.text)):
            name = bold[1]
    return found


def test_promise_57_every_topology_of_the_page_is_one_that_starts(tmp_path: Path) -> None:
    for file in ("cell.pem", "cell.key", "plant_ca.pem", "at_robot"):
        (tmp_path / file).touch()
    (tmp_path / "jwt_secret").write_text("s" * 64)
    (tmp_path / "clients").write_text("ci:secret:operator\n")
    found = topologies(tmp_path)
    assert [*found] == ["star", "chain", "Found by mDNS alone", "Mixed", "Secure", "Containers of one host"]
    open_to_all = {"open_to_network", "cleartext_peers"}
    for name, outcome in found.items():
        assert {warning.code for warning in outcome.warnings} <= (set() if name == "Secure" else open_to_all), name
        assert outcome.settings.aggregation.enabled


def test_every_command_is_documented() -> None:
    app = command_line()
    commands = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    commands |= {str(group.name) for group in app.registered_groups}
    assert {spans(row[0])[0].split()[1] for row in rows(CONFIGURATION, "Commands")} == commands


def test_every_exit_code_is_documented() -> None:
    codes = {lifecycle.OK, lifecycle.FAILED, lifecycle.BAD_CONFIGURATION}
    codes |= {lifecycle.ADDRESS_IN_USE, lifecycle.STATE_DIR_IN_USE}
    assert {int(row[0]) for row in rows(CONFIGURATION, "Exit codes")} == codes


def test_every_word_of_the_log_s_variables_is_documented() -> None:
    told = {spans(row[0])[0]: row[1] for row in rows(CONFIGURATION, "Environment")}
    assert all(f"`{word}`" in told["GROVE_LOG"] for word in FORMATS)
    assert all(f"`{word}`" in told["GROVE_LOG_LEVEL"] for word in LEVELS)


def test_every_missing_feature_named_in_the_settings_is_in_the_honest_table() -> None:
    table = " ".join(" ".join(row) for row in rows(DOCS / "README.md", "What is not built yet"))
    assert [word for word in UNBUILT_OF_PEERS if f"{word}`" not in table] == []
