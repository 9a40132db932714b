"""The request target as it was received, read once: which route it is, or why it is none. Pure.

Everything that could mean one thing here and another thing at the gateway it is forwarded to is refused before any
routing. Source: docs/api.md, "Paths".
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from entities.items import is_addressable
from entities.model import EntityKind

API_PREFIX: Final = "/api/v1"

MAX_TARGET_BYTES: Final = 8000
"""Longest path and query together, in bytes; beyond it is 414. RFC 9112, section 3 asks for at least 8000."""

RESOURCE_COLLECTIONS: Final = frozenset(
    {
        "data",
        "operations",
        "configurations",
        "faults",
        "logs",
        "bulk-data",
        "triggers",
        "cyclic-subscriptions",
        "locks",
        "scripts",
        "status",
    }
)
"""What may stand below an entity beside its relations."""

UNBUILT_COLLECTIONS: Final = frozenset({"data-categories", "data-groups"})
"""Routes of the standard that answer 501, as upstream's do."""

SLASHED_COLLECTIONS: Final = frozenset({"data", "operations", "configurations"})
"""Their item ids may contain `/`: `%2Fx%2Fy`, `x/y` and `//x/y` all are items (ROS names are such ids)."""

_RELATIONS: Final = {
    EntityKind.AREA: ("subareas", "components", "contains"),
    EntityKind.COMPONENT: ("subcomponents", "hosts", "depends-on"),
    EntityKind.APP: ("is-located-on", "belongs-to", "depends-on"),
    EntityKind.FUNCTION: ("hosts",),
}

_KINDS: Final = {kind.value: kind for kind in EntityKind}
_ORIGIN_FORM: Final = re.compile(r"/[!-\"$-~]*")  # printable ASCII but `#`: a fragment never belongs into a request
_ESCAPED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True)
class ServerPath:
    """A route of the gateway itself: `name` is the first segment (empty for the root), `rest` the others, decoded."""

    name: str
    rest: tuple[str, ...] = ()
    query: str = ""


@dataclass(frozen=True, slots=True)
class EntityCollection:
    """All entities of one kind."""

    kind: EntityKind
    query: str = ""


@dataclass(frozen=True, slots=True)
class EntityPath:
    """One entity, or something below it.

    `entity_id` is decoded and not checked yet. `rest` are the segments below, decoded; `raw_rest` the same as
    received, without the `/` before it. `trailing_slash`: the path ends with a `/` that belongs to the item id.
    `query` is raw, without its `?`.
    """

    kind: EntityKind
    entity_id: str
    rest: tuple[str, ...] = ()
    raw_rest: str = ""
    trailing_slash: bool = False
    query: str = ""

    @property
    def collection(self) -> str | None:
        """The relation or resource collection addressed, or None for the entity itself."""
        return self.rest[0] if self.rest else None

    @property
    def item(self) -> str | None:
        """Everything below the collection as one id, or None for the collection itself."""
        if len(self.rest) < 2:
            return None
        return "/".join(self.rest[1:]) + ("/" if self.trailing_slash else "")


@dataclass(frozen=True, slots=True)
class PathProblem:
    """The target is refused with this status."""

    status: int
    message: str


Route = ServerPath | EntityCollection | EntityPath


def relation_names(kind: EntityKind) -> tuple[str, ...]:
    """The sub-collections that tell how entities of this kind stand to others."""
    return _RELATIONS[kind]


def parse_target(raw: str) -> Route | PathProblem:
    """The route that a request target (path and query, verbatim from the request line) names."""
    return _remembered(raw) if len(raw) <= _REMEMBERED_BYTES else _parse(raw)


_REMEMBERED_BYTES: Final = 256
_REMEMBERED: Final = 4096  # with the bytes above at most a few MB, whatever clients send


@lru_cache(maxsize=_REMEMBERED)
def _remembered(raw: str) -> Route | PathProblem:
    return _parse(raw)


def _parse(raw: str) -> Route | PathProblem:
    if len(raw) > MAX_TARGET_BYTES:
        return PathProblem(414, f"Path and query have {len(raw)} bytes, at most {MAX_TARGET_BYTES} are allowed")
    if _ORIGIN_FORM.fullmatch(raw) is None:
        return PathProblem(
            400, "The request target must be a path in printable ASCII without scheme, host and fragment"
        )
    path, _, query = raw.partition("?")
    if path != API_PREFIX and not path.startswith(f"{API_PREFIX}/"):
        return PathProblem(404, f"Resource not found; everything is below {API_PREFIX}")
    tail = path.removeprefix(API_PREFIX)
    segments: list[str] = []
    for segment in tail.split("/")[1:]:
        decoded = _decode(segment)
        if decoded is None:
            return PathProblem(400, _UNSAFE)
        segments.append(decoded)
    return _route(segments, tail, query)


_UNSAFE: Final = (
    "A path segment is not allowed: none may be or contain '.' or '..' as a part, a backslash, a ';', a control "
    "character, invalid UTF-8 or a percent-encoding of another percent-encoding"
)


def _decode(segment: str) -> str | None:
    """The segment decoded once, or None if it must not be routed."""
    text = segment
    if "%" in segment:
        if _ESCAPED.fullmatch(segment) is None:
            return None
        try:
            text = unquote_to_bytes(segment).decode("utf-8")  # strict: overlong forms and surrogates are errors
        except UnicodeDecodeError:
            return None
    return text if is_addressable(text) else None


def _route(segments: list[str], tail: str, query: str) -> Route | PathProblem:
    ends_with_slash = bool(segments) and not segments[-1]
    if ends_with_slash:
        segments = segments[:-1]
    slashed = len(segments) > 2 and segments[0] in _KINDS and segments[2] in SLASHED_COLLECTIONS
    if not all(segments[:3] if slashed else segments):
        return PathProblem(400, "An empty path segment ('//') is only allowed inside ids of data, operations and such")
    if not segments:
        return ServerPath("", query=query)
    kind = _KINDS.get(segments[0])
    if kind is None:
        return ServerPath(segments[0], tuple(segments[1:]), query)
    if len(segments) == 1:
        return EntityCollection(kind, query)
    _, _, _, *below = tail.split("/", 3)
    return EntityPath(
        kind=kind,
        entity_id=segments[1],
        rest=tuple(segments[2:]),
        raw_rest=below[0] if below else "",
        trailing_slash=ends_with_slash and slashed and len(segments) > 3,
        query=query,
    )
