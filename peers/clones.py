"""Finds copies of one gateway: two processes that answer under one instance id. Pure but for what it remembers.

A restart shows a new boot and never the old one again; a boot that answers after a newer one was seen means two
processes. The endpoint that came later is refused until what runs there is started anew; an endpoint that went from
the older boot to the newer one was restarted, and then the one that still shows the older boot is refused.
"""

from dataclasses import dataclass
from typing import Final

MAX_BOOTS: Final = 16
"""Boots remembered per instance."""

MAX_COPIES: Final = 2 * MAX_BOOTS
"""Boots called copies that are remembered per instance; beyond, the oldest verdict is forgotten."""

MAX_INSTANCES: Final = 1024
"""Instances remembered; beyond, the one seen first is forgotten."""


@dataclass(slots=True)
class _Sighting:
    """A boot: who showed it first and when, and who else did since. Mutable: the latter."""

    peer: str
    at: float
    shown_by: set[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the one who answered is a copy, and the other peer that turns out to be one."""

    is_copy: bool
    rival: str | None = None


class BootLedger:
    """Boots by instance in the order they were first seen."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        # Mutable: both.
        self._seen: dict[str, dict[str, _Sighting]] = {}
        self._copies: dict[str, dict[str, None]] = {}

    def judge(self, peer: str, instance: str, boot: str, *, asked: float, now: float) -> Verdict:
        """What this sighting means. `asked`, `now`: loop time when the probe was sent and answered."""
        if boot in self._copies.get(instance, ()):
            return Verdict(is_copy=True)
        boots = self._seen.setdefault(instance, {})
        if boot not in boots:
            boots[boot] = _Sighting(peer, now, {peer})
            self._forget_oldest(boots)
            return Verdict(is_copy=False)
        boots[boot].shown_by.add(peer)
        newest = next(reversed(boots))
        latest = boots[newest]
        if boot == newest or asked <= latest.at:
            return Verdict(is_copy=False)
        if latest.peer != peer and latest.peer in boots[boot].shown_by:
            # The gateway moved on to a new boot at its own URL: a restart. Who still shows the old one is the copy.
            self._call_copy(instance, boot)
            return Verdict(is_copy=True)
        self._call_copy(instance, newest)
        if latest.peer == peer:
            self._call_copy(instance, boot)
            return Verdict(is_copy=True)
        del boots[newest]
        return Verdict(is_copy=False, rival=latest.peer)

    def _call_copy(self, instance: str, boot: str) -> None:
        copies = self._copies.setdefault(instance, {})
        copies[boot] = None
        if len(copies) > MAX_COPIES:
            del copies[next(iter(copies))]

    def _forget_oldest(self, boots: dict[str, _Sighting]) -> None:
        if len(boots) > MAX_BOOTS:
            del boots[next(iter(boots))]
        if len(self._seen) > MAX_INSTANCES:
            gone = next(iter(self._seen))
            del self._seen[gone]
            self._copies.pop(gone, None)
