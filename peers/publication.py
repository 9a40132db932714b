"""Our own tree document: rendered once per generation, with the diffs that readers ask for."""

import hashlib
from dataclasses import dataclass
from typing import Final

from entities.codec import TREE_FORMAT, render_document
from entities.history import History
from entities.records import TreeDocument
from peers.view import FederatedView

CACHED_DIFFS: Final = 16
"""Rendered diffs kept per generation: readers that poll in step ask for the same one."""


@dataclass(frozen=True, slots=True)
class Published:
    """The full document of one generation: its bytes and their strong ETag."""

    document: TreeDocument
    body: bytes
    etag: str


class Publication:
    """Renders the newest view on demand and remembers earlier generations for diffs."""

    def __init__(self, boot_id: str) -> None:
        """`boot_id`: of this start; a diff never reaches over it."""
        self._boot_id = boot_id
        # Mutable: the generations held, the newest one rendered, diffs already rendered.
        self._history = History()
        self._newest: Published | None = None
        self._diffs: dict[str, bytes] = {}

    def full(self, view: FederatedView) -> Published:
        """The whole document of `view`."""
        if self._newest is None or self._newest.document.generation != view.generation:
            document = document_of(view, self._boot_id)
            body = render_document(document)
            self._newest = Published(document, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
            self._history.add(document)
            self._diffs.clear()
        return self._newest

    def since(self, view: FederatedView, state: str) -> bytes | None:
        """The diff from `state` (`BOOT:GENERATION`), or None if that state is not held any more."""
        self.full(view)
        cached = self._diffs.get(state)
        if cached is not None:
            return cached
        boot_id, _, generation = state.partition(":")
        if not (generation.isascii() and generation.isdigit() and len(generation) < 16):
            return None
        change = self._history.since(boot_id, int(generation))
        if change is None:
            return None
        body = render_document(change)
        if len(self._diffs) < CACHED_DIFFS:
            self._diffs[state] = body
        return body


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
