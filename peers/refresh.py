"""Turns what is known of the peers into the next view, and publishes it when it differs. One task."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import assert_never

import structlog

from entities.classify import MAX_DEPTH, Dropped, classify, leaf_collisions
from entities.gather import Picture, gather_records
from entities.identity import GatewayIdentity
from entities.merge import Retain, merge
from entities.model import EntityKind, GatewayTree
from entities.names import NameTable, Naming, give_names
from entities.records import Record
from entities.routes import MAX_HOPS, FirstHop, Topology, survey
from peers.gaps import standing_gaps
from peers.own_record import OwnRecord, alone
from peers.registry import Registry
from peers.view import FederatedView, Gap, TreeView, ViewHolder, Warned

log = structlog.get_logger("peers")


@dataclass(frozen=True, slots=True)
class RefreshSettings:
    """When and how views are made."""

    interval_ms: int = 10_000
    """Milliseconds between two periodic refreshes (`refresh_interval_ms`)."""
    retain: Retain = "none"
    """`aggregation.retain_offline`."""
    thread_entities: int = 5_000
    """From this many entities on, merging runs in a thread so that the loop stays free."""
    notice_refreshes: int = 6
    """Periodic refreshes for which a displaced name or a changed identity stays in the warnings."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything one refresh decides from, taken at one moment."""

    own: Record
    first_hops: tuple[FirstHop, ...]
    pictures: tuple[Picture, ...]
    names: NameTable
    periodic: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """What a refresh found, before anybody sees it."""

    topology: Topology
    naming: Naming
    merged: TreeView | None
    """None when nothing that is shown differs from the view before."""


def draft_view(inputs: Inputs, before: FederatedView, retain: Retain) -> Draft:
    """The next picture of the federation. Pure."""
    records = gather_records(inputs.own, inputs.pictures)
    topology = survey(inputs.own.id, inputs.first_hops, records)
    names_told = {picture.peer: picture.document.names for picture in inputs.pictures}

    def shown(peer: str, instance: str, own_id: str) -> str:
        return names_told.get(peer, {}).get(instance, {}).get(own_id, own_id)

    naming = give_names(topology, shown, inputs.names, periodic=inputs.periodic)
    if _looks_the_same(topology, naming.table, before):
        return Draft(topology, naming, None)
    tree = merge(topology, naming.table, retain=retain)
    return Draft(topology, naming, TreeView(tree, classify(tree)))


def _looks_the_same(topology: Topology, names: NameTable, before: FederatedView) -> bool:
    old = before.topology
    return (
        topology.first_hops == old.first_hops
        and topology.live == old.live
        and topology.configured == old.configured
        and names.here == before.names.here
        and topology.records.keys() == old.records.keys()
        and all(
            record is old.records[instance] or record.version == old.records[instance].version
            for instance, record in topology.records.items()
        )
    )


def own_view(record: Record) -> TreeView:
    """Our record alone, for requests whose Target we are."""
    topology = survey(record.id, (), {record.id: alone(record)})
    tree = merge(topology, NameTable())
    return TreeView(tree, classify(tree))


def first_view(identity: GatewayIdentity) -> FederatedView:
    """Generation 0: nothing but ourselves, before the first refresh."""
    record = Record(id=identity.instance_id, version=(identity.epoch, 0), name=identity.name)
    topology = survey(record.id, (), {record.id: record})
    view = own_view(record)
    return FederatedView(0, record, topology, NameTable(), view, view)


def _dropped_edge(kind: EntityKind, entity_id: str, why: Dropped) -> Warned:
    """The warning for an entity whose parent is ignored."""
    match why:
        case "cycle":
            message = f"{kind.title} {entity_id} is its own ancestor; its parent is ignored"
            return Warned("hierarchy_cycle", message, (entity_id,))
        case "too_deep":
            message = f"{kind.title} {entity_id} has more than {MAX_DEPTH} ancestors; its parent is ignored"
            return Warned("hierarchy_too_deep", message, (entity_id,))
        case _:
            assert_never(why)


def _too_far(way: str) -> Warned:
    message = (
        f"{way} is more than {MAX_HOPS} links away; it and what stands behind it is left out. "
        "List a gateway that is nearer to it as a peer of this one"
    )
    return Warned("gateway_too_far", message, (), (way,))


def _own_refused(why: str) -> Warned:
    message = f"other gateways cannot take what this one says of itself, or not all of it: {why}"
    return Warned("own_record_refused", message)


