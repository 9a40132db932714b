"""Asks several gateways at once for their part of one collection."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from entities.hops import MAX_TRIED, Hops, render_hops
from entities.identity import is_instance_id
from entities.jsontext import InvalidJsonError, parse_json
from entities.records import Record
from entities.routes import Topology
from peers.client import PeerClient
from peers.division import Ask, Division, FanoutResult, Item, PeerPart
from peers.errors import PeerError, PeerReason, told_reason
from peers.foreign_ask import ask_foreign
from peers.foreign_parts import About
from peers.forward import HOP_COST_MS, NO_SUCH_PEER, Reach
from peers.request import PeerRequest
from peers.secret import Secret
from peers.settings import THREAD_BYTES
from peers.view import Gap

MAX_NAME: Final = 256
"""Characters of a name that is passed on."""


MAX_ELAPSED_MS: Final = 24 * 3600 * 1000
"""Milliseconds that another gateway may say something took; more is told as so many."""


class Question(msgspec.Struct, frozen=True):
    """What every asked gateway is to answer: a GET of this path and query, with these headers beside the hops.

    `about`: kind and id of the entity whose `collection` it is; None for a collection of gateways.
    """

    target: str
    collection: str
    about: About | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body_cap: int = 10 * 1024 * 1024
    """Largest answer of one peer in bytes (`combined_body_bytes`)."""
    authorization: Secret | None = None


async def fan_out(
    reach: Reach,
    topology: Topology,
    question: Question,
    *,
    wanted: Mapping[str, Sequence[str]],
    hops: Hops,
    deadline: float,
) -> FanoutResult:
    """Every part that arrived before `deadline` (loop time), and a named gap for every one that did not.

    `wanted`: gateway -> the Components in scope there, never ourselves.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    division = Division(topology, wanted, hops)
    while asks := division.next_asks(deadline_ms=max(0, int((deadline - loop.time()) * 1000) - HOP_COST_MS)):
        if loop.time() >= deadline:
            division.out_of_time(int((loop.time() - started) * 1000))
            break
        outcomes = await _ask_all(reach, topology, question, asks, deadline)
        division.settle(list(zip(asks, outcomes, strict=True)))
    return division.result()


async def _ask_all(
    reach: Reach, topology: Topology, question: Question, asks: Sequence[Ask], deadline: float
) -> list[PeerPart | PeerError]:
    """All at once; the last one in this very task, which spares making one for it."""
    *others, last = asks
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(_ask(reach, topology, question, ask, deadline)) for ask in others]
    try:
        final = await _ask(reach, topology, question, last, deadline)
        return [*[await task for task in tasks], final]
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _ask(reach: Reach, topology: Topology, question: Question, ask: Ask, deadline: float) -> PeerPart | PeerError:
    client = reach.client(ask.peer)
    if client is None:
        return NO_SUCH_PEER
    if topology.reads(ask.instance):
        outcome = await _ask_upstream(client, topology.records[ask.instance], question, ask, deadline)
    else:
        outcome = await _ask_grove(client, question, ask, deadline)
    reach.report(ask.peer, evidence_in(outcome))
    return outcome


async def _ask_upstream(
    client: PeerClient, record: Record, question: Question, ask: Ask, deadline: float
) -> PeerPart | PeerError:
    hops = replace(ask.hops, no_fan_out=True).for_foreign()
    return await ask_foreign(
        client,
        record,
        _request(question, (*question.headers, *render_hops(hops))),
        collection=question.collection,
        about=question.about,
        scope=ask.hops.scope,
        deadline=deadline,
        cap=question.body_cap,
    )


