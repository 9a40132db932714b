"""What the resource handlers work with: our own entities, the way to other gateways, and the limits between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from msgspec.structs import replace

from entities.model import EntityKind
from gateway.http import errors
from gateway.http.call import Call
from gateway.http.gaps import gap_of
from gateway.http.own_item import NOT_FOUND
from gateway.http.parts import Part, read_parts
from gateway.http.path import API_PREFIX, EntityPath, parse_target
from gateway.http.proxy import (
    ProxyLimits,
    client_authorization,
    deliver,
    forwarded_headers,
    is_stream,
    reach_owner,
    relay,
)
from gateway.http.stream_slots import StreamSlots
from gateway.http.told import MULTI_STATUS, Told, read_results, read_why
from gateway.http.translate import Echo, Translation
from gateway.local.answers import EntityRef
from gateway.local.own import OwnEntities
from peers.attempt import NEVER_SENT
from peers.errors import PeerError, PeerReason
from peers.fanout import Question, fan_out
from peers.foreign_ask import asked_entities
from peers.forward import Reach
from peers.view import Gap

DEFAULT_STREAMS = 1000


@dataclass(frozen=True, slots=True)
class Exchange:
    """Everything a resource request may need beside itself. `max_body_bytes`: of a JSON body we read."""

    own: OwnEntities
    reach: Reach
    limits: ProxyLimits
    max_body_bytes: int
    combined_body_bytes: int
    streams: StreamSlots = field(default_factory=lambda: StreamSlots(DEFAULT_STREAMS))

    async def relay_item(
        self, call: Call, instance: str, path: str, *, received: str = "", echo: Echo | None = None
    ) -> web.StreamResponse:
        """Passes the request on to `instance`, to `path` in its own ids. Raises ApiError."""
        translation = self._translation(call, instance, path, received, echo)
        if not is_stream(call):
            return await relay(call, self.reach, self.limits, to=instance, path=path, translation=translation)
        with self.streams.held() as ending:
            return await relay(
                call, self.reach, self.limits, to=instance, path=path, translation=translation, ending=ending
            )

    async def relay_unless(self, call: Call, instance: str, path: str, *, status: int) -> web.StreamResponse | None:
        """As `relay_item`, but None when the owner answers `status`. Raises ApiError."""
        for each in scoped_paths(call, instance, path):
            translation = self._translation(call, instance, each)
            answer = await reach_owner(call, self.reach, self.limits, to=instance, path=each, translation=translation)
            try:
                if answer.status != status:
                    return await deliver(call, answer, self.limits, to=instance, translation=translation)
            finally:
                await answer.aclose()
        return None

    async def relay_whole(self, call: Call, instance: str, path: str) -> web.StreamResponse:
        """As `relay_item`, but nothing of the answer goes out before all of it is here. Raises ApiError."""
        translation = self._translation(call, instance, path)
        answer = await reach_owner(call, self.reach, self.limits, to=instance, path=path, translation=translation)
        try:
            return await deliver(call, answer, self.limits, to=instance, translation=translation, whole=True)
        finally:
            await answer.aclose()

    async def tell(self, call: Call, instance: str, path: str) -> Told:
        """What `instance` answers to this change, sent without its body. Raises ApiError."""
        all_told = [await self._tell(call, instance, each) for each in scoped_paths(call, instance, path)]
        partly = [told for told in all_told if told.status == MULTI_STATUS]
        if partly:
            return Told(MULTI_STATUS, tuple(result for told in partly for result in told.results))
        failed = next((told for told in all_told if told.status >= 300 and told.status != NOT_FOUND), None)
        if failed is not None:
            return failed
        # Where there is nothing of it, there is nothing of its collection to change either.
        is_whole = len(entity_path(call).rest) == 1
        nothing = Told(204 if is_whole and not all_told else NOT_FOUND)
        return next((told for told in all_told if told.status < 300), nothing)

    async def _tell(self, call: Call, instance: str, path: str) -> Told:
        translation = self._translation(call, instance, path)
        answer = await reach_owner(
            call, self.reach, self.limits, to=instance, path=path, translation=translation, bodiless=True
        )
        try:
            if answer.status < 300 and answer.status != MULTI_STATUS:
                return Told(answer.status)
            body = await answer.read(self.combined_body_bytes)
        finally:
            await answer.aclose()
        if isinstance(body, PeerError):
            return Told(answer.status)
        if answer.status != MULTI_STATUS:
            return Told(answer.status, why=read_why(body))
        return Told(MULTI_STATUS, read_results(body, translation.apps))

    def _translation(
        self, call: Call, instance: str, path: str, received: str = "", echo: Echo | None = None
    ) -> Translation:
        if not call.view.topology.is_live(instance):
            raise _known_silent(call, instance)
        return Translation(
            apps=call.view.renamed.get(instance, {}) if call.is_from_client else {},
            sent_path=path,
            received_path=received or call.request.raw_path.partition("?")[0],
            echo=echo,
        )

    async def ask_others(
        self,
        call: Call,
        wanted: Mapping[str, Sequence[str]],
        *,
        path: str,
        collection: str,
        about: EntityRef | None = None,
    ) -> tuple[list[Part], tuple[str, ...], tuple[Gap, ...]]:
        """(parts, who answered, gaps) of the gateways `wanted` (with the Components in scope at each).

        `about`: the entity whose collection it is; None for a collection of gateways.
        """
        question = Question(
            _with_query(path, call.route.query),
            collection,
            None if about is None else (about.kind, about.id),
            fanned_headers(call),
            self.combined_body_bytes,
            client_authorization(call),
        )
        result = await fan_out(
            self.reach,
            call.view.topology,
            question,
            wanted=wanted,
            hops=call.hops,
            deadline=call.deadline,
        )
        parts, liars = read_parts(result.items, collection)
        invalid = (
            Gap(call.view.topology.label(origin), PeerReason.INVALID_JSON.value, origin) for origin in sorted(liars)
        )
        answered = tuple(origin for origin in result.answered if origin not in liars)
        parts = [part for part in parts if part.origin not in liars]
        return parts, answered, (*result.gaps, *invalid)


def scoped_paths(call: Call, instance: str, path: str) -> tuple[str, ...]:
    """Where `instance` has what `path` addresses: a foreign gateway knows no scope, so its entities are told apart."""
    topology = call.view.topology
    if not topology.reads(instance) or not isinstance(call.route, EntityPath) or call.route.kind is EntityKind.APP:
        return (path,)
    there = parse_target(path)
    if not isinstance(there, EntityPath):
        return (path,)
    entities = asked_entities(topology.records[instance].tree, (there.kind, there.entity_id), call.hops.scope)
    return tuple(f"{API_PREFIX}/{kind.value}/{entity_id}/{there.raw_rest}" for kind, entity_id in entities)


def fanned_headers(call: Call) -> tuple[tuple[str, str], ...]:
    """The client's headers that go on with a fan-out: conditions and ranges are about our answer, not the peers'."""
    return tuple((name, value) for name, value in forwarded_headers(call) if name.lower() in _FANNED)


_FANNED = frozenset({"accept", "x-client-id", "x-request-id", "traceparent", "tracestate"})


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def not_asked(call: Call, instances: Sequence[str]) -> tuple[Gap, ...]:
    """Gaps for contributors that a `X-Medkit-No-Fan-Out` keeps us from asking."""
    return tuple(
        Gap(call.view.topology.label(instance), PeerReason.NOT_ASKED.value, instance) for instance in instances
    )


def silent(call: Call, instances: Sequence[str]) -> tuple[Gap, ...]:
    """Gaps for those that are known to be silent: named without being asked."""
    return tuple(
        replace(gap_of(call.view, instance), elapsed_ms=0)
        for instance in instances
        if not call.view.topology.is_live(instance)
    )


def entity_path(call: Call) -> EntityPath:
    """The route of a call that is known to address an entity."""
    route = call.route
    if not isinstance(route, EntityPath):
        raise TypeError(f"{route!r} does not address an entity")
    return route


def _known_silent(call: Call, instance: str) -> errors.ApiError:
    """What is answered for a gateway that is not even asked.

    Another gateway must not take a word of our own last failure for one of this request, which was never sent.
    """
    gap = gap_of(call.view, instance)
    if call.hops.via and gap.reason not in NEVER_SENT:
        gap = replace(gap, reason=PeerReason.DESTINATION_UNAVAILABLE.value)
    return errors.peer_unavailable(gap, may_have_executed=None if call.is_read else False)