class Refresh:
    """The one writer of the view."""

    def __init__(
        self,
        identity: GatewayIdentity,
        registry: Registry,
        holder: ViewHolder,
        own_tree: Callable[[], GatewayTree],
        settings: RefreshSettings,
        *,
        names: NameTable,
        standing: Sequence[Warned] = (),
    ) -> None:
        """`names`: as remembered from the last run; `standing`: warnings that hold as long as this process runs."""
        self._registry = registry
        self._holder = holder
        self._own_tree = own_tree
        self._settings = settings
        self._own = OwnRecord(identity)
        self._standing = tuple(standing)
        self.on_periodic: Callable[[], None] = lambda: None
        """Called at every periodic refresh: time to ask every peer for its tree."""
        # Mutable: names given, notices still shown, who is silent as the log knows it, what asks for a refresh before
        # the interval is over.
        self.names = names
        self._notices: dict[Warned, int] = {}
        self._silent: set[str] = set()
        self._kick = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    def kick(self) -> None:
        """Refresh now; kicks that come while one is under way are served by one more."""
        self._kick.set()

    async def run(self) -> None:
        """Refreshes for ever: when kicked, and periodically."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._settings.interval_ms / 1000
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._kick.wait()
            self._kick.clear()
            periodic = loop.time() >= due  # also when kicks never cease
            if periodic:
                due = loop.time() + self._settings.interval_ms / 1000
                self.on_periodic()
            await self.refresh(periodic=periodic)

    async def refresh(self, *, periodic: bool) -> None:
        """One refresh; publishes if anything that is shown differs."""
        async with self._one_at_a_time:
            inputs = self._inputs(periodic=periodic)
            before = self._holder.current
            size = sum(len(record.tree) for picture in inputs.pictures for record in picture.document.records)
            if size >= self._settings.thread_entities:
                draft = await asyncio.to_thread(draft_view, inputs, before, self._settings.retain)
            else:
                draft = draft_view(inputs, before, self._settings.retain)
            self._take(inputs, draft, before, periodic=periodic)

    def _inputs(self, *, periodic: bool) -> Inputs:
        first_hops = self._registry.first_hops()
        pictures = self._registry.pictures()
        own = self._own.update(self._own_tree(), [hop.link for hop in first_hops], pictures)
        return Inputs(own, first_hops, pictures, self.names, periodic)

    def _take(self, inputs: Inputs, draft: Draft, before: FederatedView, *, periodic: bool) -> None:
        self.names = draft.naming.table
        self._age_notices(draft, periodic=periodic)
        reasons = {peer.name: peer.reason for peer in self._registry}
        gaps = standing_gaps(draft.topology, reasons)
        merged = draft.merged or before.merged
        warnings = self._warnings(merged, draft.topology)
        self._log_changes(gaps)
        if draft.merged is None:
            # Nothing that the tree document tells differs: the generation stays, so that no reader wakes for it.
            if (gaps, warnings) != (before.gaps, before.warnings):
                self._holder.publish(replace(before, gaps=gaps, warnings=warnings))
            return
        self._holder.publish(
            FederatedView(
                generation=before.generation + 1,
                own_record=inputs.own,
                topology=draft.topology,
                names=draft.naming.table,
                merged=merged,
                own=before.own if inputs.own is before.own_record else own_view(inputs.own),
                renamed=draft.naming.table.differing(draft.topology.records),
                gaps=gaps,
                warnings=warnings,
                retain=self._settings.retain,
            )
        )

    def _age_notices(self, draft: Draft, *, periodic: bool) -> None:
        peers = {peer.name for peer in self._registry}
        self._notices = {
            notice: left
            for notice, left in self._notices.items()
            if all(label.partition("/")[0] in peers for label in notice.peer_names)
        }
        if periodic:
            self._notices = {notice: left - 1 for notice, left in self._notices.items() if left > 1}
        for app in draft.naming.displaced:
            log.warning("app id displaced", app=app)
            message = f"a new App of this gateway has the id {app}; the remote App that had it is renamed"
            self._notices[Warned("app_id_displaced", message, (app,))] = self._settings.notice_refreshes
        for old, new in draft.naming.replaced:
            label = draft.topology.label(new)
            url = next((peer.endpoint.url for peer in self._registry if peer.instance == new), None)
            where = label if url is None else f"{url} (now {label})"
            log.warning("gateway replaced", peer=label, url=url, before=old, now=new)
            message = f"another instance than before answers at {where}: {old} then, {new} now; it keeps the names"
            self._notices[Warned("identity_changed", message, (), (label,))] = self._settings.notice_refreshes

    def _warnings(self, merged: TreeView, topology: Topology) -> tuple[Warned, ...]:
        collisions = [
            Warned(
                "leaf_id_collision",
                f"Component {component} is contributed by several gateways; they are shown as one",
                (component,),
                tuple(sorted(topology.label(instance) for instance in instances)),
            )
            for component, instances in leaf_collisions(merged.tree, merged.structure, topology.self_id).items()
        ]
        dropped = [
            _dropped_edge(kind, entity_id, why) for (kind, entity_id), why in merged.structure.dropped_edges.items()
        ]
        far = [_too_far("/".join(way)) for way in topology.too_far()]
        own = [] if self._own.refused is None else [_own_refused(self._own.refused)]
        return (*self._standing, *own, *collisions, *dropped, *far, *self._notices, *self._registry.warnings())

    def _log_changes(self, gaps: Sequence[Gap]) -> None:
        """Who fell silent, and who is back; who was never heard, and is not known to be silent, is neither."""
        awaited = {peer.name for peer in self._registry if peer.is_awaited}
        lost = {gap.label: gap.reason for gap in gaps}
        fell_silent = {label for label in lost if label.partition("/")[0] not in awaited} - self._silent
        for label in sorted(fell_silent):
            log.warning("gateway silent", gateway=label, reason=lost[label])
        for label in sorted(self._silent - lost.keys()):
            log.info("gateway back", gateway=label)
        self._silent = (self._silent & lost.keys()) | fell_silent
