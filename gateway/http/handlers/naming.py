"""Items addressed by a name or a bare id that no record tells: whoever has to do with the entity is asked for it.

The web UI addresses everything by name, and records list neither names nor configurations.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from gateway.http import errors
from gateway.http.call import Call
from gateway.http.combine import configuration_ids
from gateway.http.exchange import Exchange
from gateway.http.parts import Part
from gateway.http.places import Place, Undecided, configuration_places
from gateway.http.subject import Subject
from gateway.local.answers import EntityRef, ItemAnswer
from peers.view import Gap

NAMING_MS: Final = 2000
"""Milliseconds that the others have to say what their items are called."""


async def named_place(
    exchange: Exchange, call: Call, subject: Subject, collection: str, name: str
) -> Place | Undecided | None:
    """Where the data item or operation of this name is; None if nobody has one.

    Raises ApiError: 502, 504 while somebody is missing, who may have one of this name too, or the only one.
    """
    is_called = _data_is_called if collection == "data" else _is_called
    parts, gaps = await _parts(exchange, call, subject, collection)
    parts = [part for part in parts if is_called(part, name)]
    table = subject.table("data" if collection == "data" else "operations")
    places = {table.show(subject.member(part), part.body["id"]): _place(part, subject) for part in parts}
    _require(call, gaps, is_found=bool(places))
    if len(places) > 1:
        return Undecided(tuple(places))
    return next(iter(places.values()), None)


async def configuration_place(exchange: Exchange, call: Call, subject: Subject, item: str) -> Place | Undecided | None:
    """Where a configuration is: by the id that is listed, else at the member that is named, else by its bare id.

    Raises ApiError as `named_place`.
    """
    guesses = list(configuration_places(subject, item))
    named = [place for place, is_named in guesses if is_named]
    for place, is_named in guesses:  # whoever has it first is listed under the bare id
        if is_named:
            continue
        if place.instance != call.view.self_id:
            break
        if _is_ours(exchange, place.ref, item):
            return place
    if len(named) == 1:
        return named[0]
    ours = () if named else [ref for ref in subject.local_members if _is_ours(exchange, ref, item)]
    if call.is_read and len(ours) == 1:  # upstream reads ours by the bare id, whatever peers have
        return Place(call.view.self_id, ours[0], item)
    parts, gaps = await _parts(exchange, call, subject, "configurations")
    listed = list(zip(configuration_ids(subject, parts), (_place(part, subject) for part in parts), strict=True))
    exact = next((place for shown, place in listed if shown == item), None)
    found = exact or next((place for _, place in listed if place in named), None)
    called = {shown: place for shown, place in listed if place.item == item}
    _require(call, gaps, is_found=found is not None or bool(called))
    if found is None and len(called) > 1:
        return Undecided(tuple(called))
    return found or next(iter(called.values()), None)


async def _parts(exchange: Exchange, call: Call, subject: Subject, collection: str) -> tuple[list[Part], Sequence[Gap]]:
    """What all members have, our own by id and name alone, and whose is missing."""
    of_ours: Mapping[str, Callable[[EntityRef], Sequence[Mapping[str, Any]]]] = {
        "data": exchange.own.data_names,
        "operations": exchange.own.operations.items,
        "configurations": lambda ref: exchange.own.configurations.items(ref).items,
    }
    ours = [
        Part(call.view.self_id, ref, dict(item)) for ref in subject.local_members for item in of_ours[collection](ref)
    ]
    if not subject.others or (call.hops.no_fan_out and not call.hops.via):
        return ours, ()
    limit = asyncio.get_running_loop().time() + NAMING_MS / 1000
    others, _, missing = await exchange.ask_others(
        replace(call, deadline=min(call.deadline, limit)),
        subject.live_scopes,
        path=subject.path(collection),
        collection=collection,
        about=EntityRef(subject.entity.kind, subject.entity.id),
    )
    return [*ours, *others], (*subject.silent, *missing)


def _is_ours(exchange: Exchange, ref: EntityRef, item: str) -> bool:
    return isinstance(exchange.own.configurations.item(ref, item), ItemAnswer)


def _place(part: Part, subject: Subject) -> Place:
    ref = part.member or EntityRef(subject.entity.kind, subject.own_id)
    return Place(part.origin, ref, part.body["id"])


def _require(call: Call, gaps: Sequence[Gap], *, is_found: bool) -> None:
    """What is found is read though somebody is missing; nothing is changed, or said not to be there, then."""
    if gaps and not (is_found and call.is_read):
        raise errors.peer_unavailable(gaps[0], may_have_executed=None if call.is_read else False)


def _is_called(part: Part, name: str) -> bool:
    return name in (part.body["id"], part.body["name"])


def _data_is_called(part: Part, name: str) -> bool:
    """ROS names are written with and without the slash in front."""
    return name.lstrip("/") in (part.body["id"].lstrip("/"), part.body["name"].lstrip("/"))
