"""Sorts entries by what they are to us; of several for one setting the last wins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from gateway.config.document import Group, Scalar
from gateway.config.entries import Entry
from gateway.config.hints import allowed_by
from gateway.config.keys import (
    KEYS,
    GroupOfKeys,
    Inside,
    InsideRos,
    Known,
    NotBuilt,
    Unknown,
    closest,
    meaning_of,
)
from gateway.config.problems import FileLine, Problem, may_hide_secret, shown, spelled


@dataclass(frozen=True, slots=True)
class Sorted:
    """`settings` by dotted key; keys of ROS and of features to come, each once; what is no key."""

    settings: Mapping[str, Entry]
    inside_ros: frozenset[str]
    not_built: frozenset[str]
    problems: tuple[Problem, ...]


def sort_entries(entries: Iterable[Entry]) -> Sorted:
    """Sort `entries`, which come in the order of their precedence, weakest first."""
    settings: dict[str, Entry] = {}
    inside_ros: set[str] = set()
    not_built: set[str] = set()
    problems: dict[Problem, None] = {}  # one for each unknown group, not for each key below it
    for entry in entries:
        meaning = meaning_of(entry.segments)
        match meaning:
            case Known(key):
                settings[key.path] = entry
            case InsideRos(prefix):
                inside_ros.add(prefix)
            case NotBuilt(prefix):
                not_built.add(prefix)
            case GroupOfKeys(children):
                if not _is_empty(entry):
                    problems[_not_a_group(entry, children)] = None
            case Inside(key, depth):
                allowed = allowed_by(key.hint)
                problems[Problem(entry.places[depth - 1], key.path, "a group of settings", allowed)] = None
            case Unknown():
                problems[_unknown(entry, meaning)] = None
            case _:
                assert_never(meaning)
    return Sorted(settings, frozenset(inside_ros), frozenset(not_built), tuple(problems))


def _is_empty(entry: Entry) -> bool:
    return isinstance(entry.value, Group) or (isinstance(entry.value, Scalar) and entry.value.value is None)


def _not_a_group(entry: Entry, children: tuple[str, ...]) -> Problem:
    if not isinstance(entry.value, Scalar):
        found = "a list"
    else:
        found = "a plain value" if may_hide_secret(entry.key) else shown(entry.value.value)
    return Problem(entry.place, entry.key, found, f"a group of settings: {', '.join(children)}")


def _unknown(entry: Entry, unknown: Unknown) -> Problem:
    suggestion = unknown.suggestion
    if isinstance(entry.place, FileLine):
        key, place = ".".join(entry.segments[: unknown.depth]), entry.places[unknown.depth - 1]
        group = ".".join(entry.segments[: unknown.depth - 1])
        if may_hide_secret(group) and not (suggestion or "").startswith(f"{group}."):
            key, suggestion = group, ""  # not misspelt: perhaps a secret in the wrong place
    else:
        key, place = entry.key, entry.place
        rest = entry.segments[unknown.depth :]
        if suggestion:
            inside = tuple(path for path in KEYS if path.startswith(suggestion))
            suggestion = closest(".".join((suggestion, *rest)), inside) or suggestion
    advice = f"did you mean {spelled(suggestion, place)}?" if suggestion else ""
    return Problem(place, key, "an unknown setting", f"one of {', '.join(unknown.children)}", advice)
