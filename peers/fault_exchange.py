"""The changes of faults of all gateways as one sequence: our own, and what peers tell, each once. In memory, bounded.

What is lost on the way is an entry too: a number of an origin that is missing, a peer that could not keep what we had
not read yet, a gateway that is silent. Nothing is ever missing without being named.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from peers.fault_news import FaultNews
from peers.ring import Ring

KEPT: Final = 1000
"""Entries that are kept for readers that were away."""

MAX_ORIGINS: Final = 4096
"""Gateways of which it is remembered how far their news were taken."""

EPOCH_BITS: Final = 33
COUNT_BITS: Final = 20
"""Entries of one start have numbers of their own: the seconds of its epoch, then the count; 53 bits together."""

log = structlog.get_logger("peers")


@dataclass(frozen=True, slots=True)
class NewsLost:
    """News that will not come. `label`: of whom, or by whom they were lost; `count` 0: nobody knows how many."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class SilenceChanged:
    """The changes of faults of the gateway called `label` do not arrive any more (`silent`), or do again."""

    label: str
    silent: bool


Entry = FaultNews | NewsLost | SilenceChanged


@dataclass(slots=True)
class _Taken:
    """How far the news of one origin were taken."""

    epoch: int
    seq: int


class FaultExchange:
    """Takes news in and keeps them in a ring. `label_of` names an instance; `silent` names whose news do not arrive."""

    def __init__(
        self, self_id: str, epoch: int, *, label_of: Callable[[str], str], silent: Callable[[], Iterable[str]]
    ) -> None:
        self._self_id = self_id
        self._epoch = epoch
        self._label_of = label_of
        self._silent = silent
        self.first = first_number(epoch)
        """The number of the first entry."""
        self.ring: Ring[Entry] = Ring(KEPT, first=self.first)
        self.on_entry: Callable[[], None] = lambda: None
        """Called when there is a new entry."""
        self.on_readers: Callable[[], None] = lambda: None
        """Called when the first reader comes."""
        # Mutable: our last number, how far others' news were taken, who is silent, and how many read.
        self._readers = 0
        self._seq = 0
        self._taken: dict[str, _Taken] = {}
        self.silent: frozenset[str] = frozenset()
        """Labels of the gateways whose changes do not arrive now."""

    def publish(self, event: dict[str, Any], member: str) -> None:
        """One of our own faults changed."""
        self._seq += 1
        self._append(FaultNews(self._self_id, self._epoch, self._seq, event, member))

    def take(self, news: FaultNews) -> None:
        """What a peer told; what was taken before, and our own that comes back, is nothing new."""
        if news.origin == self._self_id:
            return
        taken = self._taken.get(news.origin)
        if taken is None:
            if len(self._taken) >= MAX_ORIGINS:
                del self._taken[next(iter(self._taken))]
            self._taken[news.origin] = _Taken(news.epoch, news.seq)
        elif (news.epoch, news.seq) <= (taken.epoch, taken.seq):
            return
        else:
            lost = news.seq - 1 - (taken.seq if news.epoch == taken.epoch else 0)
            if lost:
                self._append(NewsLost(self._label_of(news.origin), lost))
            taken.epoch, taken.seq = news.epoch, news.seq
        self._append(news)

    def take_foreign(self, origin: str, event: dict[str, Any], member: str | None) -> None:
        """What an upstream gateway that we read told of its own: it has no numbers, so they are ours."""
        taken = self._taken.get(origin)
        seq = taken.seq + 1 if taken is not None and taken.epoch == self._epoch else 1
        self.take(FaultNews(origin, self._epoch, seq, event, member))

    def lost(self, label: str, count: int) -> None:
        """A peer could not keep `count` news for us; which ones, nobody knows."""
        log.info("news of faults were lost", peer=label, count=count)
        self._append(NewsLost(label, count))

    def look_at_silence(self) -> None:
        """Somebody may be silent, or may not be any more."""
        now = frozenset(self._silent())
        for label in sorted(now - self.silent):
            self._append(SilenceChanged(label, silent=True))
        for label in sorted(self.silent - now):
            self._append(SilenceChanged(label, silent=False))
        self.silent = now

    @property
    def has_readers(self) -> bool:
        """Somebody wants to know, a client or another gateway."""
        return self._readers > 0

    @contextmanager
    def read(self) -> Iterator[None]:
        """One more reader, as long as the context lasts."""
        self._readers += 1
        if self._readers == 1:
            self.on_readers()
        try:
            yield
        finally:
            self._readers -= 1

    def _append(self, entry: Entry) -> None:
        self.ring.append(entry)
        self.on_entry()


def first_number(epoch: int) -> int:
    """The number of the first entry of a start: above all numbers of earlier starts, and exact in every JSON reader."""
    return (epoch % (1 << EPOCH_BITS) << COUNT_BITS) + 1
