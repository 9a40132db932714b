"""A fan-out's question to an upstream gateway: which of its collections to ask for, and its answers as one part.

It knows no origins and no scope, so what belongs to an entity as the asker sees it is asked for member by member
where its own aggregation does not reach: Components that it does not count to the entity, and whatever it has from
peers of its own, for it is told not to ask these.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from msgspec.structs import replace

from entities.jsontext import InvalidJsonError, parse_json
from entities.model import App, Component, EntityKind, Function, GatewayTree
from entities.records import Record
from peers.abreast import BrokenOffError, each
from peers.answer import FetchedAnswer
from peers.client import PeerClient
from peers.division import PeerPart
from peers.errors import PeerError, PeerReason
from peers.foreign_names import fit_name
from peers.foreign_parts import MAX_BEHIND, About, ForeignAnswer, read_foreign_answer
from peers.request import PeerRequest
from peers.settings import THREAD_BYTES, UPSTREAM_TRANSPORT
from peers.view import Gap


def asked_entities(tree: GatewayTree, about: About, scope: Sequence[str]) -> list[About]:
    """The entities of `tree` whose collections together hold everything that belongs to `about` there.

    `scope`: the Components that belong to it as the asker sees it.
    """
    kind, entity_id = about
    found: dict[About, None] = {}
    covered: set[About] = set()
    if tree.find(kind, entity_id) is not None:
        found[about] = None
        covered.update(_aggregated(tree, about))
    places = dict.fromkeys((*((entity_id,) if kind is EntityKind.COMPONENT else ()), *scope))
    for component in places:
        one = (EntityKind.COMPONENT, component)
        if one not in covered and tree.find(*one) is not None:
            found[one] = None
            covered.update(_aggregated(tree, one))
    function = tree.find(kind, entity_id)
    hosts = frozenset(function.hosts if isinstance(function, Function) else ())
    for app in tree.apps:
        member = (EntityKind.APP, app.id)
        if (app.component_id in places or app.id in hosts) and member not in covered:
            found[member] = None
    return list(found)


def _aggregated(tree: GatewayTree, about: About) -> Iterator[About]:
    """What the gateway counts to an entity by itself, of its own: itself, its direct Components, their Apps, hosts."""
    yield about
    components: list[str] = []
    apps: Iterable[App] = ()
    match about, tree.find(*about):
        case (EntityKind.AREA, area_id), _:
            components = [one.id for one in tree.components if one.area == area_id and _is_its_own(one)]
            yield from ((EntityKind.COMPONENT, component) for component in components)
        case (EntityKind.COMPONENT, component_id), _:
            components = [component_id]
        case _, Function(hosts=hosts):
            wanted = frozenset(hosts)
            apps = (app for app in tree.apps if app.id in wanted)
        case _:
            pass
    on_these = (app for component in components for app in tree.apps_by_component.get(component, ()))
    yield from ((EntityKind.APP, app.id) for app in (*apps, *on_these) if _is_its_own(app))


def _is_its_own(entity: App | Component) -> bool:
    return not entity.source.startswith("peer:")


async def ask_foreign(
    client: PeerClient,
    record: Record,
    request: PeerRequest,
    *,
    collection: str,
    about: About | None,
    scope: Sequence[str],
    deadline: float,
    cap: int,
) -> PeerPart | PeerError:
    """The part of the foreign gateway of `record`: all of it, or the error of what could not be had.

    `request`: of the collection as the asker names it; the paths of others differ in the entity only.
    """
    asked: Sequence[About | None] = [None] if about is None else asked_entities(record.tree, about, scope)
    _, mark, query = request.target.partition("?")

    left = _Left(cap)

    async def fetch(one: About | None) -> ForeignAnswer:
        path = f"/api/v1/{collection}" if one is None else f"/api/v1/{one[0].value}/{one[1]}/{collection}"
        fetched = await client.fetch(replace(request, target=f"{path}{mark}{query}"), deadline=deadline, cap=left.count)
        if isinstance(fetched, PeerError):
            raise BrokenOffError(fetched)
        left.take(fetched)
        read = partial(read_answer, fetched, collection, record=record, asked=one, cap=cap)
        answer = await asyncio.to_thread(read) if len(fetched.body) >= THREAD_BYTES else read()
        if isinstance(answer, PeerError):
            raise BrokenOffError(answer)
        return answer

    try:
        answers = await each(fetch, asked, parallel=UPSTREAM_TRANSPORT.max_requests)
    except BrokenOffError as broken:
        return broken.error
    items = tuple((record.id, item) for answer in answers for item in answer.items)
    behind = {gap.behind: gap for answer in answers for gap in answer.behind}
    return PeerPart(items, frozenset({record.id}), (), behind=tuple(behind.values())[:MAX_BEHIND])


class _Left:
    """How many bytes the answers still to come may have, all together."""

    def __init__(self, most: int) -> None:
        self._most = most
        # Mutable: the bytes left.
        self.count = most

    def take(self, fetched: FetchedAnswer) -> None:
        """Counts an answer; raises BrokenOffError when it was too much."""
        if len(fetched.body) > self.count:
            detail = f"its answers are more than {self._most} bytes, all together"
            raise BrokenOffError(PeerError(PeerReason.HTTP_RESPONSE_BODY_SIZE, detail, fetched.elapsed_ms, 200))
        self.count -= len(fetched.body)


def read_answer(
    fetched: FetchedAnswer, collection: str, *, record: Record, asked: About | None, cap: int
) -> ForeignAnswer | PeerError:
    """What one answer means: 404 is that of an entity that went since it was listed, or has nothing of this kind.

    `asked`: None for a collection of the gateway, which it has if it is one.
    """
    if fetched.status == 404 and asked is not None:
        return ForeignAnswer()
    if fetched.status != 200:
        behind = _not_responding(fetched, record.id, cap)
        reason = PeerReason.AUTH if fetched.status in (401, 403) else PeerReason.HTTP_REQUEST_ERROR
        error = PeerError(reason, f"answered {fetched.status}", fetched.elapsed_ms, fetched.status)
        return error if behind is None else ForeignAnswer(behind=(behind,))
    try:
        document = parse_json(fetched.body, max_bytes=cap)
        answer = read_foreign_answer(document, collection, tree=record.tree, origin=record.id, asked=asked)
    except InvalidJsonError as error:
        return PeerError(PeerReason.INVALID_JSON, str(error), fetched.elapsed_ms, fetched.status)
    if answer.echo_of is not None:
        detail = f"it asked {answer.echo_of} instead of answering"
        return PeerError(PeerReason.LOOP_DETECTED, detail, fetched.elapsed_ms, 508)
    return answer


def _not_responding(fetched: FetchedAnswer, origin: str, cap: int) -> Gap | None:
    """A member that the gateway only remembers is the gap of the peer that it had it from."""
    try:
        told = parse_json(fetched.body, max_bytes=cap) if fetched.status == 504 else None
    except InvalidJsonError:
        return None
    if not isinstance(told, dict) or told.get("error_code") != "not-responding":
        return None
    parameters = told.get("parameters")
    peer = parameters.get("peer") if isinstance(parameters, dict) else None
    if not isinstance(peer, str):
        return None
    return Gap("", PeerReason.DESTINATION_UNAVAILABLE.value, origin, behind=fit_name(peer))
