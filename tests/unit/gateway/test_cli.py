"""`grove` as a process: help, version, check, refused starts, exit codes."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest
import structlog.testing

from gateway.commands.run import log_without_effect
from tests.unit.gateway.command import grove
from tests.unit.gateway.reading import loaded

PARAMS = Path(__file__).parents[2] / "data" / "params"
COMMANDS = ("run", "check", "demo", "peers", "tree", "health", "route", "version")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
async def test_bare_grove_prints_help_with_every_command(arguments: tuple[str, ...]) -> None:
    ended = await grove(*arguments, fresh=True)
    assert ended.code == 0
    assert all(f" {command} " in ended.out for command in COMMANDS)


@pytest.mark.parametrize("argument", ["version", "--version"])
async def test_the_version_is_that_of_the_distribution(argument: str) -> None:
    ended = await grove(argument, fresh=True)
    assert (ended.code, ended.out.split(" (")[0]) == (0, f"grove {version('grove-gateway')}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--nmae", "a"), "--name"),
        (("--nmae", "a"), "--name"),
        (("chek",), "check"),
        (("--ros-args", "--parms-file", "a.yaml"), "did you mean --params-file?"),
        (("route",), "ID"),
        (("peers", "-o", "xml"), "'table', 'json'"),
    ],
)
async def test_a_command_line_that_is_not_understood_ends_with_2_and_a_suggestion(
    arguments: tuple[str, ...], told: str
) -> None:
    ended = await grove(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert told in ended.err


async def test_check_of_a_good_file_says_ok_and_what_differs_from_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "server.port: 8081\n"
        "auth.jwt_secret: opensesame\n"
        "aggregation:\n  peers: [{name: b, url: 'http://localhost:8082'}]\n  discover: true\n"
        "use_sim_time: true\n"
    )
    ended = await grove("check", "-c", "a.yaml", folder=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "ok",
        "  server.port = 8081  (a.yaml:1)",
        "  aggregation.peers = [{name: b, url: http://localhost:8082}]  (a.yaml:4)",
        "  aggregation.discover = true  (a.yaml:5)",
        "  auth.jwt_secret = (set)  (a.yaml:2)",
        "without meaning outside ROS: use_sim_time",
        "warning peers_not_enabled: peers are configured (b) and not used: set aggregation.enabled to true",
    ]


async def test_check_names_keys_of_the_manifest_that_may_be_misspelt(tmp_path: Path) -> None:
    lines = ['manifest_version: "1.0"', "apps:", "  - id: arm", "    loctaed_on: robot", "    is_locatd_on: robot"]
    (tmp_path / "m.yaml").write_text("\n".join([*lines, "    zzz: 1", ""]))
    ended = await grove("check", "-p", "local.manifest:=m.yaml", folder=tmp_path)
    assert ended.code == 0
    assert ended.out.startswith("ok\n")
    told = [line for line in ended.out.splitlines() if "did you mean" in line]
    assert told[-1] == ("  manifest line 5, apps[0].is_locatd_on: nobody reads this key; did you mean 'is_located_on'?")
    assert "zzz" not in ended.out


async def test_check_names_misspelt_keys_of_a_manifest_with_other_mistakes_too(tmp_path: Path) -> None:
    lines = ['manifest_version: "1.0"', "apps:", "  - id: arm", "    nmae: Arm", "    is_located_on: nowhere"]
    (tmp_path / "m.yaml").write_text("\n".join(lines))
    ended = await grove("check", "-p", "local.manifest:=m.yaml", folder=tmp_path)
    assert ended.code == 2
    misspelt, mistake, count = ended.out.splitlines()
    assert misspelt == "m.yaml:4: apps[0].nmae: G007 warning: nobody reads this key; did you mean 'name'?"
    assert "R007 error" in mistake
    assert count == "2 problems in the manifest"


async def test_check_notes_a_file_of_peers_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "there.yaml").write_text("[]")
    (tmp_path / "a.yaml").write_text("aggregation: {enabled: true, peer_files: [there.yaml, gone.yaml]}")
    ended = await grove("check", "-c", "a.yaml", folder=tmp_path)
    assert ended.code == 0
    (note,) = [line for line in ended.out.splitlines() if line.startswith("note: ")]
    assert note.startswith("note: aggregation.peer_files: ")
    assert note.endswith("gone.yaml is not there; its peers come when it is")


async def test_check_of_defaults_says_ok_and_nothing_else() -> None:
    ended = await grove("check")
    assert (ended.code, ended.out) == (0, "ok\n")


async def test_check_tells_all_mistakes_of_all_files_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("server.port: 80\n")
    (tmp_path / "b.yaml").write_text("nme: x\nrefresh_interval_ms: 1\n")
    ended = await grove("check", "-c", "a.yaml", "b.yaml", "-c", "c.yaml", folder=tmp_path)
    assert ended.code == 2
    *mistakes, count = ended.out.splitlines()
    assert [mistake.split(": found")[0] for mistake in mistakes] == [
        "a.yaml:1: server.port",
        "c.yaml",
        "b.yaml:1: nme",
        "b.yaml:2: refresh_interval_ms",
    ]
    assert count == "4 mistakes in the configuration"


@pytest.mark.parametrize("command", ["check", "run"])
async def test_a_manifest_with_mistakes_is_refused_at_its_lines(command: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text('manifest_version: "1.0"\napps: [{id: a, is_located_on: nowhere}]\n')
    ended = await grove(command, "-p", "local.manifest=m.yaml", folder=tmp_path)
    assert ended.code == 2
    mistake, count = (ended.out + ended.err).splitlines()
    assert mistake.startswith("m.yaml:2: apps[0].is_located_on: R007 error: ")
    assert count == "1 problem in the manifest"


async def test_run_with_upstream_s_secure_file_is_refused_with_every_reason() -> None:
    ended = await grove("--ros-args", "--params-file", "gateway_params.secure.yaml", folder=PARAMS)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1] == "4 mistakes in the configuration"
    assert "Traceback" not in ended.err


async def test_run_names_mistakes_of_flags_variables_and_the_log_together() -> None:
    ended = await grove(
        "run", "--namespace", "a", "-p", "server.port:=1", environ={"GROVE_LOG": "xml", "GROVE_NME": "x"}
    )
    assert ended.code == 2
    assert [line.split(": ")[0] for line in ended.err.splitlines()] == [
        "environment variable GROVE_LOG",
        "environment variable GROVE_NME",
        "command line --namespace",
        "command line -p",
        "3 mistakes in the configuration",
    ]


async def test_a_bad_log_variable_alone_refuses_too() -> None:
    ended = await grove("run", environ={"GROVE_LOG_LEVEL": "loud"})
    assert ended.code == 2
    assert ended.err == (
        "environment variable GROVE_LOG_LEVEL: found 'loud'; allowed: one of debug, info, warning, error\n"
    )


def test_what_has_no_effect_is_logged_in_one_line_each() -> None:
    with structlog.testing.capture_logs() as events:
        log_without_effect(loaded(PARAMS / "gateway_params.yaml"))
    assert [event["event"] for event in events] == [
        "settings without meaning outside ros ignored",
        "settings of features not built yet ignored",
    ]
    assert json.dumps(events), "fields are plain values"


def test_settings_that_all_count_are_not_logged() -> None:
    with structlog.testing.capture_logs() as events:
        log_without_effect(loaded(flags=["server.port:=8081"]))
    assert events == []
