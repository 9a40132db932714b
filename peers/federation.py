"""The peers of one gateway at work: watchers, refresh and memory under one roof and one owner."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from discovery.endpoint import AddressRule, EndpointSet, PeerEndpoint
from entities.identity import GatewayIdentity
from entities.model import GatewayTree
from entities.names import NameTable
from entities.origin_tags import Original
from peers.broadcast import Broadcast, FaultsTold, PeerChanged, TreeChanged
from peers.client import PeerClient
from peers.errors import PeerError
from peers.eventlink import EventLink, EventLinkSettings
from peers.fault_exchange import FaultExchange
from peers.foreign import ForeignReader
from peers.foreign_line import FOREIGN_LINE, ForeignLine
from peers.grove_line import GroveLine
from peers.health import Health, HealthSettings
from peers.lookout import Lookout
from peers.memory import Note, PeerMemory
from peers.mutual import MutualPeers
from peers.peer import Clients, Peer
from peers.refresh import Refresh, RefreshSettings, first_view
from peers.registry import Registry
from peers.roster import Roster, RosterSettings
from peers.settings import ForeignSettings
from peers.sickness import OwnSickness, SicknessSettings
from peers.view import FederatedView, ViewHolder, Warned
from peers.watcher import Watcher, WatchSettings


@dataclass(frozen=True, slots=True)
class FederationSettings:
    """The settings of all that runs here, in milliseconds."""

    watch: WatchSettings = field(default_factory=WatchSettings)
    refresh: RefreshSettings = field(default_factory=RefreshSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    events: EventLinkSettings = field(default_factory=EventLinkSettings)
    foreign_events: EventLinkSettings = FOREIGN_LINE
    foreign: ForeignSettings = field(default_factory=ForeignSettings)
    roster: RosterSettings = field(default_factory=RosterSettings)
    first_look_ms: int = 700
    """How long the start waits for peers to be looked at, so that the first answers are whole."""
    save_pause_ms: int = 1_000
    """At least this long between two writes of the state directory."""
    save_retry_ms: int = 5_000
    """And this long more after one that failed."""


class Federation:
    """Everything that is known of other gateways, kept current by `run`."""

    def __init__(
        self,
        identity: GatewayIdentity,
        settings: FederationSettings,
        *,
        own_tree: Callable[[], GatewayTree],
        make_client: Callable[[PeerEndpoint], PeerClient],
        clock: Callable[[], float],
        memory: PeerMemory | None,
        jitter: random.Random,
        new_token: Callable[[], str],
        standing: Sequence[Warned] = (),
        authorities: Iterable[str] = (),
    ) -> None:
        """`clock`: monotonic seconds. `memory` is None where nothing is kept (a temporary state directory).

        `new_token`: unguessable text; `standing` warnings hold for good; `authorities`: as `host:port`, where we can
        be reached.
        """
        self._settings = settings
        self._memory = memory
        self._jitter = jitter
        self._sickness = OwnSickness(SicknessSettings(), clock=clock, peers=lambda: len(self._lookout))
        self.registry = Registry(
            identity, make_client, lambda: Health(settings.health, wall=time.time, clock=clock, sick=self._sickness)
        )
        self.roster = Roster(
            identity, self.registry, settings.roster, make_client=make_client, clock=clock, wall=time.time
        )
        self.holder = ViewHolder(first_view(identity))
        self.refresh = Refresh(
            identity,
            self.registry,
            self.holder,
            own_tree,
            settings.refresh,
            names=NameTable() if memory is None else memory.load_names(),
            standing=standing,
        )
        self.mutual = MutualPeers(
            self.registry, settings.foreign, new_token=new_token, clock=clock, authorities=authorities
        )
        self._foreign = ForeignReader(identity, settings.foreign, self.mutual, serves=self._serves)
        self.broadcast = Broadcast()
        self.faults = FaultExchange(
            identity.instance_id,
            identity.epoch,
            label_of=self._label_of,
            silent=self._silent_on_faults,
        )
        self.faults.on_entry = lambda: self.broadcast.tell(FaultsTold())
        self.faults.on_readers = self._want_lines
        self.holder.listeners.append(self._tell_generation)
        self.registry.on_transition = self._tell_peer
        self.refresh.on_periodic = self._read_all
        self.registry.on_evidence = self._look_at
        self._lookout = Lookout(self._watcher)
        self.roster.on_join = self._join
        self.roster.on_leave = self._leave
        self.roster.on_readdress = self._readdress
        self.roster.on_doubt = self._doubt
        # Mutable: what asks for a save.
        self._unsaved = asyncio.Event()
        self._saving: asyncio.Task[None] | None = None
        self._told_generation = self.holder.current.generation

    @property
    def view(self) -> FederatedView:
        """The current view; take it once per request."""
        return self.holder.current

    def set_endpoints(self, endpoints: EndpointSet) -> None:
        """The peers to have, and whom to try, from now on; once before `run`, and whenever discovery has news."""
        self.roster.set_endpoints(endpoints)

    def loop_was_late(self, late_s: float) -> None:
        """The loop came so much too late to what was due: failures of this moment are no fault of peers."""
        self._sickness.timer_was_late(late_s)

    def warnings(self) -> Iterable[Warned]:
        """What is wrong at this moment and stands in no view."""
        trouble = None if self._memory is None else self._memory.trouble
        if trouble is not None:
            message = f"what must survive a restart cannot be saved: {trouble}; it is tried again every few seconds"
            yield Warned("state_not_saved", message)

    def remember(self, is_peer: Callable[[PeerEndpoint], bool], rule: AddressRule) -> None:
        """Take up what was known in the last run, before this one's `run`.

        Who was discovered is a peer again if `is_peer` still says so; `rule` says where it may be.
        """
        if self._memory is not None:
            known = filter(is_peer, self._memory.load_roll())
            self.roster.restore(replace(one, address_rule=rule) for one in known)
            self._memory.load_peers(self.registry)

    async def run(self) -> None:
        """Watches, refreshes and saves until cancelled; an error in any of these ends all of them, loudly."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._lookout.run(self.registry), name="watch peers")
                group.create_task(self.roster.run(), name="try candidates, forget peers")
                group.create_task(self.refresh.run(), name="refresh")
                if self._memory is not None:
                    group.create_task(self._save_loop(self._memory), name="save state")
        finally:
            try:
                if self._memory is not None:
                    await self._save(self._memory)
            finally:
                await asyncio.gather(self._lookout.aclose(), *(peer.aclose() for peer in self.registry))

    def _watcher(self, peer: Peer) -> Watcher:
        watcher = Watcher(
            peer,
            self.registry,
            self._settings.watch,
            foreign=self._foreign,
            changed=self._changed,
            jitter=self._jitter,
            sickness=self._sickness,
        )
        line = GroveLine(
            peer.name,
            told=watcher.news,
            lost=watcher.hurry,
            faults=self.faults,
            may_tell=lambda origin: peer.trusted or self.view.first_peer(origin) == peer.name,
        )
        foreign = ForeignLine(peer, self.faults)
        events, foreign_events = self._settings.events, self._settings.foreign_events
        watcher.line = EventLink(
            peer.name, lambda: peer.watch_client, events, line, jitter=self._jitter, abused=peer.note_abuse
        )
        watcher.faults = EventLink(
            peer.name, lambda: peer.client, foreign_events, foreign, jitter=self._jitter, abused=peer.note_abuse
        )
        watcher.faults_wanted = lambda: self.faults.has_readers
        return watcher

    def _join(self, peer: Peer) -> None:
        self._lookout.start(peer)
        self._changed()

    def _leave(self, peer: Peer) -> None:
        self._lookout.stop(peer)
        self._changed()

    def _readdress(self, peer: Peer, clients: Clients) -> None:
        self._lookout.retire(peer.name, clients)
        watcher = self._lookout.get(peer.name)
        if watcher is not None:
            watcher.kick(read=True)
        self._changed()

    def _doubt(self, peer: Peer) -> None:
        watcher = self._lookout.get(peer.name)
        if watcher is not None:
            watcher.hurry()

    async def wait_for_first_look(self) -> None:
        """Returns once every peer was looked at and merged, or the time for it is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.first_look_ms / 1000):
                await self._lookout.is_running.wait()
                for watcher in self._lookout:
                    await watcher.first_look.wait()
        await self.refresh.refresh(periodic=False)

    def _tell_generation(self, view: FederatedView) -> None:
        self._unsaved.set()
        self.faults.look_at_silence()
        if view.generation != self._told_generation:
            self._told_generation = view.generation
            self.broadcast.tell(TreeChanged(view.generation))

    def _silent_on_faults(self) -> Iterator[str]:
        """Whose changes of faults do not arrive: known gateways without a way, and peers whose line is not open."""
        view = self.view
        yield from (gap.label for gap in view.gaps)
        for watcher in self._lookout:
            if watcher.is_deaf:
                yield watcher.peer

    def _label_of(self, instance: str) -> str:
        return self.view.topology.label(instance)

    def _want_lines(self) -> None:
        for watcher in self._lookout:
            watcher.want_lines()
        self.faults.look_at_silence()

    def _tell_peer(self, peer: Peer) -> None:
        self.broadcast.tell(PeerChanged(peer.name, peer.health.state.value))
        self.roster.look_again()

    def _serves(self, original: Original) -> bool:
        """Whether it is in the record of its owner; of one that we know without its record, anything may be."""
        kind, owner, own_id = original
        topology = self.view.topology
        record = topology.records.get(owner)
        return topology.is_known(owner) and (record is None or record.tree.find(kind, own_id) is not None)

    def _look_at(self, peer: Peer, error: PeerError | None) -> None:
        """A request that broke may mean a death, which is to be published at once."""
        watcher = self._lookout.get(peer.name)
        if watcher is not None and error is not None and error.is_broken_line:
            watcher.hurry()
        elif watcher is not None:
            watcher.kick()
        if not peer.health.linked:
            self._changed()

    def _read_all(self) -> None:
        for watcher in self._lookout:
            watcher.kick(read=True)

    def _changed(self) -> None:
        self.refresh.kick()
        self._unsaved.set()

    async def _save_loop(self, memory: PeerMemory) -> None:
        while True:
            await self._unsaved.wait()
            await asyncio.sleep(self._settings.save_pause_ms / 1000)
            self._unsaved.clear()
            await self._save(memory)
            if memory.trouble is not None:
                await asyncio.sleep(self._settings.save_retry_ms / 1000)
                self._unsaved.set()

    async def _save(self, memory: PeerMemory) -> None:
        """Saves what changed. One save at a time, also when the one that waits for it is cancelled."""
        if self._saving is not None:
            await asyncio.wait({self._saving})
        notes: list[Note] = memory.notes(self.refresh.names, self.registry)
        if notes:
            self._saving = asyncio.create_task(asyncio.to_thread(memory.save, notes), name="save files")
            await asyncio.shield(self._saving)
