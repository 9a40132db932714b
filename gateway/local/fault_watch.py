"""Looks at data items as often as the fault rules say, and reports what they make of it.

One loop owns every look. A data item that hangs is looked at again when its look has ended, and holds up nobody else.
"""

import asyncio
import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from gateway.local.answers import EntityRef
from gateway.local.data_items import DataItem, ReadFailure, Reading
from gateway.local.fault_judge import Watched, describe, judge
from gateway.local.fault_life import SETTLED
from gateway.local.fault_rule import FaultRule
from gateway.local.fault_spec import FaultStatus
from gateway.local.fault_store import FaultStore
from gateway.local.storage import unheard

_log = structlog.get_logger(__name__)

LOOK_TIMEOUT_S: Final = 65.0
"""Seconds a data item may take to tell its value to a rule, more than any does; it counts as unreadable then."""

FindItem = Callable[[EntityRef, str], DataItem | None]
Rules = Mapping[EntityRef, tuple[FaultRule, ...]]


@dataclass(slots=True)
class _Post:
    """One rule at work. Mutable: what it remembers, whether it looks now, whether it still counts, what it raised."""

    ref: EntityRef
    rule: FaultRule
    key: str
    watched: Watched = field(default_factory=Watched)
    is_looking: bool = False
    is_gone: bool = False
    error: str | None = None


class FaultWatch:
    """Runs the rules of all own entities. `clock_s` never jumps."""

    def __init__(self, faults: FaultStore, find: FindItem, clock_s: Callable[[], float]) -> None:
        self._faults = faults
        self._find = find
        self._clock_s = clock_s
        # Mutable: the rules, and when each is due, by time and number.
        self._posts: dict[EntityRef, list[_Post]] = {}
        self._due: list[tuple[float, int, _Post]] = []
        self._numbers = 0
        self._changed = asyncio.Event()

    def declare(self, rules: Rules) -> None:
        """What is watched from now on; a rule that is there already remembers what it saw."""
        before = {(ref, post.key): post for ref, posts in self._posts.items() for post in posts}
        self._posts = {}
        for ref, of_entity in rules.items():
            for rule in of_entity:
                key = _key(rule)
                post = before.pop((ref, key), None)
                if post is None:
                    post = _Post(ref, rule, key)
                    self._push(self._clock_s(), post)
                self._posts.setdefault(ref, []).append(post)
        for post in before.values():
            post.is_gone = True
        self._changed.set()

    async def run(self) -> None:
        """Looks, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for post in self._take_due():
                    group.create_task(self.look(post), name=f"rule of {post.rule.fault.code}")
                self._changed.clear()
                wait_s = self._due[0][0] - self._clock_s() if self._due else None
                try:
                    async with asyncio.timeout(None if wait_s is None else max(wait_s, 0.0)):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    def _take_due(self) -> list[_Post]:
        """The rules to look at now. Each is due again a period later; one whose look still runs is left out once."""
        now = self._clock_s()
        due = []
        while self._due and self._due[0][0] <= now:
            at, _, post = heapq.heappop(self._due)
            if post.is_gone:
                continue
            self._push(max(at + post.rule.every_s, now), post)
            if not post.is_looking:
                post.is_looking = True
                due.append(post)
        return due

    def _push(self, at: float, post: _Post) -> None:
        self._numbers += 1
        heapq.heappush(self._due, (at, self._numbers, post))

    async def look(self, post: _Post) -> None:
        """One look, and what is reported of it."""
        try:
            await self._look(post)
        except Exception as error:  # noqa: BLE001 -- what an item does to one rule must not end the others, and the gateway
            if repr(error) != post.error:
                _log.exception("fault rule failed", entity=post.ref.id, code=post.rule.fault.code)
            post.error = repr(error)
        else:
            post.error = None
        finally:
            post.is_looking = False

    async def _look(self, post: _Post) -> None:
        reading, unit = await self._read(post)
        if post.is_gone:
            return
        post.watched, has_failed = judge(post.rule, post.watched, reading, self._clock_s())
        if has_failed is not None:
            self._report(post, reading, unit, has_failed=has_failed)

    async def _read(self, post: _Post) -> tuple[Reading, str | None]:
        item = self._find(post.ref, post.rule.item)
        if item is None:
            return ReadFailure("there is no such data item"), None
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                return await item.read(), item.spec.unit
        except TimeoutError:
            return ReadFailure(f"it did not answer in {LOOK_TIMEOUT_S:g} s"), item.spec.unit

    def _report(self, post: _Post, reading: Reading, unit: str | None, *, has_failed: bool) -> None:
        """Reports until the fault is what the rule says; then there is nothing new to report."""
        ref, spec = post.ref, post.rule.fault
        fault = self._faults.book.newest(ref, spec.code)
        is_over = fault is None or fault.status in SETTLED
        if has_failed and (fault is None or fault.status is not FaultStatus.CONFIRMED):
            text = describe(post.rule, ref.id, reading, unit)
            self._faults.report_failed(ref, spec.code, spec, unheard, description=text, counted=is_over)
        if has_failed or fault is None or is_over:
            return
        stays = fault.confirmed and spec.debounce.heal is None
        if not stays:
            self._faults.report_passed(ref, spec.code, unheard)


def _key(rule: FaultRule) -> str:
    return repr(rule)
