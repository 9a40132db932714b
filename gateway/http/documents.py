"""The rendered bytes of one generation: every entity document, made when it is first asked for, then kept."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Final, TypeVar

import msgspec

from entities.jsontext import render_json
from entities.model import EntityKind
from gateway.http.entity_json import EntityJson, Json
from gateway.http.gaps import gap_marks, gaps_among
from gateway.http.path import API_PREFIX
from gateway.http.relations import render_relation
from peers.singleflight import SingleFlight
from peers.view import FederatedView, Gap, TreeView

MAX_KEPT_BYTES: Final = 64 * 1024 * 1024
"""Bytes of rendered documents kept per generation; beyond it they are made anew for every request."""

LONG_LIST: Final = 5_000
"""Entities from which on a list is rendered in a thread; 1000 take about 3 ms."""


class Rendered(msgspec.Struct, frozen=True):
    """A document ready to be sent. A partial one has no `etag`: it may be whole a moment later, byte for byte alike."""

    body: bytes
    etag: str | None
    gaps: tuple[Gap, ...] = ()


_Key = tuple[bool, EntityKind, str, str]
R = TypeVar("R", bound=Rendered | None)


class Documents:
    """The entity documents of one view. `own` everywhere: what is ours alone, as the Target of a request shows it.

    Silence is marked where it can have changed the document: collections name every gap, relations those of gateways
    that contribute to the entity, its members or what it refers to, details those of its contributors.
    """

    def __init__(
        self,
        view: FederatedView,
        api_prefix: str = API_PREFIX,
        *,
        shown: TreeView | None = None,
        for_upstream: bool = False,
        max_kept_bytes: int = MAX_KEPT_BYTES,
        long_list: int = LONG_LIST,
    ) -> None:
        """`shown`: instead of all that is merged; `for_upstream`: with the marks by which we know our own again.

        `long_list`: entities, as LONG_LIST.
        """
        self.view = view
        self.shown = shown or view.merged
        self._merged = EntityJson(view, self.shown, api_prefix, for_upstream=for_upstream)
        self._own = EntityJson(view, view.own, api_prefix)
        self._max_kept_bytes = max_kept_bytes
        self._long_list = long_list
        # Mutable: what was rendered so far, and what threads render now.
        self._kept: dict[_Key, Rendered] = {}
        self._kept_bytes = 0
        self._flights = SingleFlight[_Key, Rendered]()

    @cached_property
    def listed(self) -> Mapping[EntityKind, int]:
        """How many entities of each kind clients see."""
        return {kind: sum(one.listed for one in self.view.merged.tree.of(kind).values()) for kind in EntityKind}

    def collection(self, kind: EntityKind, *, own: bool = False) -> Rendered:
        """The list of a kind: Areas and Components that have no parent, all Apps, all Functions."""
        key = (own, kind, "", "")
        return self._kept.get(key) or self._keep(key, self._collection(kind, own=own))

    async def list_of(self, kind: EntityKind, *, own: bool = False) -> Rendered:
        """As `collection`; a long one is rendered in a thread, once for all who ask."""
        key = (own, kind, "", "")
        if key in self._kept or len(self._json(own=own).shown.tree.of(kind)) < self._long_list:
            return self.collection(kind, own=own)
        return await self._flights.run(key, partial(self._collection, kind, own=own), partial(self._keep, key))

    def detail(self, kind: EntityKind, entity_id: str, *, own: bool = False) -> Rendered | None:
        """The detail of a known entity, whoever owns it, or None."""
        key = (own, kind, entity_id, "")
        return self._kept.get(key) or self._keep(key, self._detail(kind, entity_id, own=own))

    def relation(self, kind: EntityKind, entity_id: str, name: str, *, own: bool = False) -> Rendered | None:
        """A relation of a known entity, or None if either is not known."""
        key = (own, kind, entity_id, name)
        return self._kept.get(key) or self._keep(key, self._relation(kind, entity_id, name, own=own))

    def _keep(self, key: _Key, rendered: R) -> R:
        """Unknown ids are not kept: there is no end of them."""
        if rendered is not None and self._kept_bytes + len(rendered.body) <= self._max_kept_bytes:
            self._kept[key] = rendered
            self._kept_bytes += len(rendered.body)
        return rendered

    def _json(self, *, own: bool) -> EntityJson:
        return self._own if own else self._merged

    def _collection(self, kind: EntityKind, *, own: bool) -> Rendered:
        render = self._json(own=own)
        entities = render.shown.tree.of(kind).values()
        items = [render.item(one) for one in entities if one.listed and render.parent(one) is None]
        document = {"items": items, "x-medkit": {"total_count": len(items)}}
        return _rendered(document, () if own else self.view.gaps)

    def _detail(self, kind: EntityKind, entity_id: str, *, own: bool) -> Rendered | None:
        render = self._json(own=own)
        one = render.shown.find(kind, entity_id)
        if one is None:
            return None
        return _rendered(render.detail(one), () if own else gaps_among(self.view.gaps, one.instances))

    def _relation(self, kind: EntityKind, entity_id: str, name: str, *, own: bool) -> Rendered | None:
        render = self._json(own=own)
        one = render.shown.find(kind, entity_id)
        related = None if one is None else render_relation(render, one, name)
        if related is None:
            return None
        return _rendered(related.document, () if own else gaps_among(self.view.gaps, related.touched))


def _rendered(document: Json, gaps: Sequence[Gap]) -> Rendered:
    """The document's bytes with its gaps marked, and the hash of whole ones."""
    document["x-medkit"].update(gap_marks(gaps))
    body = render_json(document)
    etag = None if gaps else f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Rendered(body, etag, tuple(gaps))
