"""Single items of an entity that is ours or shared: each is re-addressed to the member that owns it."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from gateway.http import errors
from gateway.http.answer import WholeAnswer, json_answer
from gateway.http.call import Call, read_json
from gateway.http.exchange import Exchange, entity_path
from gateway.http.handlers.naming import configuration_place, named_place
from gateway.http.own_item import NOT_FOUND, own_item, raised
from gateway.http.own_operation import EXECUTIONS, location
from gateway.http.path import SLASHED_COLLECTIONS
from gateway.http.places import (
    Place,
    Undecided,
    contributor_place,
    listed_place,
    spellings,
)
from gateway.http.subject import Subject
from gateway.http.translate import Echo
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError

SHOWN_IDS: Final = 20
"""Ids that an error names of those that could be meant."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """An item as a client addressed it. `tail`: what stands below the item (executions)."""

    exchange: Exchange
    call: Call
    subject: Subject
    collection: str
    item: str
    tail: tuple[str, ...]

    async def body(self) -> Any:
        """The JSON that a write carries. Raises ApiError."""
        if self.call.is_read or self.call.request.method == "DELETE":
            return None
        return await read_json(self.call.request, self.exchange.max_body_bytes)

    async def at_ours(self, ref: EntityRef, item: str, body: Any = None) -> ItemAnswer | ResourceError:
        """What our own entity `ref` answers for its item."""
        return await own_item(
            self.exchange.own,
            ref,
            self.collection,
            method=self.call.request.method,
            item=item,
            tail=self.tail,
            body=body,
            patience_s=self.call.deadline - asyncio.get_running_loop().time(),
        )

    def answer(self, answer: ItemAnswer | ResourceError, place: Place) -> WholeAnswer:
        """Our answer, in the words in which it was addressed. Raises ApiError."""
        if isinstance(answer, ItemAnswer) and self.collection == "operations":
            path = self.call.request.raw_path.partition("?")[0]
            return _operation_answer(answer, self.subject, self.item, location(answer, self.tail, path))
        return own_answer(answer, self.subject, place, self.item)


async def answer_item(exchange: Exchange, call: Call, subject: Subject, collection: str) -> web.StreamResponse:
    """`/{entity}/{collection}/{item}` and whatever stands below; not faults. Raises ApiError."""
    item, tail = _split(call, collection)
    addressed = Addressed(exchange, call, subject, collection, item, tail)
    await subject.prepare(collection)
    match collection:
        case "data" | "operations":
            found = listed_place(subject, collection, item)
            if found is None and (collection == "operations" or subject.has_several):
                found = await named_place(exchange, call, subject, collection, item)
        case "configurations":
            found = await configuration_place(exchange, call, subject, item)
        case _:
            found = contributor_place(subject, item)
    if isinstance(found, Undecided):
        raise _ambiguous(addressed, found)
    return await (_unlisted(addressed) if found is None else _at(addressed, found))


def _split(call: Call, collection: str) -> tuple[str, tuple[str, ...]]:
    """The item id and what stands below it; operations of ROS may contain `/`, so executions are matched first."""
    route = entity_path(call)
    below = route.rest[1:]
    if collection == "operations":
        for back in (1, 2):
            if len(below) > back and below[-back] == EXECUTIONS:
                return "/".join(below[:-back]), below[-back:]
    if collection in SLASHED_COLLECTIONS:
        return route.item or "", ()
    return below[0], below[1:]


async def _at(addressed: Addressed, place: Place) -> web.StreamResponse:
    """The answer of the place, with the id by which the client addressed it."""
    call = addressed.call
    if place.instance != call.view.self_id:
        echoes = not addressed.tail and addressed.collection in SLASHED_COLLECTIONS
        echo = Echo(addressed.item, addressed.subject.entity.id) if echoes else None
        record = call.view.topology.records.get(place.instance)
        is_foreign = record is not None and record.foreign
        path = place.path(addressed.collection, addressed.tail, by_member=not is_foreign)
        return await addressed.exchange.relay_item(call, place.instance, path, echo=echo)
    answer = await addressed.at_ours(place.ref, place.item, await addressed.body())
    return addressed.answer(answer, place)


def own_answer(answer: ItemAnswer | ResourceError, subject: Subject, place: Place, item: str) -> WholeAnswer:
    """Our answer for an item as it was addressed. Raises ApiError."""
    if isinstance(answer, ResourceError):
        raise raised(answer, subject.entity.id)
    headers = list(answer.headers.items())
    if answer.body is None:
        return WholeAnswer(answer.status, headers)
    body = dict(answer.body)
    if "id" in body:
        body["id"] = item
    medkit = body.get("x-medkit")
    if isinstance(medkit, dict) and "entity_id" in medkit:
        is_itself = place.ref == EntityRef(subject.entity.kind, subject.own_id)
        whose = {"source_app": place.ref.id} if "parameter" in medkit and not is_itself else {}
        body["x-medkit"] = {**medkit, "entity_id": subject.entity.id, **whose}
    return json_answer(body, answer.status, headers)


def _operation_answer(answer: ItemAnswer, subject: Subject, item: str, headers: list[tuple[str, str]]) -> WholeAnswer:
    """Our answer for an operation or something below it; an `id` there is that of an execution."""
    if answer.body is None:
        return WholeAnswer(answer.status, headers)
    body = dict(answer.body)
    if "item" in body:
        body["item"] = _under(subject, {**body["item"], "id": item})
    return json_answer(_under(subject, body), answer.status, headers)


def _under(subject: Subject, told: dict[str, Any]) -> dict[str, Any]:
    """The same, told of the entity that was asked instead of its member."""
    medkit = told.get("x-medkit")
    if not isinstance(medkit, dict) or "entity_id" not in medkit:
        return told
    return {**told, "x-medkit": {**medkit, "entity_id": subject.entity.id}}


def _ambiguous(addressed: Addressed, found: Undecided) -> errors.ApiError:
    if addressed.collection == "configurations":
        return errors.invalid_request(
            "Aggregated configuration requires app_id prefix",
            {"entity_id": addressed.subject.entity.id, "id": addressed.item, "ids": list(found.ids[:SHOWN_IDS])},
        )
    kind = "operation" if addressed.collection == "operations" else "item"
    return errors.ApiError(
        400,
        "invalid-request",
        f"The id '{addressed.item}' is ambiguous here; send one of {', '.join(found.ids[:SHOWN_IDS])}",
        {
            "entity_id": addressed.subject.entity.id,
            f"{kind}_id": addressed.item,
            f"{kind}_ids": list(found.ids[:SHOWN_IDS]),
            "details": "Several members of this entity have an item of this id",
        },
    )


async def _unlisted(addressed: Addressed) -> web.StreamResponse:
    """No record lists it: our own members may know it by now, else the first contributor is asked."""
    call, subject = addressed.call, addressed.subject
    first = subject.entity.instances[0]
    if first == call.view.self_id or not subject.others:
        return await _at_ours(addressed)
    place = Place(first, EntityRef(subject.entity.kind, subject.own_id), addressed.item)
    return await addressed.exchange.relay_item(call, first, place.path(addressed.collection, addressed.tail))


async def _at_ours(addressed: Addressed) -> WholeAnswer:
    """The answer of the first of our members that has the item, else the last one's refusal."""
    call, subject, item = addressed.call, addressed.subject, addressed.item
    body = await addressed.body()
    refusal: ResourceError | None = None
    for ref in subject.local_members:
        for spelling in spellings(item) if addressed.collection == "data" else (item,):
            answer = await addressed.at_ours(ref, spelling, body)
            if isinstance(answer, ItemAnswer) or answer.status != NOT_FOUND:
                return addressed.answer(answer, Place(call.view.self_id, ref, spelling))
            refusal = refusal or answer
    if refusal is not None:
        raise raised(refusal, subject.entity.id)
    if addressed.collection == "operations":
        parameters = {"entity_id": subject.entity.id, "operation_id": item}
        raise errors.ApiError(NOT_FOUND, "operation-not-found", "Operation not found", parameters)
    parameters = {"entity_id": subject.entity.id, "id": item}
    raise errors.ApiError(NOT_FOUND, "resource-not-found", "Resource not found", parameters)
