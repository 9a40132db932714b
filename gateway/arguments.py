"""The command line as users of ROS write it, translated into our own.

`--ros-args -p server.port:=8080 -r __node:=gateway_a -r __ns:=/a --params-file f.yaml` becomes
`run --set server.port:=8080 --name gateway_a --namespace /a --config f.yaml`. Pure.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

ROS_FLAG: Final = "--ros-args"

_OF_THE_PROGRAM: Final = frozenset({"--help", "-h", "--version", "--install-completion", "--show-completion"})
_OF_ROS: Final = {"-p": "--set", "--param": "--set", "--params-file": "--config", "-r": "", "--remap": ""}
_REMAPS: Final = frozenset({"-r", "--remap"})
_WITH_VALUE: Final = frozenset({"-c", "--config", "--params-file", "-p", "--set", "--name", "--namespace"})
_REMAP: Final = re.compile(r"([^:=]+:)?(?P<what>__node|__name|__ns):=(?P<text>.*)", re.DOTALL)
_ALLOWED: Final = f"allowed after {ROS_FLAG}: -p KEY:=VALUE, --params-file FILE, -r __node:=NAME, -r __ns:=NAMESPACE"


class UsageMistake(Exception):  # noqa: N818 -- it is the user's, not an error of the program
    """A command line that cannot be translated; the text says what was found and what is allowed."""


def translate(arguments: Sequence[str]) -> list[str]:
    """`arguments` (without the program's name) as our own command line.

    Nothing at all asks for help; a flag where the command should be means `run`. Only `run` knows
    the forms of ROS; what follows any other command stays as it is.
    """
    if not arguments:
        return ["--help"]
    first, *rest = arguments
    if first == "run":
        return ["run", *_translated(rest)]
    if first.startswith("-") and first.partition("=")[0] not in _OF_THE_PROGRAM:
        return ["run", *_translated(arguments)]
    return list(arguments)


def _translated(arguments: Sequence[str]) -> Iterator[str]:
    rest = iter(arguments)
    inside_ros = False
    for argument in rest:
        if argument == ROS_FLAG:
            inside_ros = True
        elif inside_ros and argument == "--":
            inside_ros = False
        elif argument in _REMAPS:
            yield from _remap(argument, next(rest, None))
        elif inside_ros:
            yield from _of_ros(argument, next(rest, None))
        else:
            yield argument
            if argument in _WITH_VALUE and (value := next(rest, None)) is not None:
                yield value


def _of_ros(flag: str, value: str | None) -> Iterator[str]:
    if flag not in _OF_ROS:
        near = difflib.get_close_matches(flag, _OF_ROS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageMistake(f"found {flag!r} after {ROS_FLAG}; {_ALLOWED}{hint}")
    yield from (_OF_ROS[flag], _required(flag, value))


def _remap(flag: str, value: str | None) -> Iterator[str]:
    match = _REMAP.fullmatch(_required(flag, value))
    if match is None:
        raise UsageMistake(f"found {flag} {value!r}, a remapping that only makes sense in ROS; {_ALLOWED}")
    yield "--namespace" if match["what"] == "__ns" else "--name"
    yield match["text"]


def _required(flag: str, value: str | None) -> str:
    if value is None:
        raise UsageMistake(f"found {flag} without a value; {_ALLOWED}")
    return value
