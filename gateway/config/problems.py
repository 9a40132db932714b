"""What can be wrong with a configuration, as values: where, what was found, what is allowed."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never

from discovery.endpoint import without_credentials

SHOWN_CHARACTERS: Final = 80
"""Longest quotation of a text in a message, in characters."""


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line of a file, counted from 1; line 0 is the file as a whole."""

    file: Path
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """A variable of the environment."""

    name: str

    def __str__(self) -> str:
        return f"environment variable {self.name}"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of the command line, such as `-p` or `--name`."""

    text: str

    def __str__(self) -> str:
        return f"command line {self.text}"


Place = FileLine | EnvironmentVariable | Flag


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `key` is dotted, empty when it concerns a file as a whole; `place` is None for
    what nobody wrote down (a combination with defaults).
    """

    place: Place | None
    key: str
    found: str
    allowed: str = ""
    advice: str = ""

    def __str__(self) -> str:
        where = [str(part) for part in (self.place, self.key) if part]
        what = [f"found {self.found}"]
        if self.allowed:
            what.append(f"allowed: {self.allowed}")
        if self.advice:
            what.append(self.advice)
        return printable(": ".join([*where, "; ".join(what)]))


@dataclass(frozen=True, slots=True)
class SettingsWarning:
    """Something allowed that is rarely meant. `code` is stable, as in the warnings of `/health`."""

    code: str
    message: str


def spelled(key: str, place: Place) -> str:
    """`key` as it is written at such a place: dotted, or as the name of a variable."""
    match place:
        case EnvironmentVariable():
            return "GROVE_" + key.upper().replace(".", "__")
        case FileLine() | Flag():
            return key
        case _:
            assert_never(place)


def printable(text: str) -> str:
    """`text` on one line that cannot draw on a terminal: control characters are escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def may_hide_secret(key: str) -> bool:
    """Whether what stands at this dotted key may be a secret in the wrong place, so is never quoted."""
    return _SECRET_KEY.search(key) is not None


_QUERY: Final = re.compile(r"([?#]).+", re.DOTALL)
_SECRET_KEY: Final = re.compile(r"^auth\b|secret|token|password", re.IGNORECASE)


def shown(value: Any) -> str:
    """`value` as quoted in a message: short, printable, on one line, without credentials and queries of URLs."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            text = _QUERY.sub(r"\1...", without_credentials(value)) if "//" in value else value
            return repr(text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "...")
        case list() | tuple():
            return "a list"
        case dict():
            return "a group of settings"
        case _:
            return str(value)
