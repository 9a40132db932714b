"""Resource collections of an entity: our own items and those of every other contributor, as one list."""

import asyncio
from collections.abc import Iterator, Sequence

from aiohttp import web
from msgspec.structs import replace

from entities.classify import own_members
from entities.hops import MAX_LISTED
from entities.model import App, Component, EntityKind
from gateway.http import errors
from gateway.http.answer import WholeAnswer, json_answer, list_answer
from gateway.http.call import Call
from gateway.http.combine import render_collection
from gateway.http.exchange import Exchange, entity_path, not_asked
from gateway.http.log_list import narrow, refuse_failed, refuse_unreadable
from gateway.http.own_item import change_own, raised, refuse_creation, status_document
from gateway.http.parts import own_parts, render_part
from gateway.http.path import API_PREFIX, RESOURCE_COLLECTIONS, UNBUILT_COLLECTIONS
from gateway.http.subject import LARGE_ENTITY, Subject
from gateway.http.told import MULTI_STATUS, Result, results_body
from gateway.local.answers import EntityRef, ResourceError
from peers.foreign_tree import ANSWERED_BY
from peers.view import Gap

_NOT_BUILT = frozenset({"locks", "scripts"})
_NO_STORE = ("Cache-Control", "no-store")


async def answer_collection(exchange: Exchange, call: Call, subject: Subject, collection: str) -> web.StreamResponse:
    """`/{entity}/{collection}` of an entity that is ours or shared. Raises ApiError."""
    if collection in UNBUILT_COLLECTIONS or (collection in _NOT_BUILT and call.is_read):
        raise errors.not_implemented(collection)
    if collection not in RESOURCE_COLLECTIONS:
        raise errors.no_route()
    if collection == "status":
        return _status(exchange, call, subject)
    if call.is_read:
        return await _read(exchange, call, subject, collection)
    if call.request.method == "DELETE" and collection in ("faults", "configurations"):
        return await _change_all(exchange, call, subject, collection)
    return await _create(exchange, call, subject, collection)


def _status(exchange: Exchange, call: Call, subject: Subject) -> WholeAnswer:
    kind, path = subject.entity.kind, f"{API_PREFIX}/{subject.entity.kind.value}/{subject.entity.id}/status"
    itself = EntityRef(kind, subject.own_id)
    transitions = exchange.own.transitions(itself) if itself in subject.local_members else ()
    document = status_document(kind, path, is_ready=_is_ready(subject), transitions=transitions)
    if document is None or not call.is_read:
        raise errors.no_route()
    return json_answer(document, headers=[_NO_STORE])


def _is_ready(subject: Subject) -> bool:
    """An App that runs; a Component that is a computer, or has nothing on it, or has something that runs."""
    entity = subject.entity.entity
    if not subject.entity.available:
        return False
    match entity:
        case App():
            return entity.is_online
        case Component(type="computer", source="runtime"):
            return True
        case _:
            found = (subject.shown.find(EntityKind.APP, app_id) for app_id in subject.members[1])
            apps = [merged for merged in found if merged is not None]
            return not apps or any(one.available and getattr(one.entity, "is_online", True) for one in apps)


async def _read(exchange: Exchange, call: Call, subject: Subject, collection: str) -> WholeAnswer:
    itself = EntityRef(subject.entity.kind, subject.own_id)
    limits = exchange.own.log_limits(itself) if itself in subject.local_members else None
    parts = await own_parts(
        exchange.own, call.view, subject.local_members, collection=collection, query=call.query(), limits=limits
    )
    if isinstance(parts, ResourceError):
        raise raised(parts, subject.entity.id)
    if collection == "logs":
        refuse_unreadable(subject, parts)
    gaps: tuple[Gap, ...] = ()
    if subject.others and call.hops.no_fan_out and not call.hops.via:
        gaps = not_asked(call, subject.others)
    elif subject.others:
        found, _, missing = await exchange.ask_others(
            call,
            subject.live_scopes,
            path=subject.path(collection),
            collection=collection,
            about=EntityRef(subject.entity.kind, subject.entity.id),
        )
        parts = [*parts, *found]
        gaps = (*subject.silent, *missing)
    applied = call.require_whole(gaps)
    await subject.prepare(collection)
    if len(parts) > LARGE_ENTITY:
        body = await asyncio.to_thread(render_collection, subject, collection, parts, gaps)
    else:
        body = render_collection(subject, collection, parts, gaps)
    if applied:
        refuse_failed(body.get("x-medkit", {}))
    if collection == "logs" and limits is not None:
        body["items"] = narrow(body["items"], limits)
    if call.reader is not None:
        body["x-medkit"] = {**body.get("x-medkit", {}), ANSWERED_BY: call.view.self_id}
    return await list_answer(body, headers=[_NO_STORE, *applied])