async def _ask_grove(client: PeerClient, question: Question, ask: Ask, deadline: float) -> PeerPart | PeerError:
    headers = (*question.headers, *render_hops(ask.hops))
    fetched = await client.fetch(_request(question, headers), deadline=deadline, cap=question.body_cap)
    if isinstance(fetched, PeerError):
        return fetched
    if fetched.status != 200:
        reason = {
            401: PeerReason.AUTH,
            403: PeerReason.AUTH,
            421: PeerReason.HTTP_REQUEST_DENIED,
            508: PeerReason.LOOP_DETECTED,
        }.get(fetched.status, PeerReason.HTTP_REQUEST_ERROR)
        return PeerError(reason, f"answered {fetched.status}", fetched.elapsed_ms, fetched.status)
    try:
        asked = frozenset(ask.origins)
        if len(fetched.body) >= THREAD_BYTES:
            return await asyncio.to_thread(parse_part, fetched.body, asked, max_bytes=question.body_cap)
        return parse_part(fetched.body, asked, max_bytes=question.body_cap)
    except InvalidJsonError as error:
        return PeerError(PeerReason.INVALID_JSON, str(error), fetched.elapsed_ms, 200)


def _request(question: Question, headers: tuple[tuple[str, str], ...]) -> PeerRequest:
    return PeerRequest("GET", question.target, headers, authorization=question.authorization)


def evidence_in(outcome: PeerPart | PeerError) -> PeerError | None:
    """What an outcome says of the peer's health: an answer of any kind but 421 says that it is there."""
    if isinstance(outcome, PeerPart) or (outcome.status is not None and outcome.status != 421):
        return None
    return outcome


def parse_part(body: bytes, asked: frozenset[str], *, max_bytes: int) -> PeerPart:
    """A peer's answer to an Ask for `asked`. Raises InvalidJsonError when it is not one (docs/api.md)."""
    document = parse_json(body, max_bytes=max_bytes)
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise InvalidJsonError("an object with a list `items` is needed")
    medkit = document.get("x-medkit")
    origins = medkit.get("origins") if isinstance(medkit, dict) else None
    if not isinstance(origins, dict):
        raise InvalidJsonError("`x-medkit.origins` is needed in an answer to X-Medkit-Origins")
    answered = origins.get("answered")
    missing = origins.get("missing", [])
    if not isinstance(answered, list) or not isinstance(missing, list):
        raise InvalidJsonError("`origins.answered` and `origins.missing` must be lists")
    items: list[tuple[str, Item]] = []
    strangers = 0
    for item in document["items"]:
        medkit = item.get("x-medkit") if isinstance(item, dict) else None
        origin = medkit.get("origin") if isinstance(medkit, dict) else None
        if isinstance(origin, str) and origin in asked:
            items.append((origin, item))
        else:
            strangers += 1
    return PeerPart(
        tuple(items),
        frozenset(one for one in answered if isinstance(one, str) and one in asked),
        tuple(_missing(one["id"], one) for one in missing if _names_asked(one, asked)),
        strangers,
        tuple(_behind(origins.get("behind"), asked)),
    )


def _behind(told: Any, asked: frozenset[str]) -> Iterator[Gap]:
    """Peers of foreign gateways that are missing although these answered."""
    for one in told if isinstance(told, list) else ():
        if _names_asked(one, asked) and isinstance(one.get("peer"), str):
            yield replace(_missing(one["id"], one), behind=one["peer"][:MAX_NAME])


def _names_asked(told: Any, asked: frozenset[str]) -> bool:
    instance = told.get("id") if isinstance(told, dict) else None
    return isinstance(instance, str) and instance in asked


def _missing(instance: str, told: Mapping[str, Any]) -> Gap:
    """One entry of `origins.missing`, with nothing in it believed beyond its form."""
    reason, status, elapsed, tried = (told.get(key) for key in ("reason", "status", "elapsed_ms", "tried"))
    return Gap(
        label="",
        reason=told_reason(reason),
        instance=instance,
        status=status if type(status) is int and 100 <= status <= 599 else None,
        elapsed_ms=min(max(elapsed, 0), MAX_ELAPSED_MS) if type(elapsed) is int else 0,
        tried=tuple(one for one in tried if is_instance_id(one))[:MAX_TRIED] if isinstance(tried, list) else (),
        is_timeout=told_reason(reason).endswith("timeout"),
    )
