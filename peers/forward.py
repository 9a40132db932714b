"""Sends one request toward the gateway that owns the entity, over one way after another."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from entities.hops import REASON, TRIED, Hops, render_hops
from entities.routes import Topology
from peers.answer import PeerAnswer
from peers.attempt import Attempt, GiveUp, Step
from peers.client import PeerClient
from peers.errors import PeerError, PeerReason
from peers.request import PeerRequest
from peers.secret import Secret

HOP_COST_MS: Final = 50
"""Taken from the deadline at every hop, so that an inner gap still arrives as a named gap."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

MISDIRECTED: Final = PeerError(PeerReason.HTTP_REQUEST_DENIED, "another gateway answers there now", status=421)
NO_SUCH_PEER: Final = PeerError(PeerReason.DESTINATION_UNAVAILABLE, "no peer of this name any more")


class Reach(Protocol):
    """What forwarding and fan-out need to know of the set of peers."""

    def client(self, peer: str) -> PeerClient | None:
        """The client of a peer, or None if it is no peer any more."""

    def report(self, peer: str, outcome: PeerError | None) -> None:
        """In-band evidence for the peer's health: an error, or None for an answer."""


class Forwarding(msgspec.Struct, frozen=True):
    """A request as it goes on: path and query verbatim, headers already chosen.

    `hold`: bytes up to which an answer is waited for whole, so that one that breaks can be had another way.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | AsyncIterator[bytes] | None = None
    content_length: int | None = None
    stream: bool = False
    hold: int = 0
    authorization: Secret | None = None


class Delivered(msgspec.Struct, frozen=True):
    """The owner's answer (head; the body may still flow) and the step that brought it. Close it."""

    answer: PeerAnswer
    step: Step


async def forward(
    reach: Reach,
    topology: Topology,
    request: Forwarding,
    *,
    to: str,
    hops: Hops,
    deadline: float,
) -> Delivered | GiveUp:
    """The answer of gateway `to`, or why there is none. `deadline`: loop time by which the head must be here.

    Raises what a streamed request body raises, and StalledBodyError.
    """
    loop = asyncio.get_running_loop()
    attempt = Attempt(
        topology,
        to,
        hops,
        is_write=request.method not in SAFE_METHODS,
        replayable=request.body is None or isinstance(request.body, bytes),
    )
    while True:
        step = attempt.next()
        if isinstance(step, GiveUp):
            return step
        if loop.time() >= deadline:
            return attempt.out_of_time()
        client = reach.client(step.peer)
        hops = replace(step.hops, deadline_ms=max(0, int((deadline - loop.time()) * 1000) - HOP_COST_MS))
        told = render_hops(hops.for_foreign() if topology.reads(step.instance) else hops)
        if client is None:
            outcome: PeerAnswer | PeerError = NO_SUCH_PEER
            refused = False
        else:
            sent = _request(request, told)
            outcome = await client.send(sent, deadline=deadline, stream=request.stream, hold=request.hold)
            refused = isinstance(outcome, PeerAnswer) and client.refuses_us(sent, outcome)
        if isinstance(outcome, PeerError):
            reach.report(step.peer, outcome)
            end = attempt.failed(outcome)
            if end is not None:
                return end
            continue
        reach.report(step.peer, MISDIRECTED if outcome.status == 421 else None)
        verdict = (
            attempt.refused(outcome.status)
            if refused
            else attempt.answered(outcome.status, outcome.header(REASON.lower()), outcome.header(TRIED.lower()))
        )
        if verdict is True:
            return Delivered(outcome, step)
        await outcome.aclose()
        if isinstance(verdict, GiveUp):
            return verdict


def _request(request: Forwarding, told: list[tuple[str, str]]) -> PeerRequest:
    return PeerRequest(
        method=request.method,
        target=request.target,
        headers=(*request.headers, *told),
        body=request.body,
        content_length=request.content_length,
        authorization=request.authorization,
    )
