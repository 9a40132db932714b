"""Operations as the manifest declares them, and every mistake in them with what to do."""

import re
from pathlib import Path

import pytest

from gateway.local.calls import CommandCall, WebCall
from gateway.local.operation_arguments import Argument
from gateway.local.operation_bindings import CommandBinding, OperationBinding, WebBinding
from gateway.local.operations import OperationSpec
from gateway.local.values import DataType
from tests.unit.local.conftest import Load, accepted, app, component, refused


def operation(load: Load, item: str) -> OperationBinding:
    (found,) = accepted(load(f"apps: [{{id: a, operations: [{item}]}}]")).resources[app("a")].operations
    return found


def test_the_shortest_operation(load: Load, tmp_path: Path) -> None:
    expected = OperationSpec("go", "go", arguments=(), timeout_s=25)
    assert operation(load, "{id: go, command: [./go.sh]}") == CommandBinding(
        expected, CommandCall(("./go.sh",), directory=tmp_path)
    )


def test_everything_that_a_command_can_say(load: Load, tmp_path: Path) -> None:
    found = operation(
        load,
        """
        {id: prime, name: Prime the pump, description: fills, confirm: "Sure?", timeout: 90, asynchronous: true,
         at_once: 1, command: [./prime.sh, --speed, "{speed}", "--{mode}"], directory: bin, stdin: json,
         environment: {TZ: UTC},
         arguments: [
           {name: speed, type: double, required: true, min: 0.5, max: 9, unit: mm/s, description: how fast},
           {name: mode, default: slow, enum: [slow, fast]},
           {name: times, type: int, default: 2, step: 2},
           {name: note, max_length: 20, pattern: "[a-z]+"}]}
        """,
    )
    assert found == CommandBinding(
        OperationSpec(
            "prime",
            "Prime the pump",
            asynchronous=True,
            arguments=(
                Argument(
                    "speed",
                    DataType.DOUBLE,
                    required=True,
                    minimum=0.5,
                    maximum=9,
                    unit="mm/s",
                    description="how fast",
                ),
                Argument("mode", DataType.STRING, default="slow", choices=("slow", "fast")),
                Argument("times", DataType.INT, default=2, step=2),
                Argument("note", DataType.STRING, max_length=20, pattern=re.compile("[a-z]+")),
            ),
            confirm="Sure?",
            timeout_s=90,
            at_once=1,
            description="fills",
        ),
        CommandCall(
            ("./prime.sh", "--speed", "{speed}", "--{mode}"),
            directory=tmp_path / "bin",
            environment=(("TZ", "UTC"),),
        ),
        sends_parameters=True,
    )


def test_a_shell_gets_a_line_and_only_when_it_is_asked_for(load: Load, tmp_path: Path) -> None:
    found = operation(load, "{id: go, shell: true, command: 'echo hi | wc -c'}")
    assert isinstance(found, CommandBinding)
    assert found.call == CommandCall(line="echo hi | wc -c", directory=tmp_path)


def test_a_request_to_a_device(load: Load) -> None:
    found = operation(
        load,
        """
        {id: turn, http: {url: "http://shelly/relay/{n}?turn={how}", headers: {Accept: text/plain}, body: {n: "{n}"}},
         arguments: [{name: n, type: int, required: true}, {name: how, default: toggle}]}
        """,
    )
    assert isinstance(found, WebBinding)
    assert found.call == WebCall(
        "POST", "http://shelly/relay/{n}?turn={how}", (("Accept", "text/plain"),), {"n": "{n}"}
    )


def test_an_asynchronous_one_may_take_an_hour_unless_it_says_otherwise(load: Load) -> None:
    assert operation(load, "{id: go, asynchronous: true, command: [go]}").spec.timeout_s == 3600
    assert operation(load, "{id: go, asynchronous: true, timeout: 86400, command: [go]}").spec.timeout_s == 86400


def test_the_records_list_declared_operations(load: Load) -> None:
    manifest = accepted(load("components: [{id: c, operations: [{id: go, command: [go]}, {id: b, command: [go]}]}]"))
    assert [binding.spec.id for binding in manifest.resources[component("c")].operations] == ["go", "b"]


