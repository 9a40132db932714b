"""The tags by which entities of this federation are known again after they passed a gateway that keeps no origins.

`origin=<instance>|<own id>`: upstream gateways pass tags on, so their copies of what we serve them come back with the
origin of the original. Pure. Source: docs/architecture.md, "Foreign gateways".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from entities.identity import is_instance_id
from entities.model import EntityKind, is_valid_id

_PREFIX: Final = "origin="

Origin = tuple[str, str]
"""An entity's owner, and its id there."""

Original = tuple[EntityKind, str, str]
"""The entity of which another is a copy: kind, owner, and its id there."""


@dataclass(frozen=True, slots=True)
class SortedTags:
    """The tags of one entity: those of its own, and the origins that the others name."""

    plain: tuple[str, ...]
    origins: frozenset[Origin]


def origin_tag(instance: str, own_id: str) -> str:
    """The tag that names an entity's owner and its id there."""
    return f"{_PREFIX}{instance}|{own_id}"


def sort_tags(tags: Iterable[str]) -> SortedTags:
    """Tags of either sort; each plain one once, in order."""
    plain: dict[str, None] = {}
    origins = set()
    for tag in tags:
        origin = _origin_in(tag)
        if origin is None:
            plain[tag] = None
        else:
            origins.add(origin)
    return SortedTags(tuple(plain), frozenset(origins))


def _origin_in(tag: str) -> Origin | None:
    instance, bar, own_id = tag.removeprefix(_PREFIX).partition("|")
    is_tag = tag.startswith(_PREFIX) and bar and is_instance_id(instance) and is_valid_id(own_id)
    return (instance, own_id) if is_tag else None
