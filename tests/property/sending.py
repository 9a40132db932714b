"""Requests and fan-outs in a simulated federation: the real decisions of `peers`, over made-up wires.

What an exchange may come to is decided by `Fate`; what a gateway answers follows `gateway/http`: 421 for another
gateway, 508 for a loop, its own answer as the Target, else the request goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from entities.hops import Hops, parse_hops, render_hops
from entities.model import EntityKind
from peers.attempt import Attempt, GiveUp
from peers.division import Division, FanoutResult, PeerPart
from peers.errors import PeerError, PeerReason
from tests.property.world import Gateway, World

T = TypeVar("T")

NOT_SENT: Final = PeerError(PeerReason.CONNECTION_REFUSED, "nobody listens")
LOST: Final = tuple(
    PeerError(reason, "broke after sending", sent=True)
    for reason in (PeerReason.HTTP_RESPONSE_TIMEOUT, PeerReason.CONNECTION_TERMINATED, PeerReason.INVALID_JSON)
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one request. `by`: the instance that carried it out, if one did."""

    status: int
    reason: str | None = None
    tried: str | None = None
    by: str | None = None
    may_have_executed: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """How often an exchange breaks: before a byte is sent, before the request arrives, before the answer does."""

    refused: float = 0.0
    request_lost: float = 0.0
    answer_lost: float = 0.0


@dataclass(slots=True)
class Traffic:
    """One client's request and everything that it caused."""

    world: World
    fate: Fate = field(default_factory=Fate)
    is_write: bool = False
    exchanges: list[tuple[str, str]] = field(default_factory=list)
    """(instance asking, instance asked), in order."""
    executed: list[str] = field(default_factory=list)
    """Instances that carried the request out or answered a fan-out for themselves, in order."""

    def request(self, gateway: Gateway, app: str) -> Answer:
        """What a client gets who asks `gateway` for one of its Apps, by the id there."""
        merged = gateway.merged.of(EntityKind.APP).get(app)
        if merged is None:
            return Answer(404)
        target, own_id = gateway.view.names.origins[app]
        assert merged.instances == (target,)
        return self.answer(gateway, Hops(target=target), own_id)

    def answer(self, gateway: Gateway, hops: Hops, app: str) -> Answer:
        """What a gateway answers to a request for the App that `hops.target` calls `app`."""
        refusal = misplaced(gateway, hops)
        if refusal is not None:
            return refusal
        target = hops.target or ""
        if target == gateway.instance:
            if all(one.id != app for one in gateway.tree.apps):
                return Answer(404, by=gateway.instance)
            self.executed.append(gateway.instance)
            return Answer(200, by=gateway.instance)
        if not gateway.view.topology.is_live(target):
            return Answer(502, PeerReason.DESTINATION_UNAVAILABLE.value)
        return self._forward(gateway, hops, target, app)

    def _forward(self, gateway: Gateway, hops: Hops, target: str, app: str) -> Answer:
        attempt = Attempt(gateway.view.topology, target, hops, is_write=self.is_write)
        while True:
            step = attempt.next()
            if isinstance(step, GiveUp):
                return unreached(step)
            sent = travelled(step.hops)
            outcome = self._exchange(gateway, step.peer, partial(self.answer, hops=sent, app=app))
            if isinstance(outcome, PeerError):
                end = attempt.failed(outcome)
                if end is not None:
                    return unreached(end)
                continue
            verdict = attempt.answered(outcome.status, outcome.reason, outcome.tried)
            if isinstance(verdict, GiveUp):
                return unreached(verdict)
            if verdict:
                return outcome

    def fan_out(self, gateway: Gateway) -> FanoutResult:
        """What a client's `/faults` is made of: every known gateway but us, the silent ones unasked."""
        live = {
            instance: () for instance in gateway.view.topology.configured if gateway.view.topology.is_live(instance)
        }
        self.executed.append(gateway.instance)
        return self._divide(gateway, live, Hops())

    def _divide(self, gateway: Gateway, wanted: dict[str, tuple[()]], hops: Hops) -> FanoutResult:
        division = Division(gateway.view.topology, wanted, hops)
        while asks := division.next_asks():
            outcomes = [
                self._exchange(gateway, ask.peer, partial(self._part, hops=travelled(ask.hops))) for ask in asks
            ]
            division.settle(list(zip(asks, outcomes, strict=True)))
        return division.result()

    def _part(self, gateway: Gateway, hops: Hops) -> PeerPart | PeerError:
        refusal = misplaced(gateway, hops)
        if refusal is not None:
            reason = PeerReason.LOOP_DETECTED if refusal.status == 508 else PeerReason.HTTP_REQUEST_DENIED
            return PeerError(reason, "", status=refusal.status)
        asked = hops.origins or ()
        result = self._divide(gateway, {one: () for one in asked if one != gateway.instance}, hops)
        items = list(result.items)
        answered = set(result.answered)
        if gateway.instance in asked:
            self.executed.append(gateway.instance)
            items.append((gateway.instance, {"id": f"of {gateway.instance}"}))
            answered.add(gateway.instance)
        return PeerPart(tuple(items), frozenset(answered), tuple(gap for gap in result.gaps if gap.instance in asked))

    def _exchange(self, gateway: Gateway, peer: str, ask: Callable[[Gateway], T]) -> T | PeerError:
        url = next(one.url for one in gateway.peers if one.name == peer)
        other = self.world.reached(gateway, url)
        rng, fate = self.world.rng, self.fate
        if other is None or rng.random() < fate.refused:
            return NOT_SENT
        self.exchanges.append((gateway.instance, other.instance))
        if rng.random() < fate.request_lost:
            return rng.choice(LOST)
        outcome = ask(other)
        return rng.choice(LOST) if rng.random() < fate.answer_lost else outcome


def misplaced(gateway: Gateway, hops: Hops) -> Answer | None:
    """The refusal of a request that is for another gateway or has been here."""
    if hops.to is not None and hops.to != gateway.instance:
        return Answer(421)
    if gateway.instance in hops.via or hops.too_long:
        return Answer(508)
    return None


def unreached(end: GiveUp) -> Answer:
    """The answer for a request that could not be brought to the owner."""
    gap = end.gap
    if gap.reason == PeerReason.LOOP_DETECTED:
        return Answer(508)
    status = 504 if gap.is_timeout else 502
    return Answer(status, gap.reason, ",".join(gap.tried), may_have_executed=end.may_have_executed)


def travelled(hops: Hops) -> Hops:
    """What the next gateway reads from the headers."""
    headers = dict(render_hops(hops))
    found = parse_hops(headers.get)
    assert found == hops
    return found