async def answer_part(exchange: Exchange, call: Call, collection: str) -> WholeAnswer:
    """The answer to X-Medkit-Origins: our own part if we are asked, and the parts of those behind us."""
    route = entity_path(call)
    origins = call.hops.origins or ()
    others = tuple(origin for origin in origins if origin != call.view.self_id)
    parts, answered = [], []
    if call.view.self_id in origins:
        tree, structure = call.view.own.tree, call.view.own.structure
        refs = [
            EntityRef(kind, entity_id)
            for kind, entity_id in own_members(tree, structure, route.kind, route.entity_id, call.hops.scope)
        ]
        own = await own_parts(exchange.own, call.view, refs, collection=collection, query=call.query())
        if isinstance(own, ResourceError):
            raise raised(own, route.entity_id)
        parts, answered = own, [call.view.self_id]
    missing: tuple[Gap, ...] = ()
    if others:
        found, others_answered, missing = await exchange.ask_others(
            call,
            dict.fromkeys(others, call.hops.scope),
            path=call.request.raw_path.partition("?")[0],
            collection=collection,
            about=EntityRef(route.kind, route.entity_id),
        )
        parts = [*parts, *found]
        answered.extend(others_answered)
    return await list_answer(render_part(parts, answered, missing), headers=[_NO_STORE])


async def _create(exchange: Exchange, call: Call, subject: Subject, collection: str) -> web.StreamResponse:
    """A creation goes to the first contributor, and nowhere else."""
    first = call.view.self_id if call.own else subject.entity.instances[0]
    if first == call.view.self_id:
        raise refuse_creation(collection)
    return await exchange.relay_item(call, first, subject.path(collection))


async def _change_all(exchange: Exchange, call: Call, subject: Subject, collection: str) -> web.StreamResponse:
    """Clears or resets at every contributor; 207 when some of them fail."""
    changed = [ref for ref in subject.local_members if ref.kind in (EntityKind.COMPONENT, EntityKind.APP)]
    results: list[Result] = [await change_own(exchange.own, ref, collection) for ref in changed]
    results.extend(await change_others(exchange, call, subject, subject.path(collection)))
    if all(result["success"] for result in results):
        return WholeAnswer(204)
    return json_answer(results_body(subject.entity.id, results, counted=collection == "configurations"), MULTI_STATUS)


async def change_others(exchange: Exchange, call: Call, subject: Subject, path: str) -> list[Result]:
    """Sends the same change to every other owner; a result each, with the error and status where it failed, or what
    the owner says of each of its members.
    """
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(_change_at(exchange, scoped, instance, path))
            for instance, scoped in scoped_calls(call, subject)
        ]
    return [result for task in asked for result in task.result()]


async def _change_at(exchange: Exchange, call: Call, instance: str, path: str) -> Sequence[Result]:
    label = call.view.topology.label(instance)
    try:
        told = await exchange.tell(call, instance, path)
    except errors.ApiError as error:
        return [{"app_id": label, "node": "", "success": False, "error": error.message, "status": error.status}]
    if told.results:
        return told.results
    done = told.status < 300 and told.status != MULTI_STATUS
    why = f"{label} answered {told.status}{f': {told.why}' if told.why else ''}"
    failure = {} if done else {"error": why}
    return [{"app_id": label, "node": "", "success": done, "status": told.status, **failure}]


def scoped_calls(call: Call, subject: Subject) -> Iterator[tuple[str, Call]]:
    """The call as each other owner gets it: with the Components below the entity that concern it, some at a time."""
    for instance, scope in subject.scopes.items():
        for at in range(0, max(1, len(scope)), MAX_LISTED):
            hops = replace(call.hops, scope=scope[at : at + MAX_LISTED])
            yield instance, replace(call, hops=hops)
