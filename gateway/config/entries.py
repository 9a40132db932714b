"""Settings as they were given: one entry for each value, under its whole dotted key.

Nested groups, dotted keys and the wrapper of ROS parameter files all end as the same entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.config.document import Group, Listing, Scalar, Value, duplicate
from gateway.config.problems import Place, Problem

WRAPPER: Final = "ros__parameters"
OUR_NODE: Final = "ros2_medkit_gateway"
_ANY_NODE: Final = ("*", "**")


@dataclass(frozen=True, slots=True)
class Entry:
    """One value; `segments` is its dotted key, `places` where each segment was written."""

    segments: tuple[str, ...]
    places: tuple[Place, ...]
    value: Value

    @property
    def key(self) -> str:
        """The whole dotted key."""
        return ".".join(self.segments)

    @property
    def place(self) -> Place:
        """Where the last segment was written."""
        return self.places[-1]


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """What a file says to us, and the names of the other ROS nodes it speaks to."""

    entries: tuple[Entry, ...]
    other_nodes: tuple[str, ...]
    problems: tuple[Problem, ...]


def unwrap(root: Group, node_name: str | None) -> Unwrapped:
    """The entries of a file, plain or wrapped in `<node>: ros__parameters:`, or both.

    Blocks of other ROS nodes are not for us; a file that holds nothing but such blocks is a
    mistake. `node_name` is a further name we go by.
    """
    entries: list[Entry] = []
    others: list[str] = []
    for member in root.members:
        if _is_for_us(member.key, None) and _is_empty(member.value):
            continue  # a block with everything in it commented out
        block = _wrapped(member.value)
        if block is None:
            entries.extend(_flatten(Group((member,), member.place), (), ()))
        elif _is_for_us(member.key, node_name):
            entries.extend(_flatten(block, (), ()))
        else:
            others.append(member.key)
    problems = list(_repeated(entries))
    if others and len(others) == len(root.members):
        problems.append(
            Problem(root.place, "", f"parameters for {', '.join(others)} only", f"a block {OUR_NODE}: {WRAPPER}:")
        )
    return Unwrapped(tuple(entries), tuple(others), tuple(problems))


def _wrapped(value: Value) -> Value | None:
    match value:
        case Group((member,)) if member.key == WRAPPER:
            inner = member.value
            return inner if isinstance(inner, Group) or _is_empty(inner) else None
        case _:
            return None


def _is_empty(value: Value) -> bool:
    return isinstance(value, Scalar) and value.value is None


def _is_for_us(node: str, name: str | None) -> bool:
    last = node.rpartition("/")[2]
    return last in (OUR_NODE, name, *_ANY_NODE)


def _flatten(value: Value, segments: tuple[str, ...], places: tuple[Place, ...]) -> Iterator[Entry]:
    match value:
        case Group(members) if members:
            for member in members:
                parts = tuple(member.key.split("."))
                yield from _flatten(member.value, segments + parts, places + (member.place,) * len(parts))
        case Group() | Scalar() | Listing():
            if segments:
                yield Entry(segments, places, value)


def _repeated(entries: list[Entry]) -> Iterator[Problem]:
    """Keys given by two spellings, `a.b:` and `a: b:`; one spelling twice is found when parsing."""
    first: dict[str, Place] = {}
    for entry in entries:
        if entry.key in first:
            yield duplicate(entry.key, entry.place, first[entry.key])
        first.setdefault(entry.key, entry.place)
