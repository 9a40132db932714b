"""Our own tree document: rendered once per generation, with the diffs that readers ask for."""

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Final

from entities.codec import TREE_FORMAT, render_document
from entities.history import History, diff
from entities.model import EntityKind
from entities.records import TreeDocument
from peers.singleflight import SingleFlight
from peers.view import FederatedView

CACHED_DIFFS: Final = 16
"""Rendered diffs kept per generation: readers that poll in step ask for the same one."""

LONG_TREE: Final = 5_000
"""Entities from which on a document is rendered in a thread; 1000 take about 3 ms."""


@dataclass(frozen=True, slots=True)
class Published:
    """The full document of one generation: its bytes and their strong ETag."""

    document: TreeDocument
    body: bytes
    etag: str
    is_long: bool


class Publication:
    """Renders the newest view on demand and remembers earlier generations for diffs."""

    def __init__(self, boot_id: str, *, long_tree: int = LONG_TREE) -> None:
        """`boot_id`: of this start; a diff never reaches over it. `long_tree`: entities, as LONG_TREE."""
        self._boot_id = boot_id
        self._long_tree = long_tree
        # Mutable: the generations held, the newest one rendered, diffs to it already rendered, what threads render.
        self._history = History()
        self._newest: Published | None = None
        self._diffs: dict[str, bytes] = {}
        self._full_flights = SingleFlight[int, Published]()
        self._diff_flights = SingleFlight[tuple[int, str], bytes]()

    async def full(self, view: FederatedView) -> Published:
        """The whole document of `view`; a long one is rendered in a thread, once for all who ask."""
        if self._held(view) is not None or not self._is_long(view):
            return self.full_at_once(view)
        return await self._full_flights.run(view.generation, partial(self._render, view), self._keep)

    def full_at_once(self, view: FederatedView) -> Published:
        """As `full`, without letting anything else run meanwhile."""
        held = self._held(view)
        if held is None:
            held = self._render(view)
            self._keep(held)
        return held

    async def since(self, full: Published, state: str) -> bytes | None:
        """The diff from `state` (`BOOT:GENERATION`) to `full`, or None if that state is not held any more."""
        old = self._old(full, state)
        if old is None or not full.is_long or (full is self._newest and state in self._diffs):
            return self.since_at_once(full, state)
        key = (full.document.generation, state)
        return await self._diff_flights.run(
            key, lambda: render_document(diff(old, full.document)), partial(self._keep_diff, full, state)
        )

    def since_at_once(self, full: Published, state: str) -> bytes | None:
        """As `since`, without letting anything else run meanwhile."""
        cached = self._diffs.get(state) if full is self._newest else None
        old = self._old(full, state)
        if cached is not None or old is None:
            return cached
        body = render_document(diff(old, full.document))
        self._keep_diff(full, state, body)
        return body

    def _held(self, view: FederatedView) -> Published | None:
        newest = self._newest
        return newest if newest is not None and newest.document.generation == view.generation else None

    def _is_long(self, view: FederatedView) -> bool:
        return sum(len(view.merged.tree.of(kind)) for kind in EntityKind) >= self._long_tree

    def _render(self, view: FederatedView) -> Published:
        """In a thread or not: touches nothing that changes."""
        document = document_of(view, self._boot_id)
        body = render_document(document)
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return Published(document, body, etag, self._is_long(view))

    def _keep(self, published: Published) -> None:
        """Remember it, unless it is of a view that was replaced while it was rendered."""
        if self._newest is None or self._newest.document.generation < published.document.generation:
            self._newest = published
            self._history.add(published.document)
            self._diffs.clear()

    def _old(self, full: Published, state: str) -> TreeDocument | None:
        """The document that readers in `state` have, if it is older than `full`."""
        boot_id, _, generation = state.partition(":")
        if not (generation.isascii() and generation.isdigit() and len(generation) < 16):
            return None
        old = self._history.at(boot_id, int(generation))
        return None if old is None or old.generation > full.document.generation else old

    def _keep_diff(self, full: Published, state: str, body: bytes) -> None:
        if full is self._newest and len(self._diffs) < CACHED_DIFFS:
            self._diffs[state] = body


def document_of(view: FederatedView, boot_id: str) -> TreeDocument:
    """What a view tells other gateways: every known record, and the names that differ."""
    records = view.topology.records
    return TreeDocument(
        format=TREE_FORMAT,
        instance_id=view.self_id,
        boot_id=boot_id,
        generation=view.generation,
        records=tuple(records[instance] for instance in sorted(records)),
        names=view.renamed,
    )
