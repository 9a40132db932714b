"""Upstream gateways as readers of us: how they are known, what they are shown, what they could not take.

One is known by its requests: every request of its peer client, forwarded ones too, has `User-Agent: cpp-httplib/...`
and `Connection: close`, and none of our headers but `X-Medkit-No-Fan-Out`. Source: docs/architecture.md, "Foreign
gateways".
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from aiohttp import hdrs

from entities.hops import Hops
from entities.model import EntityKind
from gateway.http.documents import LONG_LIST, Documents
from gateway.http.request import ApiRequest
from peers.horizon import Hidden, tree_without
from peers.mutual import MutualPeers
from peers.singleflight import SingleFlight
from peers.view import FederatedView, Warned

MAX_READERS: Final = 64
"""Addresses remembered; beyond, the one that was silent longest is forgotten."""

FORGOTTEN_S: Final = 300.0
"""Seconds after which a silent reader is forgotten: upstream gateways refresh at least once a minute."""

MAX_VIEWS: Final = 8
"""Generations of which readers were listed something, kept for all of them together; the newest."""

MAX_LISTED: Final = 1000
"""Entities of one collection that an upstream gateway takes; with one more it takes nothing."""

MAX_ENTITIES: Final = 10_000
"""Entities altogether that it takes."""


def is_upstream(request: ApiRequest, hops: Hops) -> bool:
    """Whether an upstream gateway asks."""
    return (
        request.headers.get(hdrs.USER_AGENT, "").startswith("cpp-httplib/")
        and request.headers.get(hdrs.CONNECTION, "").lower() == "close"
        and not hops.via
        and hops.target is None
        and hops.origins is None
    )


@dataclass(slots=True)
class _Reader:
    """One address: when it last asked, and the views from which it was last shown each collection."""

    seen: float
    shown: dict[EntityKind, FederatedView] = field(default_factory=dict)


class UpstreamReaders:
    """All of them, by address."""

    def __init__(self, mutual: MutualPeers, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        self.mutual = mutual
        self._clock = clock
        # Mutable: who reads us, the one that asked last at the end; documents of one view by what they leave out, and
        # those that threads make now.
        self._readers: OrderedDict[str, _Reader] = OrderedDict()
        self._documents: dict[Hidden, Documents] = {}
        self._flights = SingleFlight[tuple[int, Hidden], Documents]()

    def recognise(self, request: ApiRequest, hops: Hops) -> str | None:
        """The address of the upstream gateway that asks, or None if none does."""
        if not is_upstream(request, hops) or request.remote is None:
            return None
        self._forget()
        reader = self._readers.pop(request.remote, None) or _Reader(0.0)
        reader.seen = self._clock()
        self._readers[request.remote] = reader
        if len(self._readers) > MAX_READERS:
            self._readers.popitem(last=False)
        return request.remote

    async def documents(self, address: str, view: FederatedView) -> Documents:
        """The documents for a reader: without what is its own, with the marks by which we know ours again."""
        hidden = self.mutual.hidden_from(address)
        kept = self._documents.get(hidden)
        if kept is not None and kept.view is view:
            return kept
        make, keep = partial(_documents, view, hidden), partial(self._keep, hidden)
        if hidden.all and sum(len(view.merged.tree.of(kind)) for kind in EntityKind) >= LONG_LIST:
            return await self._flights.run((id(view), hidden), make, keep)
        made = make()
        keep(made)
        return made

    def _keep(self, hidden: Hidden, made: Documents) -> None:
        """Of the newest view only: an answer that was begun with an older one does not undo what others made."""
        if all(one.view.generation <= made.view.generation for one in self._documents.values()):
            same = {key: one for key, one in self._documents.items() if one.view is made.view}
            self._documents = same | {hidden: made}

    def note_listed(self, address: str, kind: EntityKind, view: FederatedView) -> None:
        """The reader was shown this collection: it will ask for everything in it."""
        reader = self._readers.get(address)
        if reader is not None:
            reader.shown[kind] = view
            self._limit_views()

    def _limit_views(self) -> None:
        shown = {view.generation for reader in self._readers.values() for view in reader.shown.values()}
        if len(shown) > MAX_VIEWS:
            oldest = min(shown)
            for reader in self._readers.values():
                reader.shown = {kind: view for kind, view in reader.shown.items() if view.generation != oldest}

    def last_listed(self, address: str, kind: EntityKind) -> Documents | None:
        """The documents of which the reader was last shown this collection; made anew, for it is rarely needed."""
        reader = self._readers.get(address)
        view = None if reader is None else reader.shown.get(kind)
        return None if view is None else Documents(view, for_upstream=True)

    def warnings(self, view: FederatedView) -> tuple[Warned, ...]:
        """What the readers of late cannot take."""
        self._forget()
        excess = ", ".join(_excess(view)) if self._readers else ""
        if not excess:
            return ()
        message = (
            f"this gateway lists {excess}; the upstream gateways that read it ({', '.join(sorted(self._readers))}) "
            f"take at most {MAX_LISTED} of one collection and {MAX_ENTITIES} altogether, and now take nothing: "
            "let them read the owners' gateways instead"
        )
        return (Warned("upstream_reader_limit", message),)

    def _forget(self) -> None:
        """Who was silent for long, with the views that are held for him."""
        since = self._clock() - FORGOTTEN_S
        for address in [address for address, reader in self._readers.items() if reader.seen < since]:
            del self._readers[address]
        if not self._readers:
            self._documents.clear()


def _documents(view: FederatedView, hidden: Hidden) -> Documents:
    shown = tree_without(view, hidden) if hidden.all else view.merged
    return Documents(view, shown=shown, for_upstream=True)


def _excess(view: FederatedView) -> Iterator[str]:
    tree, structure = view.merged.tree, view.merged.structure
    parents = {EntityKind.AREA: structure.area_parent, EntityKind.COMPONENT: structure.component_parent}
    listed = {kind: [one for one in tree.of(kind).values() if one.listed] for kind in EntityKind}
    for kind, entities in listed.items():
        top = sum(one.id not in parents.get(kind, {}) for one in entities)
        if top > MAX_LISTED:
            yield f"{top} {kind.title}s"
    total = sum(len(entities) for entities in listed.values())
    if total > MAX_ENTITIES:
        yield f"{total} entities"
