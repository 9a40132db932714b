"""Puts a gateway together from its settings: every object made once, here, and given to those that use it."""

import random
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from discovery.endpoint import PeerEndpoint
from entities.identity import GatewayIdentity
from gateway.auth.caller import AuthService
from gateway.current import CurrentSettings
from gateway.descriptors import connection_limits
from gateway.finders import Finders
from gateway.http.api import Api
from gateway.http.connections import Connections
from gateway.http.dispatch import Dispatcher, DispatchSettings
from gateway.http.documents import Documents
from gateway.http.door import Protection
from gateway.http.exchange import Exchange
from gateway.http.finishing import FinishingWrites
from gateway.http.proxy import ProxyLimits
from gateway.http.readers import UpstreamReaders
from gateway.http.services import ServedIdentity, Services
from gateway.http.stream_slots import StreamSlots
from gateway.local.fault_change import render_change
from gateway.local.manifest.load import LoadedManifest
from gateway.local.manifest_source import ManifestSource
from gateway.local.own import OwnEntities
from gateway.local.storage import Storage
from gateway.loop_watch import LoopWatch
from gateway.mdns import Mdns
from gateway.own_sources import MakeSource, own_sources
from gateway.own_warnings import storage_warnings
from gateway.peer_terms import PeerTerms
from gateway.server_tls import ServerTls
from gateway.settings import Settings
from gateway.state_dir import StateDir
from gateway.version import grove_version
from peers.budget import ByteBudget
from peers.client import PeerClient
from peers.descriptors import Descriptors
from peers.federation import Federation, FederationSettings
from peers.memory import PeerMemory
from peers.publication import Publication
from peers.refresh import RefreshSettings
from peers.resolver import Resolver
from peers.roster import RosterSettings
from peers.settings import ForeignSettings, ResolverSettings, TransportSettings
from peers.view import FederatedView, Warned
from peers.watcher import WatchSettings

PROBE_TIMEOUT_MS = 1000
"""Longest a health probe may take; never longer than `aggregation.timeout_ms`."""


