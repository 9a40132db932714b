"""Discovered endpoints that are not peers yet: asked in turn, slowly, who answers there."""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog

from discovery.endpoint import PeerEndpoint
from peers.client import PeerClient
from peers.errors import PeerError
from peers.native import Probed, probe

log = structlog.get_logger("peers")


@dataclass(frozen=True, slots=True)
class CandidateSettings:
    """How endpoints that are not peers yet are tried."""

    timeout_ms: int = 1000
    """Of one probe."""
    pause_ms: int = 200
    """Between the beginnings of two probes, whomever they ask: five a second."""
    parallel: int = 8
    """Probes under way at once: those that run into their timeout do not hold up the others."""
    retry_ms: int = 1000
    """Before a candidate is asked again; doubled with every time that it did not become a peer."""
    max_retry_ms: int = 30_000
    """Longest between two probes of one candidate."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a candidate is no peer: the reason word, and why, for people."""

    reason: str
    why: str


@dataclass(slots=True)
class Candidate:
    """One endpoint and what was learned of it. Mutable: the latter. `since`: Unix seconds."""

    endpoint: PeerEndpoint
    since: float
    verdict: Verdict | None = None
    tries: int = 0
    due: float = 0.0
    """Loop time from which on it may be asked again."""
    is_asked: bool = False
    turn: int = 0
    """Of those that are due, the one with the lowest is asked: it came, or was asked, before the others."""


class Candidates:
    """Those that wait to be tried, in the order in which they came. `run` owns the probes."""

    def __init__(
        self,
        settings: CandidateSettings,
        make_client: Callable[[PeerEndpoint], PeerClient],
        judge: Callable[[PeerEndpoint, Probed, float], Verdict | None],
        *,
        wall: Callable[[], float],
    ) -> None:
        """`judge` is told who answered, and when (loop time): it makes a peer of it (None) or says why not.

        `wall`: Unix seconds.
        """
        self._settings = settings
        self._make_client = make_client
        self._judge = judge
        self._wall = wall
        # Mutable: the candidates by URL; what asks for a look before the next one is due.
        self._waiting: dict[str, Candidate] = {}
        self._kick = asyncio.Event()
        self._turns = itertools.count()

    def __iter__(self) -> Iterator[Candidate]:
        """All of them, in the order in which they came."""
        return iter(tuple(self._waiting.values()))

    def replace(self, endpoints: Iterable[PeerEndpoint]) -> None:
        """Makes these the candidates; what was learned of a URL that was there before is kept.

        Whoever it is said to be now: a stranger who says something else every second is not asked any sooner.
        """
        waiting: dict[str, Candidate] = {}
        for endpoint in endpoints:
            candidate = self._waiting.get(endpoint.url)
            candidate = candidate or Candidate(endpoint, self._wall(), turn=next(self._turns))
            candidate.endpoint = endpoint
            waiting[endpoint.url] = candidate
        self._waiting = waiting
        self._kick.set()

    def hasten(self, reason: str) -> None:
        """Ask those again soon that are no peers for this reason: it may hold no more."""
        for candidate in self._waiting.values():
            if candidate.verdict is not None and candidate.verdict.reason == reason:
                candidate.due = 0.0
        self._kick.set()

    def welcome(self, urls: Iterable[str]) -> None:
        """These were away and are there again: they are asked as if they had just come, when it is their turn."""
        for candidate in filter(None, map(self._waiting.get, urls)):
            candidate.tries, candidate.due = 0, 0.0
        self._kick.set()

    async def run(self) -> None:
        """Asks for ever whoever is due."""
        places = asyncio.Semaphore(self._settings.parallel)
        async with asyncio.TaskGroup() as group:
            while True:
                await places.acquire()  # first: whom to ask is decided when it can be asked
                candidate = await self._next_due()
                candidate.is_asked = True
                candidate.turn = next(self._turns)
                asking = group.create_task(self._ask(candidate), name=f"try {candidate.endpoint.url}")
                asking.add_done_callback(lambda _task: places.release())
                await asyncio.sleep(self._settings.pause_ms / 1000)

    async def _next_due(self) -> Candidate:
        loop = asyncio.get_running_loop()
        while True:
            self._kick.clear()
            idle = [candidate for candidate in self._waiting.values() if not candidate.is_asked]
            now = loop.time()
            if due := [candidate for candidate in idle if candidate.due <= now]:
                return min(due, key=lambda candidate: candidate.turn)
            try:
                async with asyncio.timeout_at(min((candidate.due for candidate in idle), default=None)):
                    await self._kick.wait()
            except TimeoutError:
                continue

    async def _ask(self, candidate: Candidate) -> None:
        try:
            probed = await self._probe(candidate.endpoint)
            if self._waiting.get(candidate.endpoint.url) is not candidate:
                return  # it was withdrawn, or is a peer by now
            if isinstance(probed, PeerError):
                verdict: Verdict | None = Verdict(probed.reason.value, probed.detail)
            else:
                verdict = self._judge(candidate.endpoint, probed, asyncio.get_running_loop().time())
            if verdict is not None:
                self._put_off(candidate, verdict)
        finally:
            candidate.is_asked = False
            self._kick.set()

    async def _probe(self, endpoint: PeerEndpoint) -> Probed | PeerError:
        client = self._make_client(endpoint)
        try:
            return await probe(client, deadline=asyncio.get_running_loop().time() + self._settings.timeout_ms / 1000)
        finally:
            await client.aclose()

    def _put_off(self, candidate: Candidate, verdict: Verdict) -> None:
        before = candidate.verdict
        if before is None or before.reason != verdict.reason:
            endpoint = candidate.endpoint
            log.info("not a peer yet", url=endpoint.url, name=endpoint.name, reason=verdict.reason, why=verdict.why)
        wait_ms = min(self._settings.retry_ms * 2 ** min(candidate.tries, 16), self._settings.max_retry_ms)
        candidate.verdict = verdict
        candidate.tries += 1
        candidate.due = asyncio.get_running_loop().time() + wait_ms / 1000
