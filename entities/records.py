"""Records: what every gateway publishes of itself and passes on of others; newest version wins.

Source: docs/architecture.md, "Records", and ADR-0002.
"""

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from entities.model import App, Area, Component, Function, GatewayTree, is_valid_id

Version = tuple[int, int]
"""(epoch, seq): epoch rises at every start, seq with every change. Compared as a tuple."""


AT_PATTERN: Final = re.compile(r"[0-9a-f]{8}")
"""A link's `at`, whole string."""


def is_peer_name(text: str) -> bool:
    """Whether it can name a peer: an id without `__`, which joins the names of a way to one word."""
    return is_valid_id(text) and "__" not in text


class LinkState(StrEnum):
    """Whether the gateway at the near end reaches the far end now."""

    UP = "up"
    DOWN = "down"


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """One configured or discovered peer of a gateway, as its record tells it.

    `at` is the first 8 hex digits of SHA-256 of the peer's URL (the URL itself stays private);
    `instance` is the instance last seen there, None while it was never reached. `discovered`: nobody but discovery
    says that it is a peer, so its owner does not answer for what is behind it.
    """

    peer: str
    at: str
    state: LinkState
    instance: str | None = None
    discovered: bool = False


class Record(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """What one gateway says of itself: version, links, own entities under its own ids.

    A `foreign` gateway has no records; `reader` is the gateway that reads it, makes this one and answers for it.
    """

    id: str
    version: Version
    name: str
    links: tuple[Link, ...] = ()
    foreign: bool = False
    reader: str | None = None
    areas: tuple[Area, ...] = ()
    components: tuple[Component, ...] = ()
    apps: tuple[App, ...] = ()
    functions: tuple[Function, ...] = ()

    @property
    def tree(self) -> GatewayTree:
        """The record's own entities as an indexed tree (built once)."""
        cached = self.__dict__.get("_tree")
        if cached is None:
            cached = GatewayTree(self.areas, self.components, self.apps, self.functions)
            self.__dict__["_tree"] = cached
        tree: GatewayTree = cached
        return tree


Names = Mapping[str, Mapping[str, str]]
"""instance -> {own App id: id here}; only where the two differ."""


class TreeDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of `GET /api/v1/x-medkit-tree` (docs/api.md); a diff when `since` is set."""

    format: int
    instance_id: str
    boot_id: str
    generation: int
    records: tuple[Record, ...]
    forgotten: tuple[str, ...] = ()
    names: Names = msgspec.field(default_factory=dict)
    since: str | None = None


def url_digest(url: str) -> str:
    """The `at` of a link: 8 hex digits of SHA-256 of the peer's normalised URL."""
    return hashlib.sha256(url.encode()).hexdigest()[:8]
