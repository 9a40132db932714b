"""Every key there is: ours, read off the settings' dataclasses, and what upstream's file has besides."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.settings import Settings

INSIDE_ROS: Final = frozenset(
    {
        "data_provider",
        "discovery.merge_pipeline",
        "discovery.refresh_debounce_ms",
        "discovery.runtime",
        "entity_cache",
        "fault_manager",
        "logs",
        "parameter_service_negative_cache_sec",
        "parameter_service_timeout_sec",
        "plugins",
        "qos_overrides",
        "server.executor_threads",
        "server.http_thread_pool_size",
        "server.keep_alive_timeout_sec",
        "start_type_description_service",
        "subscription_executor",
        "topic_sample_timeout_sec",
        "use_sim_time",
    }
)
"""Keys that mean something to a ROS node or to upstream's threads only, with everything below them."""

UNBUILT_GROUPS: Final = frozenset(
    {
        "bulk_data",
        "discovery.inventory",
        "discovery.manifest",
        "docs",
        "locking",
        "scripts",
        "sse.max_duration_sec",
        "sse.max_subscriptions",
        "triggers",
        "updates",
    }
)
"""Upstream's features that are not built yet, with everything below them. None of them protects."""

UNBUILT_OF_PEERS: Final = ("timeout_ms",)
"""Fields of `aggregation.peers` whose feature is not built yet; they are checked, named once, without effect."""

_SIMILAR: Final = 0.6
"""Least similarity (0 to 1) of a suggestion to what was written."""


@dataclass(frozen=True, slots=True)
class Key:
    """A setting: its dotted path, the annotation of its field, its default."""

    path: str
    hint: Any
    default: Any
    secret: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A setting."""

    key: Key


@dataclass(frozen=True, slots=True)
class Inside:
    """Something below a setting that is no group: the first `depth` segments name the setting."""

    key: Key
    depth: int


@dataclass(frozen=True, slots=True)
class GroupOfKeys:
    """The name of a group itself; `children` are the words allowed below it."""

    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InsideRos:
    """Nothing to us: `prefix` is the key of `INSIDE_ROS` it stands at or below."""

    prefix: str


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """A feature to come: `prefix` is the key of `UNBUILT_GROUPS` it stands at or below."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No key: the first `depth` segments are the shortest part that exists nowhere.

    `suggestion` replaces these segments; `children` are the words allowed in the last one's place.
    """

    depth: int
    suggestion: str | None
    children: tuple[str, ...]


Meaning = Known | Inside | GroupOfKeys | InsideRos | NotBuilt | Unknown


def meaning_of(segments: Sequence[str]) -> Meaning:
    """What the key made of these segments is to us."""
    path = ".".join(segments)
    if path in KEYS:
        return Known(KEYS[path])
    if path in CHILDREN:
        return GroupOfKeys(CHILDREN[path])
    for depth in range(1, len(segments) + 1):
        prefix = ".".join(segments[:depth])
        if prefix in INSIDE_ROS:
            return InsideRos(prefix)
        if prefix in UNBUILT_GROUPS:
            return NotBuilt(prefix)
        if prefix in KEYS:
            return Inside(KEYS[prefix], depth)
        if prefix not in CHILDREN:
            return _unknown(segments, depth)
    raise AssertionError(path)  # the last prefix is the path, which is neither a setting nor a group


def closest(word: str, words: Sequence[str]) -> str | None:
    """The one of `words` that `word` was probably meant to be."""
    return next(iter(difflib.get_close_matches(word, words, n=1, cutoff=_SIMILAR)), None)


def value_at(settings: Settings, path: str) -> Any:
    """The value of the setting with this dotted path."""
    value: Any = settings
    for segment in path.split("."):
        value = getattr(value, segment)
    return value


def _unknown(segments: Sequence[str], depth: int) -> Unknown:
    parent = ".".join(segments[: depth - 1])
    children = CHILDREN[parent]
    near = closest(segments[depth - 1], children + _UPSTREAM.get(parent, ()))
    if near is not None:
        return Unknown(depth, f"{parent}.{near}" if parent else near, children)
    # A setting of another group: by its own word, so that what both groups share does not count.
    word = closest(segments[-1], tuple(_PATHS))
    return Unknown(depth, None if word is None else _PATHS[word], children)


def _keys(owner: type[Any], prefix: str = "") -> Iterator[Key]:
    hints = typing.get_type_hints(owner, include_extras=True)
    for field in dataclasses.fields(owner):
        path, hint = prefix + field.name, hints[field.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from _keys(hint, path + ".")
        else:
            yield Key(path, hint, _default(field), secret=not field.repr)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _children(paths: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    children: dict[str, dict[str, None]] = {}
    for path in paths:
        segments = path.split(".")
        for depth, segment in enumerate(segments):
            children.setdefault(".".join(segments[:depth]), {})[segment] = None
    return types.MappingProxyType({group: tuple(words) for group, words in children.items()})


KEYS: Final[Mapping[str, Key]] = types.MappingProxyType({key.path: key for key in _keys(Settings)})
"""Every setting under its dotted path."""

CHILDREN: Final = _children(KEYS)
"""The groups ("" is the top) and the words below each."""

_PATHS: Final = {path.rpartition(".")[2]: path for path in reversed(tuple(KEYS))}

_UPSTREAM: Final = _children(sorted(INSIDE_ROS | UNBUILT_GROUPS))
