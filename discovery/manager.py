"""Runs the sources and says what they know together: one set of endpoints, judged whenever one of them has news."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import structlog

from discovery.admission import AdmissionRules, admit
from discovery.endpoint import EndpointSet
from discovery.source import Found, Reading, Source

log = structlog.get_logger("discovery")

PAUSE_S: Final = 0.2
"""Seconds between two judgements, so that a flood of announcements costs no more than that."""

THREAD_FOUND: Final = 256
"""Endpoints from which on judging them takes so long that it is done in a thread."""

MAX_LOGGED: Final = 20
"""Endpoints named in the log for one judgement; of the rest only the number."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source is. `read_at`: Unix seconds of its last good reading; None before the first."""

    name: str
    found: int = 0
    trouble: str | None = None
    read_at: float | None = None
    left_out: str | None = None


@dataclass(slots=True)
class _Known:
    """What one source told last. Mutable."""

    source: Source
    found: Sequence[Found] = ()
    status: SourceStatus = field(init=False)

    def __post_init__(self) -> None:
        self.status = SourceStatus(self.source.name)


class DiscoveryManager:
    """The sources at work. `run` owns their tasks; one that dies ends them all, loudly."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        rules: Callable[[], AdmissionRules],
        publish: Callable[[EndpointSet], None],
        wall: Callable[[], float] = time.time,
        pause_s: float = PAUSE_S,
    ) -> None:
        """`sources`: the most important first, for an endpoint that several of them find.

        `rules` is asked for every judgement; `publish` gets every set judged. `wall`: Unix
        seconds.
        """
        self._rules = rules
        self._publish = publish
        self._wall = wall
        self._pause_s = pause_s
        # Mutable: what the sources told, the set made of it, what asks for another judgement.
        self._known = {source.name: _Known(source) for source in sources}
        self._changed = asyncio.Event()
        self.current = EndpointSet()
        """The set that was published last."""

    @property
    def sources(self) -> tuple[SourceStatus, ...]:
        """How every source is."""
        return tuple(known.status for known in self._known.values())

    @property
    def unread(self) -> frozenset[str]:
        """The sources that had no good reading yet."""
        return frozenset(known.status.name for known in self._known.values() if known.status.read_at is None)

    def reconsider(self) -> None:
        """Judge again soon: what the rules depend on changed."""
        self._changed.set()

    async def run(self) -> None:
        """Runs the sources until cancelled."""
        async with asyncio.TaskGroup() as group:
            for known in self._known.values():
                group.create_task(known.source.run(partial(self._take, known)), name=f"discover by {known.source.name}")
            group.create_task(self._judge_for_ever(), name="judge what was discovered")

    def _take(self, known: _Known, reading: Reading) -> None:
        before = known.status
        read_at = before.read_at if reading.trouble else self._wall()
        if reading.found != known.found or (before.read_at is None and read_at is not None):
            self._changed.set()
        known.found = reading.found
        known.status = SourceStatus(before.name, len(reading.found), reading.trouble, read_at, reading.left_out)
        if reading.trouble != before.trouble and reading.trouble is not None:
            log.warning("discovery source in trouble", source=before.name, why=reading.trouble)
        elif reading.trouble != before.trouble:
            log.info("discovery source works again", source=before.name)
        if reading.left_out != before.left_out and reading.left_out is not None:
            log.warning("discovery source is not used whole", source=before.name, why=reading.left_out)

    async def _judge_for_ever(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            judged = await self._judge()
            if judged is not None:
                _log_changes(self.current, judged)
                self.current = judged
                self._publish(judged)
            await asyncio.sleep(self._pause_s)

    async def _judge(self) -> EndpointSet | None:
        """What the sources told until now, judged; None if there are other peers meanwhile, whose places it ignores."""
        found: Mapping[str, Sequence[Found]] = {name: known.found for name, known in self._known.items()}
        rules, unread = self._rules(), self.unread
        if sum(map(len, found.values())) < THREAD_FOUND:
            return replace(admit(found, rules), unread=unread)
        judged = await asyncio.to_thread(admit, found, rules)
        if self._rules().peers != rules.peers:
            self._changed.set()
            return None
        return replace(judged, unread=unread)


def _log_changes(before: EndpointSet, now: EndpointSet) -> None:
    had, has = {one.url: one for one in before.admitted}, {one.url: one for one in now.admitted}
    refused_before = {(one.url, one.reason) for one in before.refused}
    refused = [one for one in now.refused if (one.url, one.reason) not in refused_before]
    for endpoint in [one for url, one in has.items() if url not in had][:MAX_LOGGED]:
        log.info("endpoint found", peer=endpoint.name, url=endpoint.url, source=endpoint.source)
    for endpoint in [one for url, one in had.items() if url not in has][:MAX_LOGGED]:
        log.info("endpoint no longer found", peer=endpoint.name, url=endpoint.url, source=endpoint.source)
    for one in refused[:MAX_LOGGED]:
        log.warning("endpoint refused", name=one.name, url=one.url, source=one.source, reason=one.reason, why=one.why)
    if len(refused) > MAX_LOGGED:
        log.warning("more endpoints refused", number=len(refused) - MAX_LOGGED)