@dataclass(slots=True)
class DrainFlag:
    """Whether the gateway is about to stop. Mutable, set once."""

    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts that lifecycle starts and stops."""

    api: Api
    connections: Connections
    writes: FinishingWrites
    own: OwnEntities
    manifest: ManifestSource | None
    federation: Federation
    terms: PeerTerms
    finders: Finders
    resolver: Resolver
    mdns: Mdns
    drain: DrainFlag
    loop_watch: LoopWatch
    streams: StreamSlots
    tls: ServerTls | None = None
    auth: AuthService | None = None


class CurrentDocuments:
    """The rendered documents of the newest view, made when they are first asked for."""

    def __init__(self, newest: Callable[[], FederatedView]) -> None:
        """`newest`: the view that new requests take."""
        self._newest = newest
        # Mutable: the documents of one view.
        self._documents = Documents(newest())

    def __call__(self, view: FederatedView) -> Documents:
        """The documents of `view`; kept if it is the newest."""
        if self._documents.view is view:
            return self._documents
        documents = Documents(view)
        if view is self._newest():
            self._documents = documents
        return documents


def compose(
    current: CurrentSettings,
    identity: GatewayIdentity,
    state: StateDir,
    *,
    manifest: LoadedManifest | None,
    standing: Sequence[Warned],
    tls: ServerTls | None = None,
    auth: AuthService | None = None,
    files: int,
    program: MakeSource | None = None,
) -> Gateway:
    """A gateway that does nothing yet. `standing`: warnings that hold as long as it runs; `tls`: of its listener.

    `files`: how many connections may take. `program`: what the program that embeds the gateway offers.
    """
    settings = current.settings
    descriptors = Descriptors(files)
    connections = Connections(connection_limits(settings, files), descriptors)
    storage = Storage(state.path, clock=time.time_ns)
    sources = own_sources(settings, manifest, program)
    own = OwnEntities(sources, clock=time.time_ns, storage=storage)
    terms = PeerTerms(settings.aggregation)
    resolver = Resolver(ResolverSettings())
    federation = _federation(
        settings,
        identity,
        state,
        own=own,
        terms=terms,
        resolver=resolver,
        descriptors=descriptors,
        standing=standing,
    )
    loop_watch = LoopWatch(federation.loop_was_late)
    mdns = Mdns(settings, identity)
    finders = Finders(settings, identity, federation, mdns.source)
    drain = DrainFlag()
    streams = StreamSlots(settings.sse.max_clients)
    readers = UpstreamReaders(federation.mutual, time.monotonic)
    dispatcher = _dispatcher(settings, identity, own=own, federation=federation, readers=readers, streams=streams)
    writes = FinishingWrites(dispatcher)
    services = Services(
        identity=ServedIdentity(
            instance_id=identity.instance_id,
            boot_id=identity.boot_id,
            name=settings.name,
            namespace=settings.namespace,
            version=grove_version(),
        ),
        dispatch=writes,
        view=lambda: federation.view,
        documents=CurrentDocuments(lambda: federation.view),
        peer_statuses=federation.registry.statuses,
        discovered=finders.discovered,
        passing_warnings=lambda view: (
            *readers.warnings(view),
            *finders.warnings(),
            *mdns.warnings(),
            *(() if tls is None else tls.warnings()),
            *connections.warnings(),
            *storage_warnings(storage),
            *current.warnings(),
            *loop_watch.warnings(),
            *federation.warnings(),
            *(() if auth is None else auth.warnings()),
        ),
        draining=lambda: drain.is_set,
        clock_ns=time.time_ns,
        aggregation_enabled=settings.aggregation.enabled,
        discovery_mode=_mode(settings),
        capabilities=("tree", "events"),
        authority=None if auth is None else auth.authority,
        protection=protection_of(settings),
        max_body_bytes=settings.server.max_body_bytes,
    )
    dispatcher.bind(services)
    return Gateway(
        api=Api(services),
        connections=connections,
        writes=writes,
        streams=streams,
        own=own,
        manifest=next((source for source in sources if isinstance(source, ManifestSource)), None),
        federation=federation,
        terms=terms,
        finders=finders,
        resolver=resolver,
        mdns=mdns,
        drain=drain,
        loop_watch=loop_watch,
        tls=tls,
        auth=auth,
    )


def _dispatcher(
    settings: Settings,
    identity: GatewayIdentity,
    *,
    own: OwnEntities,
    federation: Federation,
    readers: UpstreamReaders,
    streams: StreamSlots,
) -> Dispatcher:
    transport, aggregation = _transport(settings), settings.aggregation
    return Dispatcher(
        lambda: federation.view,
        Exchange(
            own,
            federation.registry,
            ProxyLimits(translated_bytes=transport.combined_body_bytes, stream_idle_ms=aggregation.stream_idle_ms),
            max_body_bytes=settings.server.max_body_bytes,
            combined_body_bytes=transport.combined_body_bytes,
            streams=streams,
        ),
        Publication(identity.boot_id),
        federation.broadcast,
        readers,
        faults=federation.faults,
        settings=DispatchSettings(aggregation.timeout_ms, aggregation.write_timeout_ms),
    )


def _federation(
    settings: Settings,
    identity: GatewayIdentity,
    state: StateDir,
    *,
    own: OwnEntities,
    terms: PeerTerms,
    resolver: Resolver,
    descriptors: Descriptors,
    standing: Sequence[Warned],
) -> Federation:
    aggregation = settings.aggregation
    transport = _transport(settings)
    budget = ByteBudget(transport.total_budget_bytes)

    def make_client(endpoint: PeerEndpoint) -> PeerClient:
        return PeerClient(
            endpoint,
            transport,
            resolver=resolver,
            tls=terms.tls(endpoint),
            budget=budget,
            credential=terms.credential(endpoint),
            passes_authorization=terms.passes_on(endpoint),
            descriptors=descriptors,
        )

    federation = Federation(
        identity,
        FederationSettings(
            watch=WatchSettings(
                interval_ms=settings.health_interval_ms,
                timeout_ms=min(PROBE_TIMEOUT_MS, aggregation.timeout_ms),
                read_timeout_ms=aggregation.timeout_ms,
                strike_ms=min(200, settings.health_interval_ms),
                tree_body_bytes=transport.tree_body_bytes,
                max_entities=aggregation.max_peer_entities,
            ),
            refresh=RefreshSettings(interval_ms=settings.refresh_interval_ms, retain=aggregation.retain_offline),
            foreign=ForeignSettings(request_timeout_ms=aggregation.timeout_ms),
            roster=RosterSettings(max_discovered=aggregation.max_discovered_peers),
        ),
        own_tree=lambda: own.tree,
        make_client=make_client,
        clock=time.monotonic,
        memory=None if state.ephemeral else PeerMemory(state, max_entities=aggregation.max_peer_entities),
        jitter=random.Random(),  # noqa: S311 -- spreads probes in time, keeps no secret
        new_token=lambda: secrets.token_hex(16),
        standing=standing,
        authorities=_authorities(settings),
    )
    own.subscribe(federation.refresh.kick)
    own.faults.listeners.append(lambda change: federation.faults.publish(*render_change(change)))
    return federation


def _authorities(settings: Settings) -> tuple[str, ...]:
    """Where this gateway can be reached, as far as it knows by itself; those who reach it tell more."""
    port = settings.server.port
    hosts = ("127.0.0.1", "localhost", "[::1]", socket.gethostname().lower(), settings.server.host.lower())
    return tuple(f"{host}:{port}" for host in hosts)


def _transport(settings: Settings) -> TransportSettings:
    return TransportSettings(
        connect_timeout_ms=settings.aggregation.connect_timeout_ms,
        stream_idle_ms=settings.aggregation.stream_idle_ms,
        idle_keep_ms=settings.aggregation.idle_keep_ms,
    )


def protection_of(settings: Settings) -> Protection:
    """What requests pass at first, by these settings."""
    return Protection(
        server=settings.server,
        cors=settings.cors,
        rate_limiting=settings.rate_limiting,
        with_tokens=settings.auth.enabled,
    )


def _mode(settings: Settings) -> str:
    """The word of `discovery.mode` for the sources that are on."""
    if settings.local.manifest is None:
        return "runtime_only"
    return "hybrid" if settings.local.host else "manifest_only"