@pytest.mark.parametrize(
    ("item", "code", "path", "told"),
    [
        ("{command: [go]}", "G006", "id", "'id' is missing"),
        ("{id: a/b, command: [go]}", "G004", "id", "without '/'"),
        ("{id: x}", "G006", "command", "found neither 'command' nor 'http'"),
        ("{id: x, command: go}", "G009", "command", "allowed is a list"),
        ("{id: x, command: []}", "G009", "command", "found no program"),
        ("{id: x, command: [go], http: {url: 'http://a/'}}", "G009", "command", "found 'command' beside 'http'"),
        ("{id: x, stdin: json, http: {url: 'http://a/'}}", "G009", "stdin", "beside 'http'"),
        ("{id: x, http: {url: 'ftp://a/'}}", "G003", "http.url", "allowed are http and https"),
        ("{id: x, http: 'http://{a}/'}", "G003", "http.url", "found a name in braces in the host"),
        ("{id: x, http: {url: 'http://dev.{a}/', body: 1}}", "G003", "http.url", "found a name in braces in the host"),
        ("{id: x, http: {method: POST}}", "G006", "http.url", "'url' is missing"),
        ("{id: x, http: {url: 'http://a/', verb: GET}}", "G007", "http.verb", "found the key 'verb'"),
        ("{id: x, command: [go], stdin: yaml}", "G003", "stdin", "allowed are json"),
        ("{id: x, command: [go], comand: 1}", "G007", "comand", "did you mean 'command'?"),
        ("{id: x, command: [go, '{speed}']}", "G009", "command", "found {speed}, allowed are the arguments: none"),
        (
            "{id: x, command: [go, '{s}'], arguments: [{name: s}]}",
            "G009",
            "command",
            "an argument that may be left out",
        ),
        (
            "{id: x, http: {url: 'http://a/?{s}'}, arguments: [{name: t, default: 1, type: int}]}",
            "G009",
            "http",
            "allowed are the arguments: t",
        ),
        ("{id: x, command: [go], timeout: 0}", "G003", "timeout", "allowed are numbers from 0.01 to 3600"),
        ("{id: x, command: [go], timeout: 7200}", "G003", "timeout", "to 3600"),
        ("{id: x, command: [go], at_once: 65}", "G003", "at_once", "allowed are integers from 1 to 64"),
        ("{id: x, command: [go], at_once: true}", "G003", "at_once", "allowed are integers from 1 to 64"),
        ("{id: x, command: [go], asynchronous: often}", "G003", "asynchronous", "allowed are true and false"),
        ("{id: x, command: [go], arguments: [{type: int}]}", "G006", "arguments[0].name", "'name' is missing"),
        ("{id: x, command: [go], arguments: [{name: a-b}]}", "G004", "arguments[0].name", "letters, digits and '_'"),
        ("{id: x, command: [go], arguments: [{name: a}, {name: a}]}", "G008", "arguments[1].name", "twice"),
        ("{id: x, command: [go], arguments: [{name: a, type: text}]}", "G003", "arguments[0].type", "found 'text'"),
        (
            "{id: x, command: [go], arguments: [{name: a, min: 1}]}",
            "G009",
            "arguments[0].min",
            "on a value of type string",
        ),
        (
            "{id: x, command: [go], arguments: [{name: a, type: int, min: 3, max: 2}]}",
            "G009",
            "arguments[0].max",
            "found 2, allowed are numbers from min, 3",
        ),
        (
            "{id: x, command: [go], arguments: [{name: a, type: int, min: 3, default: 2}]}",
            "G009",
            "arguments[0].default",
            "found 2, allowed are values from 3",
        ),
        (
            "{id: x, command: [go], arguments: [{name: a, enum: [x, 1]}]}",
            "G003",
            "arguments[0].enum",
            "found int, allowed is string",
        ),
        ("{id: x, command: [go], arguments: [{name: a, enum: []}]}", "G003", "arguments[0].enum", "allowed is a list"),
        (
            "{id: x, command: [go], arguments: [{name: a, type: int, max_length: 3}]}",
            "G009",
            "arguments[0].max_length",
            "allowed on string",
        ),
        ("{id: x, command: [go], arguments: [{name: a, pattern: '['}]}", "G003", "arguments[0].pattern", "regular"),
        ("{id: x, command: [go], arguments: [{name: a, regex: x}]}", "G007", "arguments[0].regex", "allowed are"),
    ],
)
def test_every_mistake_is_named_with_what_to_do(load: Load, item: str, code: str, path: str, told: str) -> None:
    problems = refused(load(f"apps: [{{id: a, operations: [{item}]}}]"))
    (found,) = [problem for problem in problems if problem.path == f"apps[0].operations[0].{path}"]
    assert (found.code, told in found.message) == (code, True), found


def test_an_id_stands_once_in_a_list_and_on_no_area(load: Load) -> None:
    problems = refused(load("apps: [{id: a, operations: [{id: x, command: [a]}, {id: x, command: [b]}]}]"))
    assert [(one.code, one.path) for one in problems] == [("G008", "apps[0].operations[1].id")]
    problems = refused(load("areas: [{id: a, operations: [{id: x, command: [a]}]}]"))
    assert [(one.code, one.path) for one in problems] == [("G009", "areas[0].operations")]
