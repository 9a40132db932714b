"""What concerns gateways, not entities: faults and versions of all of them, the tree document, the way to an id."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from entities.merge import MergedEntity
from entities.model import EntityKind, is_valid_id
from entities.routes import Gone, Own, Owner, Remote, Shared
from gateway.http import errors
from gateway.http.answer import WholeAnswer, has_current, json_answer, list_answer
from gateway.http.call import Call
from gateway.http.exchange import Exchange, not_asked, silent
from gateway.http.gaps import gap_marks
from gateway.http.own_item import ALL_STATUSES, raised
from gateway.http.parts import Part, own_parts, render_part
from gateway.http.path import API_PREFIX
from gateway.http.subject import LARGE_ENTITY
from gateway.http.translate import reported_as
from gateway.local.answers import EntityRef, ResourceError
from gateway.local.fault_record import parse_status_filter
from peers.publication import Publication
from peers.view import FederatedView, Gap

_NO_STORE: Final = ("Cache-Control", "no-store")


async def answer_global(
    exchange: Exchange, call: Call, collection: str, version: Mapping[str, Any]
) -> web.StreamResponse:
    """`GET /faults` or `GET /version-info`: our own first, then every other known gateway's. Raises ApiError."""
    own = await _own(exchange, call, collection, version)
    origins = call.hops.origins
    if origins is not None:
        others = {origin: () for origin in origins if origin != call.view.self_id}
        mine = own if call.view.self_id in origins else []
        found, answered, missing = await _others(exchange, call, others, collection)
        if call.view.self_id in origins:
            answered = (call.view.self_id, *answered)
        return await list_answer(render_part([*mine, *found], answered, missing), headers=[_NO_STORE])
    if call.own:
        return await _answer(call, collection, own, ())
    known = list(call.view.topology.configured)
    if call.hops.no_fan_out and not call.hops.via:
        found, gaps = [], not_asked(call, known)
    else:
        live = {instance: () for instance in known if call.view.topology.is_live(instance)}
        found, _, missing = await _others(exchange, call, live, collection)
        unidentified = tuple(gap for gap in call.view.gaps if gap.instance is None)
        named = {gap.label for gap in unidentified}
        gaps = (*silent(call, known), *unidentified, *(gap for gap in missing if gap.label not in named))
    applied = call.require_whole(gaps)
    return await _answer(call, collection, [*own, *found], gaps, headers=[_NO_STORE, *applied])


async def _own(exchange: Exchange, call: Call, collection: str, version: Mapping[str, Any]) -> list[Part]:
    if collection == "version-info":
        return [Part(call.view.self_id, None, dict(version))]
    refs = [
        EntityRef(kind, entity_id)
        for kind in (EntityKind.COMPONENT, EntityKind.APP)
        for entity_id in call.view.own.tree.of(kind)
    ]
    parts = await own_parts(exchange.own, call.view, refs, collection=collection, query=call.query())
    if isinstance(parts, ResourceError):
        raise raised(parts, "")
    return parts


async def _others(
    exchange: Exchange, call: Call, wanted: Mapping[str, tuple[str, ...]], collection: str
) -> tuple[list[Part], tuple[str, ...], tuple[Gap, ...]]:
    if not wanted:
        return [], (), ()
    return await exchange.ask_others(call, wanted, path=f"{API_PREFIX}/{collection}", collection=collection)


async def _answer(
    call: Call,
    collection: str,
    parts: list[Part],
    gaps: tuple[Gap, ...],
    headers: Sequence[tuple[str, str]] = (),
) -> WholeAnswer:
    if len(parts) > LARGE_ENTITY:
        return await list_answer(await asyncio.to_thread(_document, call, collection, parts, gaps), headers)
    return await list_answer(_document(call, collection, parts, gaps), headers)


def _document(call: Call, collection: str, parts: list[Part], gaps: tuple[Gap, ...]) -> dict[str, Any]:
    once = {part.key if collection == "faults" else part.origin: part for part in parts}
    items = [_global_item(call, part) for part in once.values()]
    counts = {"count": len(items), "muted_count": 0, "cluster_count": 0} if collection == "faults" else {}
    medkit = {**counts, **gap_marks(gaps)}
    return {"items": items, "x-medkit": medkit} if medkit else {"items": items}


