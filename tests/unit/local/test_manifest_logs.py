"""Logs as the manifest declares them."""

from pathlib import Path

import pytest

from gateway.local.logs.bindings import (
    FileLogBinding,
    IdentifierJournal,
    JournalLogBinding,
    LogBinding,
    UnitJournal,
)
from gateway.local.logs.entry import LogSeverity
from gateway.local.logs.line_format import JsonLines, LineRules, PatternLines, PlainLines
from tests.unit.local.conftest import Load, accepted, app, component, refused


def log(load: Load, item: str) -> LogBinding:
    return accepted(load(f"apps: [{{id: a, logs: [{item}]}}]")).resources[app("a")].logs[0]


def test_a_file_is_plain_and_relative_to_the_manifest(load: Load, tmp_path: Path) -> None:
    assert log(load, "{file: log/pump.log}") == FileLogBinding(tmp_path / "log/pump.log", LineRules("pump.log"))
    assert log(load, "{file: /x.log, format: plain, severity: error, name: x}") == FileLogBinding(
        Path("/x.log"), LineRules("x", PlainLines(), LogSeverity.ERROR)
    )


def test_a_pattern_names_what_it_finds(load: Load) -> None:
    bound = log(
        load,
        r"{file: x, pattern: '(?P<time>\S+) (?P<message>.*)', time_format: '%d.%m.%Y',"
        " severities: {wrn: warning, 7: debug}}",
    )
    assert isinstance(bound, FileLogBinding)
    form = bound.rules.format
    assert isinstance(form, PatternLines)
    assert form.pattern.groupindex == {"time": 1, "message": 2}
    assert bound.rules.time_format == "%d.%m.%Y"
    assert bound.rules.severities == {"wrn": LogSeverity.WARNING, "7": LogSeverity.DEBUG}


def test_lines_of_json_may_have_keys_of_their_own(load: Load) -> None:
    bound = log(load, "{file: x, format: json, fields: {time: when, severity: prio}}")
    assert isinstance(bound, FileLogBinding)
    assert bound.rules.format == JsonLines({"time": "when", "severity": "prio"})


def test_the_journal_is_of_a_unit_or_an_identifier(load: Load) -> None:
    assert log(load, "{journal: {unit: nginx.service}}") == JournalLogBinding(
        "nginx.service", UnitJournal("nginx.service")
    )
    assert log(load, "{journal: {identifier: sshd}, name: ssh}") == JournalLogBinding("ssh", IdentifierJournal("sshd"))


def test_components_have_logs_too(load: Load) -> None:
    assert (
        len(accepted(load("components: [{id: c, logs: [{file: x}, {file: y}]}]")).resources[component("c")].logs) == 2
    )


@pytest.mark.parametrize(
    ("item", "code", "said"),
    [
        ("{}", "G009", "neither 'file' nor 'journal'"),
        ("{file: x, journal: {unit: y}}", "G009", "both 'file' and 'journal'"),
        ("{file: ''}", "G009", "empty file name"),
        ("{file: x, format: xml}", "G003", "allowed are plain, pattern, json"),
        ("{file: x, format: pattern}", "G006", "'pattern' is missing"),
        ("{file: x, pattern: '('}", "G003", "no regular expression"),
        ("{file: x, pattern: 'x'}", "G003", "no named group"),
        ("{file: x, pattern: '(?P<level>x)'}", "G003", "the group 'level', allowed are time, severity"),
        ("{file: x, format: json, pattern: '(?P<time>x)'}", "G009", "'pattern' with format 'json'"),
        ("{file: x, fields: {time: t}}", "G009", "'fields' with format 'plain'"),
        ("{file: x, format: json, fields: {tiem: t}}", "G007", "'tiem'"),
        ("{file: x, severity: loud}", "G003", "allowed are debug, info"),
        ("{file: x, severities: {W: loud}}", "G003", "'loud'"),
        ("{file: x, severities: {W: [1]}}", "G003", "a list"),
        ("{file: x, time_format: '%Q'}", "G003", "reads no time"),
        ("{journal: {}}", "G009", "both or none"),
        ("{journal: {unit: x, identifier: y}}", "G009", "both or none"),
        ("{journal: {unit: x, sort: y}}", "G007", "'sort'"),
        ("{journal: {unit: x}, format: json}", "G009", "beside 'journal'"),
        ("{file: x, colour: red}", "G007", "'colour'"),
        ("{file: x}, {file: b/x}", "G008", "'x' twice"),
        (f"{{file: x, name: {'n' * 257}}}", "G004", "257 characters"),
    ],
)
def test_what_is_wrong_with_a_log_is_said(load: Load, item: str, code: str, said: str) -> None:
    (problem,) = refused(load(f"apps: [{{id: a, logs: [{item}]}}]"))
    assert problem.code == code
    assert said in str(problem)


def test_an_area_has_no_logs(load: Load) -> None:
    (problem,) = refused(load("areas: [{id: a, logs: [{file: x}]}]"))
    assert problem.code == "G009"
