"""The command line of ROS users, translated."""

import pytest

from gateway.arguments import UsageMistake, translate


def translated(line: str) -> str:
    return " ".join(translate(line.split()))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "--ros-args -p server.port:=8080 -r __node:=gateway_a -r __ns:=/subsystem_a",
            "run --set server.port:=8080 --name gateway_a --namespace /subsystem_a",
        ),
        (
            "run --ros-args -p server.port:=8081 -r __node:=gateway_b -r __ns:=/subsystem_b",
            "run --set server.port:=8081 --name gateway_b --namespace /subsystem_b",
        ),
        (
            "--ros-args --params-file gateway_a_params.yaml -r __node:=gateway_a",
            "run --config gateway_a_params.yaml --name gateway_a",
        ),
        ("--ros-args --param a:=1 --remap __ns:=/a", "run --set a:=1 --namespace /a"),
        ("--ros-args -r ros2_medkit_gateway:__node:=a", "run --name a"),
    ],
)
def test_the_forms_of_the_tutorial_are_understood_verbatim(line: str, expected: str) -> None:
    assert translated(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-p server.port:=8081", "run -p server.port:=8081"),
        ("-c a.yaml --name a", "run -c a.yaml --name a"),
        ("--config=a.yaml", "run --config=a.yaml"),
        ("-r __node:=a", "run --name a"),
    ],
)
def test_flags_without_a_command_mean_run(line: str, expected: str) -> None:
    assert translated(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run -c a.yaml --ros-args -p x:=1 -- --name b", "run -c a.yaml --set x:=1 --name b"),
        ("run --ros-args -p x:=1 -- -p y:=2 --ros-args -p z:=3 --", "run --set x:=1 -p y:=2 --set z:=3"),
        ("--ros-args -p x:=1 --", "run --set x:=1"),
        ("--ros-args", "run"),
        ("run -p --ros-args", "run -p --ros-args"),
    ],
)
def test_both_dialects_may_be_mixed(line: str, expected: str) -> None:
    assert translated(line) == expected


def test_nothing_at_all_asks_for_help() -> None:
    assert translate([]) == ["--help"]


@pytest.mark.parametrize(
    "line", ["--help", "-h", "--version", "check -c a.yaml", "peers http://a", "tree -r x", "nonsense"]
)
def test_everything_but_run_stays_as_it_is(line: str) -> None:
    assert translated(line) == line


def test_values_stay_whole() -> None:
    assert translate(["--ros-args", "-p", "name:=a b", "-r", "__ns:=/a:=b"]) == [
        "run",
        "--set",
        "name:=a b",
        "--namespace",
        "/a:=b",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--ros-args --parms-file f.yaml", "found '--parms-file' after --ros-args"),
        ("--ros-args --parms-file f.yaml", "did you mean --params-file?"),
        ("--ros-args --log-level debug", "allowed after --ros-args: -p KEY:=VALUE, --params-file FILE"),
        ("--ros-args -r /scan:=/laser", "a remapping that only makes sense in ROS"),
        ("--ros-args -p", "found -p without a value"),
        ("--ros-args -r", "found -r without a value"),
        ("--ros-args server.port:=8081", "found 'server.port:=8081' after --ros-args"),
    ],
)
def test_what_cannot_be_translated_is_told_with_what_is_allowed(line: str, told: str) -> None:
    with pytest.raises(UsageMistake) as mistake:
        translate(line.split())
    assert told in str(mistake.value)
    assert "allowed after --ros-args" in str(mistake.value)
