"""Operations addressed by their name, as the web UI and upstream gateways do; the records tell only ids."""

import asyncio
from typing import Final

from msgspec.structs import replace

from gateway.http import errors
from gateway.http.call import Call
from gateway.http.exchange import Exchange
from gateway.http.parts import own_parts
from gateway.http.places import Place, Undecided
from gateway.http.subject import Subject
from gateway.local.answers import EntityRef, ResourceError

NAMING_MS: Final = 2000
"""Milliseconds that the others have to say what their operations are called."""


async def named_operation(exchange: Exchange, call: Call, subject: Subject, name: str) -> Place | Undecided | None:
    """Where the operation of this name is; None if nobody has one.

    Raises ApiError: 502, 504 for a write while somebody is missing, who may have one of this name too.
    """
    parts = await own_parts(exchange.own, call.view, subject.local_members, collection="operations", query={})
    found = [] if isinstance(parts, ResourceError) else parts
    if subject.others and not (call.hops.no_fan_out and not call.hops.via):
        limit = asyncio.get_running_loop().time() + NAMING_MS / 1000
        others, _, missing = await exchange.ask_others(
            replace(call, deadline=min(call.deadline, limit)),
            subject.live_scopes,
            path=subject.path("operations"),
            collection="operations",
            about=EntityRef(subject.entity.kind, subject.entity.id),
        )
        gaps = (*subject.silent, *missing)
        if gaps and not call.is_read:
            raise errors.peer_unavailable(gaps[0], may_have_executed=False)
        found = [*found, *others]
    places = {
        subject.table("operations").show(subject.member(part), part.body["id"]): Place(
            part.origin, part.member, part.body["id"]
        )
        for part in found
        if part.member is not None and name in (part.body["name"], part.body["id"])
    }
    if len(places) > 1:
        return Undecided(tuple(places))
    return next(iter(places.values()), None)
