"""What upstream gateways ask for when they read us: everything that is listed answers, whoever dies meanwhile.

Their reading is all or nothing: one answer too bad and they drop all that they have of us. So entity documents are
ready bytes here, never forwarded; and what hangs from a listed App is left out, in their words (504 `not-responding`),
when its gateway cannot be asked. Source: docs/api.md, "Upstream gateways".
"""

import asyncio
from typing import Final

from aiohttp import web
from msgspec.structs import replace

from entities.merge import MergedEntity
from entities.model import EntityKind
from entities.routes import Gone, Remote
from gateway.http import errors
from gateway.http.answer import WholeAnswer
from gateway.http.call import Call
from gateway.http.documents import Documents, Rendered
from gateway.http.exchange import Exchange
from gateway.http.handlers.entities import answer_document
from gateway.http.lookup import find_entity, find_related
from gateway.http.owner_path import owner_path
from gateway.http.path import EntityCollection, EntityPath, ServerPath, relation_names
from gateway.http.readers import UpstreamReaders
from peers.mutual import ECHO_FIELD
from peers.view import FederatedView

NESTED_MS: Final = 1000
"""Milliseconds that a gateway behind us may take: an upstream reader waits for 2 s in all."""

_READ_OF_APPS: Final = frozenset({("data",), ("operations",)})


async def answer_reader(
    exchange: Exchange, readers: UpstreamReaders, call: Call, address: str
) -> web.StreamResponse | None:
    """What the upstream gateway at `address` is answered otherwise than a client; None where it is no other.

    Raises ApiError: 504 for what is silent, 508 for what is the reader's own, 400 and 404 as for clients.
    """
    match call.route:
        case ServerPath(name="version-info"):
            readers.mutual.hear(call.query().get(ECHO_FIELD, ""), address, call.request.host)
            return None
        case EntityCollection() as route if call.is_read:
            return await _collection(readers, call, route, address)
        case EntityPath() as route if call.is_read and _is_document(route):
            return await _document(readers, call, route, address)
        case EntityPath() as route:
            return await _resource(exchange, readers, call, route, address)
        case _:
            return None


def _is_document(route: EntityPath) -> bool:
    return not route.rest or (len(route.rest) == 1 and route.rest[0] in relation_names(route.kind))


async def _collection(readers: UpstreamReaders, call: Call, route: EntityCollection, address: str) -> WholeAnswer:
    """A collection; a reading begins with that of Areas."""
    if route.kind is EntityKind.AREA:
        await readers.mutual.look(address)
    readers.note_listed(address, route.kind, call.view)
    documents = await readers.documents(address, call.view)
    return answer_document(call.request, await documents.list_of(route.kind))


async def _document(readers: UpstreamReaders, call: Call, route: EntityPath, address: str) -> WholeAnswer:
    """An entity or a relation of it; also one that was listed a moment ago and is gone."""
    rendered = _rendered(await readers.documents(address, call.view), route)
    if rendered is None and call.view.merged.find(route.kind, route.entity_id) is None:
        lately = readers.last_listed(address, route.kind)
        rendered = None if lately is None else _rendered(lately, route)
    if rendered is not None:
        return answer_document(call.request, rendered)
    find = find_related if route.rest else find_entity
    find(call.view, route.kind, route.entity_id)
    raise errors.loop_detected()


def _rendered(documents: Documents, route: EntityPath) -> Rendered | None:
    one = documents.shown.find(route.kind, route.entity_id)
    if one is None:
        return None
    if route.rest:
        return documents.relation(route.kind, one.id, route.rest[0])
    if not one.available and route.kind in (EntityKind.COMPONENT, EntityKind.APP):
        raise _silent(documents.view, one)
    return documents.detail(route.kind, one.id)


async def _resource(
    exchange: Exchange, readers: UpstreamReaders, call: Call, route: EntityPath, address: str
) -> web.StreamResponse | None:
    entity = call.view.merged.find(route.kind, route.entity_id)
    if entity is None:
        return None
    is_nested = route.kind is EntityKind.APP and route.rest in _READ_OF_APPS and call.hops.no_fan_out and call.is_read
    match call.view.owner(route.kind, entity.id):
        case Remote(instance) if instance in readers.mutual.hidden_from(address).all:
            raise errors.loop_detected()
        case Remote(instance) if is_nested:
            return await _nested(exchange, call, entity, instance)
        case Gone() if is_nested:
            raise _silent(call.view, entity)
        case _:
            return None


async def _nested(exchange: Exchange, call: Call, entity: MergedEntity, instance: str) -> web.StreamResponse:
    """What a reader reads of every App that is listed, from its gateway, whole; 504 whatever goes wrong there."""
    limit = asyncio.get_running_loop().time() + NESTED_MS / 1000
    hurried = replace(call, deadline=min(call.deadline, limit))
    try:
        answer = await exchange.relay_whole(hurried, instance, owner_path(call, entity, instance))
    except errors.ApiError as error:
        raise _silent(call.view, entity) from error
    if answer.status not in (200, 404):
        raise _silent(call.view, entity)
    return answer


def _silent(view: FederatedView, one: MergedEntity) -> errors.ApiError:
    """504 in upstream's words: what hangs from the entity is left out, the rest is read on."""
    return errors.member_unavailable(one.id, view.first_peer(one.instances[0]) or one.id)