def _global_item(call: Call, part: Part) -> dict[str, Any]:
    """The item with whose it is; our own stays as it is, but an upstream gateway may bring it back to us."""
    view = call.view
    peer = view.first_peer(part.origin)
    told = part.body.get("x-medkit")
    medkit = (
        {name: value for name, value in told.items() if name not in ("origin", "member")}
        if isinstance(told, dict)
        else {}
    )
    body: Mapping[str, Any] = part.body
    if peer is not None:
        medkit["source"] = f"peer:{peer}"
        if part.member is not None:
            medkit["entity_id"] = view.id_here(part.member.kind, part.origin, part.member.id)
            body = reported_as(body, part.member.id, medkit["entity_id"])
    if call.reader is not None:
        medkit["origin"] = part.origin
    rest = {name: value for name, value in body.items() if name != "x-medkit"}
    return {**rest, "x-medkit": medkit} if medkit else rest


async def clear_own_faults(exchange: Exchange, call: Call) -> WholeAnswer:
    """`DELETE /faults[?status=]`: ours only, and said so, as upstream does. Raises ApiError: 400 for a bad status."""
    status = call.query().get("status")
    statuses = ALL_STATUSES if status is None else parse_status_filter(status)
    if isinstance(statuses, ResourceError):
        raise raised(statuses, "")
    answer = await exchange.own.faults.clear_all(None, statuses)
    if isinstance(answer, ResourceError):
        raise raised(answer, "")
    return WholeAnswer(204, [("X-Medkit-Local-Only", "true")])


async def answer_tree(call: Call, publication: Publication) -> WholeAnswer:
    """`GET /x-medkit-tree[?since=BOOT:GENERATION]`: 304, a diff, or all of it; the ETag is always that of all of it."""
    full = await publication.full(call.view)
    headers = [("ETag", full.etag), ("Cache-Control", "no-cache")]
    if has_current(call.request, full.etag):
        return WholeAnswer(304, headers)
    since = call.query().get("since")
    change = None if since is None else await publication.since(full, since)
    return json_answer(full.body if change is None else change, headers=headers)


def answer_route(call: Call, entity_id: str) -> WholeAnswer:
    """`GET /x-medkit-route/{id}`: who answers for an id, over which hops; one row per kind. Raises ApiError."""
    if not is_valid_id(entity_id):
        raise errors.invalid_entity_id(entity_id)
    rows = [
        _row(call.view, entity) for kind in EntityKind if (entity := call.view.merged.find(kind, entity_id)) is not None
    ]
    if not rows:
        raise errors.entity_not_found(entity_id)
    return json_answer({"items": rows})


def _row(view: FederatedView, entity: MergedEntity) -> dict[str, Any]:
    owner = view.owner(entity.kind, entity.id)
    instances = view.merged.owners(entity.kind, entity.id)
    row: dict[str, Any] = {
        "id": entity.id,
        "type": entity.kind.singular,
        "owner": _word(owner),
        "contributors": view.contributors_of(entity),
        "source": view.source_of(entity),
        "reachable": any(view.topology.is_live(instance) for instance in instances),
        "href": f"{API_PREFIX}/{entity.kind.value}/{entity.id}",
        "own_id": view.own_id(entity.kind, entity.id),
        "ways": [_way(view, instance) for instance in instances],
    }
    if len(instances) == 1:
        row["instance"] = instances[0]
        row["path"] = row["ways"][0]["hops"]
    return row


def _word(owner: Owner | None) -> str:
    match owner:
        case Own():
            return "own"
        case Remote():
            return "remote"
        case Shared():
            return "shared"
        case Gone() | None:
            return "gone"


def _way(view: FederatedView, instance: str) -> dict[str, Any]:
    """The hops to one owner: over links that are up if there are such, else the configured way, not reachable."""
    way = view.topology.live.get(instance) or view.topology.configured.get(instance)
    hops = (
        []
        if way is None
        else [
            {"instance": hop, "name": _name(view, hop), "peer": peer}
            for hop, peer in zip(way.instances, way.peers, strict=True)
        ]
    )
    return {
        "instance": instance,
        "name": _name(view, instance),
        "reachable": view.topology.is_live(instance),
        "hops": hops,
    }


def _name(view: FederatedView, instance: str) -> str:
    record = view.topology.records.get(instance)
    return view.topology.label(instance) if record is None else record.name
