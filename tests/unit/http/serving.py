"""The API on a loopback socket, over a view that the test sets, with a dispatch that forwards nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from gateway.auth.caller import Authority
from gateway.http.api import Api
from gateway.http.connections import ConnectionLimits, Connections
from gateway.http.documents import Documents
from gateway.http.door import Protection
from gateway.http.handlers.entities import answer_entities
from gateway.http.handlers.server import answer_server
from gateway.http.listener import Listener
from gateway.http.path import EntityCollection, EntityPath, Route, ServerPath
from gateway.http.request import ApiRequest
from gateway.http.services import Dispatch, ServedIdentity, Services
from gateway.settings import CorsSettings, RateLimitingSettings, ServerSettings
from peers.view import FederatedView, PeerStatus
from tests.unit.http.views import instance, record, view_of


@dataclass
class World:
    """What the services under test tell; tests change it while the gateway runs."""

    view: FederatedView = field(default_factory=lambda: view_of(record("here")))
    peers: Sequence[PeerStatus] = ()
    aggregation: bool = False
    is_draining: bool = False
    own: bool = False
    """Requests are answered as their Target: from what is ours alone."""
    cors: CorsSettings = field(default_factory=CorsSettings)
    authority: Authority | None = None
    server: ServerSettings = field(default_factory=ServerSettings)
    rate_limiting: RateLimitingSettings = field(default_factory=RateLimitingSettings)
    max_body_bytes: int = 1024 * 1024
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    dispatch: Dispatch | None = None
    """Instead of entities and server routes."""

    def services(self) -> Services:
        async def dispatch(request: ApiRequest, route: Route) -> web.StreamResponse:
            match route:
                case ServerPath():
                    return await answer_server(request, services, route, self.view)
                case EntityCollection() | EntityPath():
                    return await answer_entities(request, Documents(self.view), route, own=self.own)

        services = Services(
            identity=ServedIdentity(
                instance_id=instance("here"), boot_id=instance("boot"), name="here", namespace="/", version="1.2.3"
            ),
            dispatch=self.dispatch or dispatch,
            view=lambda: self.view,
            documents=Documents,
            peer_statuses=lambda: self.peers,
            draining=lambda: self.is_draining,
            clock_ns=lambda: 1_700_000_000_000_000_001,
            new_request_id=lambda: "made-here",
            aggregation_enabled=self.aggregation,
            discovery_mode="manifest_only",
            authority=self.authority,
            protection=Protection(
                server=self.server,
                cors=self.cors,
                rate_limiting=self.rate_limiting,
                with_tokens=self.authority is not None,
            ),
            max_body_bytes=self.max_body_bytes,
        )
        return services


@dataclass(frozen=True)
class Answer:
    """What came back, read whole."""

    status: int
    headers: Any
    body: bytes
    json: Any


class Client:
    """Sends targets verbatim to one gateway."""

    def __init__(self, session: aiohttp.ClientSession, port: int, connections: Connections) -> None:
        self.port = port
        self.connections = connections
        self.session = session

    async def request(self, method: str, target: str, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        url = URL(f"http://127.0.0.1:{self.port}{target}", encoded=True)
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **body) as response:
            read = await response.read()
            parsed = await response.json() if read and response.content_type == "application/json" else None
            return Answer(response.status, response.headers, read, parsed)

    async def get(self, target: str, headers: dict[str, str] | None = None) -> Answer:
        return await self.request("GET", target, headers)

    async def raw(self, request: bytes) -> bytes:
        """Everything the gateway sends on a connection of its own until it closes it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            await writer.drain()
            return await asyncio.wait_for(reader.read(), timeout=10)
        finally:
            writer.close()


async def listening(api: Api, port: int = 0, limits: ConnectionLimits | None = None) -> Listener:
    """On loopback; `aclose` it."""
    return await Listener.start(api, "127.0.0.1", port, connections=Connections(limits or ConnectionLimits()))


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[Client]:
    """A running gateway over `world`, and a client of it."""
    listener = await listening(Api(world.services()), limits=world.limits)
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(session, listener.port, listener.connections)
    finally:
        await listener.aclose()
