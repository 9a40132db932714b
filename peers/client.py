"""One peer, asked: slot, connection, deadline and caps of every exchange; what goes wrong comes back as a value."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Final

import structlog

from discovery.endpoint import PeerEndpoint
from peers.answer import FetchedAnswer, PeerAnswer
from peers.budget import ByteBudget
from peers.connection import PeerConnection
from peers.credential import Credential
from peers.descriptors import Descriptors
from peers.destination import parse_destination
from peers.dialer import Dialer
from peers.errors import PeerError, PeerReason, PeerStreamError, StalledBodyError
from peers.pool import ConnectionPool, PoolFigures
from peers.presenting import NOTHING, Presenting
from peers.request import PeerRequest, RequestWriter, Terms, WireRequest
from peers.resolver import Resolver
from peers.secret import Secret
from peers.settings import RETIRE_S, TransportSettings
from peers.tls import PeerTls

__all__ = [
    "ByteBudget",
    "FetchedAnswer",
    "PeerAnswer",
    "PeerClient",
    "PeerError",
    "PeerRequest",
    "PeerStreamError",
    "StalledBodyError",
]


log = structlog.get_logger("peers")

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403

SCOPE_WORD: Final = "insufficient_scope"
"""What a gateway says of a token whose role is too low."""

MAX_GRANT_BYTES: Final = 64 * 1024
"""Longest answer to a sign-in."""


class PeerClient:
    """The way to one peer. A bulkhead: its connections, slots and queues are shared with no other peer.

    `tls` is needed for https. Raises ValueError for an endpoint URL that is none.
    """

    def __init__(
        self,
        endpoint: PeerEndpoint,
        settings: TransportSettings,
        *,
        resolver: Resolver,
        tls: PeerTls | None = None,
        budget: ByteBudget,
        credential: Credential | None = None,
        passes_authorization: bool = False,
        descriptors: Descriptors | None = None,
    ) -> None:
        """`credential`: what we show it; `passes_authorization`: clients' own goes on to it, instead of ours.

        `descriptors`: where its connections are counted, and which limit them.
        """
        destination = parse_destination(endpoint.url)
        dialer = Dialer(
            endpoint,
            destination,
            resolver=resolver,
            tls=tls,
            timeout_s=settings.connect_timeout_ms / 1000,
        )
        self.endpoint = endpoint
        self.settings = settings
        """As it was made with; `limit_to` may have narrowed them."""
        self._idle_s = settings.stream_idle_ms / 1000
        self._writer = RequestWriter(destination)
        self._presenting = Presenting(credential, passes_on=passes_authorization, ask=self._ask_openly)
        share = budget.share(settings.peer_budget_bytes)
        self._pool = ConnectionPool(endpoint.name, dialer, settings, share, descriptors)
        self._forbidden: set[str] = set()  # mutable: methods of which the log says that our role does not suffice

    def __repr__(self) -> str:
        return f"<PeerClient {self.endpoint.url} {self._pool!r}>"

    @property
    def figures(self) -> PoolFigures:
        """What the connections to this peer do, and did."""
        return self._pool.figures

    async def send(
        self, request: PeerRequest, *, deadline: float, stream: bool = False, idle_s: float | None = None, hold: int = 0
    ) -> PeerAnswer | PeerError:
        """Ask, and wait for the head of the answer until `deadline` (loop.time()): slot, connection, first byte.

        `hold`: also for a body of known length of at most so many bytes; one that breaks is an error, and a GET whose
        answer is cut off by a reset is asked once more.

        A streamed request body is held to the idle time instead, and does not count against the deadline; what it
        raises is raised here, and StalledBodyError when it brings nothing for that time.
        `stream`: takes a stream's slot. `idle_s`: seconds a streamed body may rest, either way, instead of the setting.
        The answer must be read whole or closed; until then it keeps its slot. Cancelling closes the connection.
        """
        shown = self._presenting.at_once(request) or await self._presenting.now(request, deadline)
        if isinstance(shown, PeerError):
            return shown
        answer = await self._send(request, shown, deadline, stream=stream, idle_s=idle_s, hold=hold)
        if isinstance(answer, PeerError) or answer.status != UNAUTHORIZED:
            return answer
        another = await self._presenting.another(request, shown, deadline)
        if another is None:
            return answer
        await answer.aclose()
        return await self._send(request, another, deadline, stream=stream, idle_s=idle_s, hold=hold)

    async def _send(
        self, request: PeerRequest, shown: Secret, deadline: float, *, stream: bool, idle_s: float | None, hold: int
    ) -> PeerAnswer | PeerError:
        wire = self._writer.render(request, shown)
        idle_s = self._idle_s if idle_s is None else idle_s
        terms = Terms(self._now(), deadline, idle_s)
        connection = self._at_once(terms, stream=stream) or await self._lease(terms, stream=stream)
        if isinstance(connection, PeerError):
            return connection
        asked = await connection.ask(wire, terms)
        answer = await _held(asked, hold)
        if isinstance(answer, PeerAnswer) or not _repeats(wire, answer):
            return answer
        if isinstance(asked, PeerError) and not connection.gave_nothing:
            return answer
        # The peer closed the idle connection just as the request went out: nothing says that it read it. Or it broke
        # off a body of which nobody has seen a byte yet.
        connection = await self._lease(terms, stream=stream, fresh=True)
        if isinstance(connection, PeerError):
            return connection
        return await _held(await connection.ask(wire, terms), hold)

    async def fetch(self, request: PeerRequest, *, deadline: float, cap: int) -> FetchedAnswer | PeerError:
        """Ask, and wait for the whole answer, of at most `cap` bytes, until `deadline` (loop.time()).

        A GET whose answer is cut off by a reset is asked once more, on a new connection.
        """
        shown = self._presenting.at_once(request) or await self._presenting.now(request, deadline)
        if isinstance(shown, PeerError):
            return shown
        fetched = await self._fetch(request, shown, deadline, cap)
        if isinstance(fetched, PeerError) or fetched.status != UNAUTHORIZED:
            return fetched
        another = await self._presenting.another(request, shown, deadline)
        return fetched if another is None else await self._fetch(request, another, deadline, cap)

    async def _ask_openly(self, request: PeerRequest, deadline: float) -> FetchedAnswer | PeerError:
        """Asks without showing anything: for tokens."""
        return await self._fetch(request, NOTHING, deadline, MAX_GRANT_BYTES)

    async def _fetch(self, request: PeerRequest, shown: Secret, deadline: float, cap: int) -> FetchedAnswer | PeerError:
        wire = self._writer.render(request, shown)
        terms = Terms(self._now(), deadline, self._idle_s, unframed_ok=True)
        fetched = await self._read_whole(wire, terms, cap)
        if isinstance(fetched, PeerError) and _repeats(wire, fetched):
            fetched = await self._read_whole(wire, terms, cap, fresh=True)
        return fetched

    def refuses_us(self, request: PeerRequest, answer: PeerAnswer) -> bool:
        """Whether this answer says that the peer does not let *us* in, whatever the client may.

        403 is also the owner's word for what nobody may; only the form of a refusal tells them apart.
        """
        if self._presenting.speaks_for_client(request):
            return False
        lacks_role = answer.status == FORBIDDEN and _lacks_scope(answer)
        self._note_role(request.method, lacks=lacks_role)
        return answer.status == UNAUTHORIZED or lacks_role

    def _note_role(self, method: str, *, lacks: bool) -> None:
        """In the log when what our role allows there begins, or ceases, to be too little for a kind of request."""
        if lacks and method not in self._forbidden:
            log.warning("role at a peer does not suffice", peer=self.endpoint.name, method=method, status=FORBIDDEN)
            self._forbidden.add(method)
        elif not lacks and method in self._forbidden:
            log.info("role at a peer suffices again", peer=self.endpoint.name, method=method)
            self._forbidden.remove(method)

    def for_ourselves(self) -> "PeerClient":
        """Asks on our own behalf from now on: for that there are always files left."""
        self._pool.is_ours = True
        return self

    def limit_to(self, settings: TransportSettings) -> None:
        """Keep to the numbers of requests, streams and idle connections of `settings` from now on."""
        self._pool.limit_to(settings)

    def drop_idle(self) -> None:
        """Close the connections nobody uses: the peer is down, or another one now."""
        self._pool.drop_idle()

    async def retire(self, *, is_ours: bool = False) -> None:
        """Let everything under way come to its end, for `RETIRE_S` at most, then close everything.

        `is_ours`: its streams are our own, and need no end.
        """
        await self._pool.retire(RETIRE_S, with_streams=not is_ours)

    async def aclose(self) -> None:
        """Close everything. Exchanges under way end with an error; further ones are refused."""
        await self._pool.aclose()

    def _at_once(self, terms: Terms, *, stream: bool = False) -> PeerConnection | None:
        """A connection that needs no waiting, if there is one and the deadline is still to come."""
        return self._pool.lease_idle(stream=stream) if terms.started < terms.deadline else None

    async def _lease(self, terms: Terms, *, stream: bool = False, fresh: bool = False) -> PeerConnection | PeerError:
        """A connection. `fresh`: one just died, and those that lie idle are no younger."""
        if terms.deadline <= (self._now() if fresh else terms.started):
            return PeerError(PeerReason.HTTP_RESPONSE_TIMEOUT, "the deadline had passed before the request was sent")
        if fresh:
            self._pool.drop_idle()
        leased = await self._pool.lease(terms.deadline, stream=stream, fresh=fresh)
        return replace(leased, elapsed_ms=self._elapsed_ms(terms)) if isinstance(leased, PeerError) else leased

    async def _read_whole(
        self, wire: WireRequest, terms: Terms, cap: int, *, fresh: bool = False
    ) -> FetchedAnswer | PeerError:
        connection = (None if fresh else self._at_once(terms)) or await self._lease(terms, fresh=fresh)
        if isinstance(connection, PeerError):
            return connection
        answer = await connection.ask(wire, terms)
        if isinstance(answer, PeerError):
            return answer
        body = await answer.read(cap)
        if isinstance(body, PeerError):
            return replace(body, elapsed_ms=self._elapsed_ms(terms))
        return FetchedAnswer(answer.status, answer.headers, body, self._elapsed_ms(terms), answer.unframed)

    def _elapsed_ms(self, terms: Terms) -> int:
        return round((self._now() - terms.started) * 1000)

    @cached_property
    def _now(self) -> Callable[[], float]:
        """The clock of the loop, which is asked for once: each time costs a system call."""
        return asyncio.get_running_loop().time


async def _held(answer: PeerAnswer | PeerError, most: int) -> PeerAnswer | PeerError:
    """The answer, with its body if that is known to be small, or what became of it."""
    if isinstance(answer, PeerError) or not most:
        return answer
    return await answer.hold(most) or answer


def _lacks_scope(answer: PeerAnswer) -> bool:
    if SCOPE_WORD in (answer.header("www-authenticate") or ""):
        return True
    body = answer.body_ready
    return body is not None and SCOPE_WORD.encode() in body and b'"error"' in body


def _repeats(wire: WireRequest, error: PeerError) -> bool:
    """Whether this may be asked once more: a read whose connection was lost, not one that took too long."""
    return wire.repeatable and error.sent and error.reason is PeerReason.CONNECTION_TERMINATED
