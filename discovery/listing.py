"""The list of peers in one file: read once for every content it has, and whatever is wrong with it said in words."""

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

from discovery.endpoint import FoundBy
from discovery.source import Found

MAX_FILE_BYTES: Final = 1024 * 1024
"""Bytes of a file; a larger one is a mistake."""

MAX_PEERS: Final = 1024
"""Peers in a file; more are a mistake."""

MAX_PIECES: Final = 8 * MAX_PEERS
"""Texts, lists and mappings in a YAML file; so many are made of it at most, which holds up everybody meanwhile."""

MAX_DEPTH: Final = 16
"""Lists and mappings within each other; libyaml crashes the process on some ten thousand of them."""

MAX_SHOWN: Final = 80
"""Characters of a key that are quoted in a message."""

_TEXT: Final = "a text"
_KEYS: Final = ("name", "url")
_SHAPE: Final = "a list of peers, each {name: NAME, url: URL}"

# Text, lists and mappings, whatever the tags say: YAML's other types raise every kind of exception. In C where it is.
_LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_TWICE: Final = "a mapping has a key twice"


class _Loader(_LOADER):  # type: ignore[misc]  # which of the two it is shows at run time
    """Takes no mapping that says two things by one key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, _TWICE, node.start_mark)
        return mapping


@dataclass(frozen=True, slots=True)
class Listing:
    """What a file said last."""

    found: tuple[Found, ...] = ()
    """Its last good list."""
    trouble: str | None = None
    """What is wrong with it now, as the end of `FILE: ...`."""
    digest: bytes = b""
    """Of the content that says so; nothing when it could not be read."""


def look_again(path: Path, before: Listing) -> Listing:
    """The listing of `path` now. Blocks, but for no longer than a disk does: for a thread."""
    content = _content(path)
    if isinstance(content, str):
        return Listing(before.found, content)
    digest = hashlib.sha256(content).digest()
    if digest == before.digest:
        return before
    peers = _parse(content, "JSON" if path.suffix == ".json" else "YAML")
    return Listing(before.found, peers, digest) if isinstance(peers, str) else Listing(peers, None, digest)


def _content(path: Path) -> bytes | str:
    """The bytes of the file, or why there are none."""
    try:
        # Without O_NONBLOCK the opening of a FIFO waits for somebody to write into it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 -- of a number
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return "is a directory, a FIFO or a device, allowed is a regular file"
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if len(content) > MAX_FILE_BYTES:
        return f"has more than {MAX_FILE_BYTES} bytes, allowed are {MAX_FILE_BYTES}"
    return content


def _parse(content: bytes, kind: str) -> tuple[Found, ...] | str:
    try:
        value = json.loads(content, object_pairs_hook=_mapping) if kind == "JSON" else _load_yaml(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return f"is not {kind}: {_where_and_why(error)}"
    return _peers(value)


def _mapping(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError."""
    mapping = dict(members)
    if len(mapping) < len(members):
        raise ValueError(_TWICE)
    return mapping


def _where_and_why(error: Exception) -> str:
    """Without the lines themselves: these may hold a password."""
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        why = " ".join(filter(None, (error.context, error.problem)))
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {why}"
    return " ".join(str(error).split())


def _load_yaml(content: bytes) -> Any:
    """Raises YAMLError, and ValueError where it is nested too deep or has too much in it."""
    depth = 0
    for number, event in enumerate(yaml.parse(content, Loader=_LOADER)):
        if number > MAX_PIECES:
            raise ValueError(f"it has more than {MAX_PIECES} texts, lists and mappings, allowed are {MAX_PEERS} peers")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"lists and mappings are nested deeper than {MAX_DEPTH}, allowed is {_SHAPE}")
    return yaml.load(content, Loader=_Loader)  # noqa: S506 -- it builds nothing but text, lists and mappings


def _peers(value: Any) -> tuple[Found, ...] | str:
    if value in (None, ""):
        return "is empty; write [] where there is no peer"  # or it is being written at this moment
    if not isinstance(value, list):
        return f"holds {_kind(value)}, allowed is {_SHAPE}"
    if len(value) > MAX_PEERS:
        return f"lists {len(value)} peers, allowed are {MAX_PEERS}"
    found = []
    for number, item in enumerate(value, 1):
        if (mistake := _mistake(item)) is not None:
            return f"item {number}: {mistake}"
        found.append(Found(item["name"], item["url"], FoundBy.FILE))
    return tuple(found)


def _mistake(item: Any) -> str | None:
    """What is wrong with one peer; None if nothing is."""
    if not isinstance(item, dict):
        return f"found {_kind(item)}, allowed is {{name: NAME, url: URL}}"
    missing = [key for key in _KEYS if key not in item]
    for key in item:
        if key not in _KEYS:
            near = get_close_matches(str(key), missing, n=1)
            advice = f"; did you mean {near[0]!r}?" if near else ""
            return f"found the key {ascii(key)[:MAX_SHOWN]}, allowed are {', '.join(_KEYS)}{advice}"
    if missing:
        return f"the key {missing[0]!r} is missing; write {{name: NAME, url: URL}}"
    return next(
        (f"{key} holds {_kind(item[key])}, allowed is a text" for key in _KEYS if _kind(item[key]) != _TEXT), None
    )


def _kind(value: Any) -> str:
    """What a value is, in words of YAML and JSON."""
    match value:
        case str():
            return _TEXT if _can_be_shown(value) else "half of a surrogate pair"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case _:
            return "nothing"


def _can_be_shown(text: str) -> bool:
    """Whether it can be sent to people; JSON can write half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
