"""What a data item is bound to, as the manifest declares it, and every mistake in it with its place."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.local.bindings import BoundData, DataBinding, DataSpec, HeldData
from gateway.local.calls import CommandCall, SecretFile, SecretVariable, WebCall
from gateway.local.decoding import Decoding
from gateway.local.origins import (
    CommandOrigin,
    CommandTarget,
    FileOrigin,
    FileTarget,
    SensorOrigin,
    WebOrigin,
    WebTarget,
)
from gateway.local.psutil_readings import READINGS
from gateway.local.value_range import ValueRange
from gateway.local.values import DataType
from tests.unit.local.conftest import Load, accepted, app, refused

URL = "http://device/x"
DOUBLE, INT, STRING = DataType.DOUBLE, DataType.INT, DataType.STRING


def data(load: Load, item: str) -> DataBinding:
    return accepted(load(f"apps: [{{id: a, data: [{{id: x, {item}}}]}}]")).resources[app("a")].data[0]


def bound(load: Load, item: str) -> BoundData:
    binding = data(load, item)
    assert isinstance(binding, BoundData)
    return binding


def spec(data_type: DataType, **more: Any) -> DataSpec:
    return DataSpec("x", "x", data_type, **more)


def test_a_command_is_a_list_and_runs_in_the_folder_of_the_manifest(load: Load, tmp_path: Path) -> None:
    assert bound(load, "command: [vcgencmd, measure_temp, 3]") == BoundData(
        spec(STRING),
        CommandOrigin(CommandCall(("vcgencmd", "measure_temp", "3"), directory=tmp_path)),
        Decoding(STRING),
        refresh_s=1.0,
    )


def test_a_shell_is_used_when_it_is_asked_for(load: Load, tmp_path: Path) -> None:
    item = (
        'command: "uptime | wc -c", shell: true, directory: bin, environment: {LANG: C, N: 1}, refresh: 5, timeout: 9'
    )
    assert bound(load, item) == BoundData(
        spec(STRING),
        CommandOrigin(CommandCall((), "uptime | wc -c", tmp_path / "bin", (("LANG", "C"), ("N", "1")))),
        Decoding(STRING),
        refresh_s=5,
        read_timeout_s=9,
    )


def test_a_request_is_a_url_or_says_more(load: Load, tmp_path: Path) -> None:
    assert bound(load, f'http: "{URL}"').origin == WebOrigin(WebCall("GET", URL))
    item = f"""http: {{url: "{URL}", method: POST, body: {{cmd: get}}, headers: {{Accept: a/b,
               Authorization: {{file: token, prefix: "Bearer "}}, X-Api-Key: {{env: DEVICE_KEY}}}}}}"""
    headers = (
        ("Accept", "a/b"),
        ("Authorization", SecretFile(tmp_path / "token", "Bearer ")),
        ("X-Api-Key", SecretVariable("DEVICE_KEY")),
    )
    assert bound(load, item).origin == WebOrigin(WebCall("POST", URL, headers, {"cmd": "get"}))


def test_a_reading_of_this_machine_has_its_type_and_unit(load: Load) -> None:
    assert bound(load, "psutil: cpu_percent") == BoundData(
        spec(DOUBLE, unit="%"), SensorOrigin("cpu_percent"), Decoding(DOUBLE), refresh_s=1.0
    )
    chip = bound(load, "psutil: {reading: sensors_temperatures, chip: k10temp, label: Tctl}, unit: C")
    assert chip.origin == SensorOrigin("sensors_temperatures", (("chip", "k10temp"), ("label", "Tctl")))
    assert chip.spec.unit == "C"
    scaled = bound(load, "psutil: virtual_memory.used, scale: 0.000001, unit: MB")
    assert (scaled.spec.type, scaled.spec.unit, scaled.decoding.scale) == (DOUBLE, "MB", 0.000001)


@pytest.mark.parametrize("reading", [name for name, known in READINGS.items() if not known.required])
def test_every_reading_can_be_bound(load: Load, reading: str) -> None:
    assert bound(load, f"psutil: {reading}").origin == SensorOrigin(reading)


@pytest.mark.parametrize(("word", "meant"), [("float", "double"), ("integer", "int"), ("text", "string")])
def test_the_word_of_another_language_for_a_type_is_answered_with_ours(load: Load, word: str, meant: str) -> None:
    (problem,) = refused(load(f"apps: [{{id: a, data: [{{id: x, file: f, type: {word}}}]}}]"))
    assert problem.message.endswith(f"; did you mean {meant!r}?")


def test_a_part_of_what_is_said_may_be_the_value(load: Load) -> None:
    decoding = bound(load, "file: f, pointer: /a/0, match: 't=(.*)', type: int, scale: 2, offset: -1").decoding
    assert decoding == Decoding(INT, "/a/0", re.compile("t=(.*)"), 2, -1)


@pytest.mark.parametrize(
    ("item", "data_type"),
    [("file: f", STRING), ("file: f, min: 0", DOUBLE), ("file: f, scale: 2", DOUBLE), ("file: f, type: bool", None)],
)
def test_a_type_that_is_not_said_is_guessed(load: Load, item: str, data_type: DataType | None) -> None:
    assert bound(load, item).spec.type is (data_type or DataType.BOOL)


def test_a_range_is_of_numbers(load: Load) -> None:
    assert data(load, "value: 3, min: 0, max: 5.5") == HeldData(spec(INT, range=ValueRange(0, 5.5)), 3)
    assert bound(load, "file: f, type: int, max: 5").spec == spec(INT, range=ValueRange(maximum=5))


def test_a_choice_is_of_texts_too(load: Load) -> None:
    assert data(load, "value: a, enum: [a, b]") == HeldData(spec(STRING, range=ValueRange(choices=("a", "b"))), "a")


def test_a_whole_file_may_be_written(load: Load, tmp_path: Path) -> None:
    item = bound(load, "file: f, writable: true")
    assert (item.target, item.spec.writable) == (FileTarget(tmp_path / "f"), True)
    assert bound(load, "file: f").target is None


def test_a_write_is_a_list_of_arguments_or_says_more(load: Load, tmp_path: Path) -> None:
    item = bound(load, 'command: [get], write: [set, "{value}"]')
    assert (item.target, item.spec.writable, item.write_timeout_s) == (
        CommandTarget(CommandCall(("set", "{value}"), directory=tmp_path)),
        True,
        5.0,
    )
    item = bound(load, 'file: f, write: {command: "set {value}", shell: true, directory: /opt, timeout: 7}')
    assert item.origin == FileOrigin(tmp_path / "f")
    assert (item.target, item.write_timeout_s) == (CommandTarget(CommandCall((), "set {value}", Path("/opt"))), 7)


def test_a_written_request_has_what_it_does_not_say_from_the_reading(load: Load) -> None:
    reading = f'http: {{url: "{URL}", headers: {{X-A: b}}}}'
    headers = (("X-A", "b"),)
    assert bound(load, f"{reading}, write: {{}}").target == WebTarget(WebCall("PUT", URL, headers))
    assert bound(load, f'{reading}, write: {{method: POST, body: {{on: "{{value}}"}}}}').target == WebTarget(
        WebCall("POST", URL, headers, {"on": "{value}"})
    )
    other = f'{reading}, write: {{url: "http://other/{{value}}", headers: {{}}}}'
    assert bound(load, other).target == WebTarget(WebCall("PUT", "http://other/{value}"))
    assert bound(load, f'psutil: cpu_count, write: {{url: "{URL}"}}').target == WebTarget(WebCall("PUT", URL))


MISTAKES = [
    ("value: 1, file: f", "G009", "file", "found 'value' and 'file', allowed is one of them"),
    ("file: f, psutil: cpu_count", "G009", "psutil", "found 'file' and 'psutil'"),
    ("name: y", "G006", "value", "found no 'value', no 'file', no 'command', no 'http', no 'psutil' and no 'type'"),
    ('command: "uptime"', "G009", "command", "allowed is a list: the program and its arguments"),
    ("command: []", "G009", "command", "found no program"),
    ('command: [""]', "G009", "command", "found no program"),
    ("command: [a], shell: true", "G009", "shell", "a shell gets one text"),
    ("command: [a, [b]]", "G003", "command[1]", "found a list, allowed is text"),
    ("command: [a], environment: {'A-B': c}", "G003", "environment.A-B", "found 'A-B', allowed are letters"),
    ("file: f, shell: false", "G007", "shell", "found the key 'shell'"),
    ('http: ""', "G003", "http.url", "allowed are http and https URLs"),
    ("http: ftp://x/y", "G003", "http.url", "allowed are http and https URLs"),
    ('http: "http://[::1/"', "G003", "http.url", "which is no URL"),
    ("http: http://x:99999/", "G003", "http.url", "which is no URL"),
    ("http: http://me:secret@x/", "G003", "http.url", "found a password in the URL"),
    ("http: {method: GET}", "G006", "http.url", "'url' is missing"),
    (f"http: {{url: '{URL}', method: get}}", "G003", "http.method", "did you mean 'GET'?"),
    (f"http: {{url: '{URL}', headers: {{Authorization: x}}}}", "G009", "http.headers.Authorization", "found a secret"),
    (f"http: {{url: '{URL}', headers: {{Host: x}}}}", "G003", "http.headers.Host", "cannot be set"),
    (f"http: {{url: '{URL}', headers: {{'A B': x}}}}", "G003", "http.headers.A B", "cannot be set"),
    (f"http: {{url: '{URL}', headers: {{A: {{}}}}}}", "G009", "http.headers.A", "one of 'file' and 'env'"),
    (f"http: {{url: '{URL}', headers: {{A: {{file: f, env: E}}}}}}", "G009", "http.headers.A", "one of 'file' and"),
    (f"http: {{url: '{URL}', headers: {{A: {{file: f, x: 1}}}}}}", "G007", "http.headers.A.x", "found the key 'x'"),
    (f"http: {{url: '{URL}', verb: GET}}", "G007", "http.verb", "found the key 'verb'"),
    ("psutil: cpu_percnt", "G003", "psutil.reading", "did you mean 'cpu_percent'?"),
    ("psutil: {path: /}", "G006", "psutil.reading", "'reading' is missing"),
    ("psutil: sensors_fans", "G006", "psutil.chip", "'chip' is missing, which sensors_fans needs"),
    ("psutil: {reading: cpu_count, path: /}", "G007", "psutil.path", "found the key 'path'"),
    ("psutil: cpu_percent, type: int", "G009", "type", "the reading is of type double"),
    ("psutil: cpu_count, type: string", "G009", "type", "the reading is of type int"),
    ("psutil: cpu_count, match: x", "G007", "match", "found the key 'match'"),
    ("psutil: cpu_count, writable: true", "G009", "writable", "which is only read; add 'write'"),
    ("file: f, pointer: a/b", "G003", "pointer", "is empty or begins with '/'"),
    ("file: f, match: '('", "G003", "match", "which is no regular expression"),
    (f"file: f, match: '{'x' * 501}'", "G003", "match", "found 501 characters, allowed are 500"),
    ("file: f, match: x, writable: true", "G009", "writable", "a write replaces the whole"),
    ("file: f, scale: 0", "G003", "scale", "found 0, allowed is any other number"),
    ("file: f, scale: big", "G003", "scale", "allowed are numbers"),
    ("file: f, type: string, scale: 2", "G009", "scale", "found 'scale' on a string"),
    ("file: f, type: bool, offset: 2", "G009", "offset", "found 'offset' on a bool"),
    ("file: f, type: string, min: 2", "G009", "min", "found 'min' on a value of type string"),
    ("file: f, min: 3, max: 2", "G009", "max", "found 2, allowed are numbers from min, 3"),
    ("value: 1, min: 3", "G009", "value", "found 1, allowed are values from 3"),
    ("value: 1, refresh: 3", "G007", "refresh", "found the key 'refresh'"),
    ("file: f, refresh: -1", "G003", "refresh", "found -1, allowed are numbers from 0 to 86400"),
    ("file: f, timeout: 61", "G003", "timeout", "allowed are numbers from 0.01 to 60"),
    ("file: f, timeout: 0", "G003", "timeout", "allowed are numbers from 0.01 to 60"),
    ("command: [a], write: [b], writable: false", "G009", "writable", "beside 'write'; remove one"),
    ('command: [a], write: "b {value}"', "G009", "write.command", "allowed is a list"),
    ("command: [a], write: {comand: [b], url: 'http://x/'}", "G007", "write.comand", "did you mean 'command'?"),
    ("command: [a], write: {}", "G006", "write.url", "'url' is missing"),
    (f"http: '{URL}', write: {{method: GET}}", "G003", "write.method", "found GET, which changes nothing"),
    (f"http: '{URL}', write: {{body: on}}", "G009", "write.body", "found no '{value}'"),
    ("file: f, write: [a], timeout: 1, write_timeout: 3", "G007", "write_timeout", "found the key 'write_timeout'"),
]


@pytest.mark.parametrize(("item", "code", "key", "words"), MISTAKES)
def test_a_mistake_is_the_only_problem_and_has_its_place(
    load: Load, item: str, code: str, key: str, words: str
) -> None:
    (problem,) = refused(load(f"apps: [{{id: a, data: [{{id: x, {item}}}]}}]"))
    assert (problem.code, problem.path) == (code, f"apps[0].data[0].{key}")
    assert words in problem.message


def test_a_secret_is_in_no_message(load: Load) -> None:
    problems = refused(
        load(f"""apps: [{{id: a, data: [
            {{id: x, http: 'http://me:hunter2@x/'}},
            {{id: y, http: {{url: '{URL}', headers: {{Cookie: hunter2}}}}}}]}}]""")
    )
    assert len(problems) == 2
    assert "hunter2" not in str(problems)
