"""YAML in which every value still knows its line. Safe: only plain values, bounded in every way."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import yaml

from gateway.config.problems import Place, Problem, may_hide_secret, shown
from gateway.local.manifest.document import tab_at

MAX_DEPTH: Final = 32
"""Deepest nesting of a document, in levels."""

MAX_VALUES: Final = 20_000
"""Most values in a document; aliases count each time they are used."""

_NAMES: Final = re.compile(r" '[^'<]{3,}'")
"""Of aliases, anchors and tags, as the reader quotes them: perhaps the beginning of a secret without its quotes."""

_TEXT_TAGS: Final = ("str", "timestamp", "value")
_STANDARD: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: as it was written, and as YAML 1.1 reads it."""

    text: str
    value: str | int | float | bool | None
    place: Place


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence of values."""

    items: "tuple[Value, ...]"
    place: Place


@dataclass(frozen=True, slots=True)
class Member:
    """A key of a group, where the key stands, and its value."""

    key: str
    place: Place
    value: "Value"


@dataclass(frozen=True, slots=True)
class Group:
    """A mapping; every key once."""

    members: tuple[Member, ...]
    place: Place


Value = Scalar | Listing | Group


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says (None: nothing at all), and what was wrong with it."""

    value: Value | None
    problems: tuple[Problem, ...]


def parse_document(text: str, at: Callable[[int], Place]) -> Document:
    """Read one YAML document; `at` makes the place of a line, counted from 1."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        reason = tab_at(text, line) or _NAMES.sub("", " ".join(filter(None, (error.context, error.problem))))
        return _unreadable(at(line), f"text that is not YAML ({reason})")
    except yaml.YAMLError as error:
        return _unreadable(at(0), f"text that is not YAML ({shown(str(error).splitlines()[0])})")
    except RecursionError:
        return _unreadable(at(0), f"more than {MAX_DEPTH} levels")
    if node is None:
        return Document(None, ())
    builder = _Builder(at)
    value = builder.value(node)
    return Document(value, tuple(builder.problems))


def _unreadable(place: Place, found: str) -> Document:
    return Document(None, (Problem(place, "", found, "one YAML document"),))


class _Builder:
    """Turns YAML's nodes into values, going on after every problem."""

    def __init__(self, at: Callable[[int], Place]) -> None:
        self._at = at
        # Mutable: the problems met so far and the number of values seen.
        self.problems: list[Problem] = []
        self._seen = 0

    def value(self, node: yaml.Node, path: tuple[str, ...] = ()) -> Value:
        place = self._place(node)
        self._seen += 1
        if len(path) > MAX_DEPTH:
            return self._refused(place, f"more than {MAX_DEPTH} levels")
        if self._seen > MAX_VALUES:
            return self._refused(place, f"more than {MAX_VALUES} values")
        match node:
            case yaml.MappingNode():
                return self._group(node, path)
            case yaml.ScalarNode():
                return self._scalar(node, path)
            case _:
                return Listing(tuple(self.value(item, (*path, "")) for item in node.value), place)

    def _place(self, node: yaml.Node) -> Place:
        return self._at(node.start_mark.line + 1)

    def _refused(self, place: Place, found: str) -> Scalar:
        if not any(problem.found == found for problem in self.problems):
            self.problems.append(Problem(place, "", found, "a smaller document"))
        return Scalar("", None, place)

    def _group(self, node: yaml.MappingNode, path: tuple[str, ...]) -> Group:
        members: dict[str, Member] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(self._place(key_node), "", "a key that is a list or a group", "a word"))
                continue
            # The key as written: `on:` is a word here, whatever YAML 1.1 makes of it.
            key, place = str(key_node.value), self._place(key_node)
            inner = (*path, key)
            if key in members:
                self.problems.append(duplicate(".".join(filter(None, inner)), place, members[key].place))
            members[key] = Member(key, place, self.value(value_node, inner))
        return Group(tuple(members.values()), self._place(node))

    def _scalar(self, node: yaml.ScalarNode, path: tuple[str, ...]) -> Scalar:
        place, text = self._place(node), str(node.value)
        key, tag = ".".join(filter(None, path)), node.tag.removeprefix(_STANDARD)
        if tag in _TEXT_TAGS:
            return Scalar(text, text, place)
        if tag not in _READERS:
            found = "a tag" if may_hide_secret(key) else f"the tag {shown(node.tag)}"
            self.problems.append(Problem(place, key, found, "plain values without tags"))
            return Scalar(text, text, place)
        try:
            return Scalar(text, _READERS[tag](node), place)
        except (KeyError, ValueError):  # looks like a number to YAML's pattern (0b_) and is none: text
            return Scalar(text, text, place)


_PLAIN: Final = yaml.constructor.SafeConstructor()
_READERS: Final[dict[str, Callable[[yaml.ScalarNode], int | float | bool | None]]] = {
    "null": _PLAIN.construct_yaml_null,
    "bool": _PLAIN.construct_yaml_bool,
    "int": _PLAIN.construct_yaml_int,
    "float": _PLAIN.construct_yaml_float,
}


def duplicate(key: str, place: Place, first: Place) -> Problem:
    """A key that was said twice in one file."""
    return Problem(place, key, f"a second time, the first is at {first}", "each setting once in a file")
