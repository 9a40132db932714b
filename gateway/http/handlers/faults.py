"""Single faults of an entity that is ours or shared, and the faults of all gateways together.

Codes are bare: a read asks the contributors in order until one knows the code, a clear goes to all that do.
"""

import asyncio
from urllib.parse import quote

from aiohttp import web
from msgspec.structs import replace

from gateway.http import errors
from gateway.http.answer import WholeAnswer, json_answer
from gateway.http.call import Call
from gateway.http.exchange import Exchange, entity_path
from gateway.http.gaps import gap_of
from gateway.http.handlers.collections import change_others, scoped_calls
from gateway.http.handlers.items import own_answer
from gateway.http.own_item import NOT_FOUND, own_item, raised
from gateway.http.places import Place
from gateway.http.subject import Subject
from gateway.http.told import MULTI_STATUS, results_body
from gateway.local.answers import ItemAnswer


async def answer_fault(exchange: Exchange, call: Call, subject: Subject) -> web.StreamResponse:
    """`GET` or `DELETE /{entity}/faults/{code}`. Raises ApiError."""
    below = entity_path(call).rest[1:]
    if len(below) != 1 or not (call.is_read or call.request.method == "DELETE"):
        raise errors.no_route()
    code = below[0]
    ours = await _at_ours(exchange, call, subject, code)
    if not call.is_read:
        return await _clear(exchange, call, subject, code, is_ours=ours is not None)
    if ours is not None:
        return ours
    unreachable: errors.ApiError | None = None
    loop = asyncio.get_running_loop()
    asked = list(scoped_calls(call, subject))
    for number, (instance, scoped) in enumerate(asked):
        share = (call.deadline - loop.time()) / (len(asked) - number)  # one mute contributor leaves time for the others
        timed = replace(scoped, deadline=loop.time() + share)
        try:
            answer = await exchange.relay_unless(timed, instance, _path(subject, code), status=NOT_FOUND)
        except errors.ApiError as error:
            unreachable = unreachable or error
            continue
        if answer is not None:
            return answer
    raise unreachable or _unknown(subject, code)


def _path(subject: Subject, code: str) -> str:
    return f"{subject.path('faults')}/{quote(code, safe='')}"


async def _at_ours(exchange: Exchange, call: Call, subject: Subject, code: str) -> WholeAnswer | None:
    """What our own members answer: a clear all that know the code, a read the first of them, before all one of whom
    it is not over; None if none knows it.
    """
    found: WholeAnswer | None = None
    for ref in subject.local_members:
        answer = await own_item(exchange.own, ref, "faults", method=call.request.method, item=code)
        if isinstance(answer, ItemAnswer):
            told = own_answer(answer, subject, Place(call.view.self_id, ref, code), code)
            if call.is_read and not _is_over(answer):
                return told
            found = found or told
        elif answer.status != NOT_FOUND:
            raise raised(answer, subject.entity.id)
    return found


def _is_over(answer: ItemAnswer) -> bool:
    return answer.body is not None and answer.body["item"]["status"]["aggregatedStatus"] == "cleared"


async def _clear(exchange: Exchange, call: Call, subject: Subject, code: str, *, is_ours: bool) -> web.StreamResponse:
    """204 when all that know the code cleared it, 207 when some could not be asked, 404 when nobody knows it."""
    others = subject.others
    results = await change_others(exchange, call, subject, _path(subject, code))
    cleared = is_ours or any(result["success"] for result in results)
    failed = [result for result in results if not result["success"] and result.get("status") != NOT_FOUND]
    if failed and cleared:
        ours = [{"app_id": "local", "node": "", "success": True, "status": 204}] if is_ours else []
        return json_answer(results_body(subject.entity.id, [*ours, *results], counted=False), MULTI_STATUS)
    if failed:
        silent = [one for one in others if not call.view.topology.is_live(one)]
        if silent:
            raise errors.peer_unavailable(gap_of(call.view, silent[0]), may_have_executed=False)
        raise errors.ApiError(502, errors.PEER_UNAVAILABLE, str(failed[0].get("error")), {"results": failed})
    if not cleared:
        raise _unknown(subject, code)
    return WholeAnswer(204)


def _unknown(subject: Subject, code: str) -> errors.ApiError:
    kind, entity_id = subject.entity.kind, subject.entity.id
    parameters = {f"{kind.singular}_id": entity_id, "fault_code": code, "details": "Fault not found"}
    return errors.ApiError(NOT_FOUND, "resource-not-found", "Fault not found", parameters)
