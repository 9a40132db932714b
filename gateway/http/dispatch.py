"""Decides who answers a request: ready bytes, our own entities, the owner's gateway, or several at once.

The table of docs/architecture.md, "Who answers". The view is taken once; everything below works on that one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

from aiohttp import web

from entities.merge import MergedEntity
from entities.model import EntityKind, is_valid_id
from entities.routes import Gone, Own, Remote, Shared
from gateway.http import errors
from gateway.http.answer import WholeAnswer, json_answer
from gateway.http.call import Call, read_hops
from gateway.http.exchange import Exchange, scoped_paths
from gateway.http.fault_events import FaultEvents
from gateway.http.handlers.collections import answer_collection, answer_part
from gateway.http.handlers.entities import answer_entities
from gateway.http.handlers.events import answer_events
from gateway.http.handlers.fault_stream import answer_fault_stream
from gateway.http.handlers.faults import answer_fault
from gateway.http.handlers.gateways import answer_global, answer_route, answer_tree, clear_own_faults
from gateway.http.handlers.items import answer_item
from gateway.http.handlers.server import answer_server, version_entry
from gateway.http.handlers.upstream import answer_reader
from gateway.http.lookup import find_entity, gone, unknown_here
from gateway.http.own_item import NOT_FOUND
from gateway.http.owner_path import owner_path
from gateway.http.path import EntityCollection, EntityPath, Route, ServerPath, relation_names
from gateway.http.readers import UpstreamReaders
from gateway.http.request import ApiRequest
from gateway.http.services import Services
from gateway.http.subject import Subject, Subjects
from gateway.http.told import MULTI_STATUS, results_body
from peers.broadcast import Broadcast
from peers.fault_exchange import FaultExchange
from peers.forward import SAFE_METHODS
from peers.publication import Publication
from peers.view import FederatedView


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """Milliseconds that others may take, connect to the head of their answer."""

    timeout_ms: int = 2000
    """For reads, and for a fan-out as a whole (`aggregation.timeout_ms`)."""
    write_timeout_ms: int = 30_000
    """For everything that may change something (`aggregation.write_timeout_ms`)."""


SCOPED_CHANGES: Final = frozenset({"faults", "configurations"})
"""Collections in which a Target acts on members of an entity it may not know itself (`X-Medkit-Scope`)."""


class Dispatcher:
    """Answers every request whose path is a route."""

    def __init__(
        self,
        view: Callable[[], FederatedView],
        exchange: Exchange,
        publication: Publication,
        broadcast: Broadcast,
        readers: UpstreamReaders,
        *,
        faults: FaultExchange,
        settings: DispatchSettings,
    ) -> None:
        """`bind` gives it the services, which in turn know it."""
        self._view = view
        self._exchange = exchange
        self._publication = publication
        self._broadcast = broadcast
        self._faults = faults
        self._fault_events = FaultEvents()
        self._readers = readers
        self._settings = settings
        self._subjects = Subjects()
        # Mutable until `bind`: the services.
        self._services: Services | None = None

    def bind(self, services: Services) -> None:
        """The services of the application that dispatches here."""
        self._services = services

    @property
    def services(self) -> Services:
        """The services; an error of composition if there are none."""
        if self._services is None:
            raise RuntimeError("the dispatcher was used before it was bound")
        return self._services

    async def __call__(self, request: ApiRequest, route: Route) -> web.StreamResponse:
        """The answer. Raises ApiError."""
        view = self._view()
        hops = read_hops(request, view.self_id)
        budget = self._settings.timeout_ms if request.method in SAFE_METHODS else self._settings.write_timeout_ms
        if hops.deadline_ms is not None:
            budget = min(budget, hops.deadline_ms)
        deadline = request.arrived + budget / 1000
        reader = self._readers.recognise(request, hops)
        call = Call(request, route, hops, view, own=hops.target == view.self_id, deadline=deadline, reader=reader)
        if hops.target is not None and not call.own:
            return await self._toward(call, hops.target)
        if reader is not None:
            answer = await answer_reader(self._exchange, self._readers, call, reader)
            if answer is not None:
                return answer
        match route:
            case ServerPath():
                return await self._server(call, route)
            case EntityCollection():
                return await self._documented(call, route)
            case EntityPath():
                return await self._entity(call, route)
            case _:
                assert_never(route)

    async def _toward(self, call: Call, target: str) -> web.StreamResponse:
        """The answer of the gateway that the request names."""
        path = call.request.raw_path.partition("?")[0]
        route = call.route
        if (
            not isinstance(route, EntityPath)
            or route.collection not in SCOPED_CHANGES
            or _reads_list(call, route)
            or scoped_paths(call, target, path) == (path,)
        ):
            return await self._exchange.relay_item(call, target, path)
        if not call.is_read:
            told = await self._exchange.tell(call, target, path)
            if told.status != MULTI_STATUS:
                return WholeAnswer(told.status)
            counted = route.collection == "configurations"
            return json_answer(results_body(route.entity_id, told.results, counted=counted), MULTI_STATUS)
        answer = await self._exchange.relay_unless(call, target, path, status=NOT_FOUND)
        return answer or await self._exchange.relay_item(call, target, path)

    async def _server(self, call: Call, route: ServerPath) -> web.StreamResponse:
        match (route.name, route.rest, call.is_read):
            case ("faults" | "version-info", (), True):
                version = version_entry(self.services.identity)
                return await answer_global(self._exchange, call, route.name, version)
            case ("faults", (), False) if call.request.method == "DELETE":
                return await clear_own_faults(self._exchange, call)
            case ("faults", ("stream",), True) if call.request.method == "GET":
                streams = self._exchange.streams
                return await answer_fault_stream(call, self._faults, self._fault_events, streams, self._view)
            case ("x-medkit-tree", (), True):
                return await answer_tree(call, self._publication)
            case ("x-medkit-events", (), True) if call.request.method == "GET":
                identity = self.services.identity
                hello = {"instance_id": identity.instance_id, "boot_id": identity.boot_id, "name": identity.name}
                return await answer_events(call, self._broadcast, self._faults, hello)
            case ("x-medkit-route", (entity_id,), True):
                return answer_route(call, entity_id)
            case ("updates", _, _):
                raise errors.not_implemented("updates")
            case _:
                return await answer_server(call.request, self.services, route, call.view)

    async def _documented(self, call: Call, route: EntityCollection | EntityPath) -> web.StreamResponse:
        documents = self.services.documents(call.view)
        return await answer_entities(call.request, documents, route, own=call.own)

    async def _entity(self, call: Call, route: EntityPath) -> web.StreamResponse:
        if call.hops.origins is not None and call.is_read and len(route.rest) == 1:
            if not is_valid_id(route.entity_id):
                raise errors.invalid_entity_id(route.entity_id)
            return await answer_part(self._exchange, call, route.rest[0])
        if route.collection in relation_names(route.kind) and len(route.rest) == 1:
            return await self._documented(call, route)
        if call.own and call.hops.scope and route.collection in SCOPED_CHANGES and is_valid_id(route.entity_id):
            known = call.view.own.find(route.kind, route.entity_id) or unknown_here(route.kind, route.entity_id)
            return await self._here(call, route, known, scope=call.hops.scope)
        entity = find_entity(call.view, route.kind, route.entity_id, own=call.own)
        owner = Own() if call.own else call.view.owner(route.kind, entity.id)
        match owner:
            case None | Gone():
                raise gone(call.view, entity, is_read=call.is_read)
            case Remote(instance) if route.rest or entity.kind in (EntityKind.APP, EntityKind.COMPONENT):
                path = owner_path(call, entity, instance)
                return await self._exchange.relay_item(call, instance, path)
            case Own() | Shared() | Remote():
                return await self._here(call, route, entity)
            case _:
                assert_never(owner)

    async def _here(
        self, call: Call, route: EntityPath, entity: MergedEntity, *, scope: tuple[str, ...] | None = None
    ) -> web.StreamResponse:
        """Answered by us, with the parts of others where the entity is shared."""
        collection = route.collection
        if collection is None or route.rest[-1] == "docs":
            return await self._documented(call, route)
        if scope is None:
            subject = self._subjects.of(call.view, call.shown, entity)
        else:
            subject = Subject(call.view, call.shown, entity, scope)
        if route.item is None:
            return await answer_collection(self._exchange, call, subject, collection)
        if collection == "faults":
            return await answer_fault(self._exchange, call, subject)
        return await answer_item(self._exchange, call, subject, collection)


def _reads_list(call: Call, route: EntityPath) -> bool:
    return call.is_read and route.item is None
