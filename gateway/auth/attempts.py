"""How often somebody may try a secret: failures are counted by client and by address. Pure, with the clock handed in.

Where a client has proven itself, others' failures do not lock it out: its secret is looked at there, within bounds of
its own. Whoever is wrong is told the same as anybody else at that address, so nobody learns who is a client.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from gateway.site import site_of

PLACES: Final = 64
"""Addresses at which one client has proven itself that are remembered, the last ones."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Failures that are answered at once, and how fast they are forgiven."""

    per_address: int = 10
    """Failures of one address (of IPv6, of one /64)."""
    per_client: int = 20
    """Failures for one client id, from all addresses together."""
    forgiven_s: float = 6.0
    """Seconds after which one failure is forgiven."""
    remembered: int = 4096
    """Addresses, and ids of no client, that are counted; for one more, the one that is forgiven first is forgotten."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What becomes of one attempt."""

    wait_s: int
    """Whole seconds that are told to whoever is not granted anything; 0: that the secret is wrong."""
    is_heard: bool
    """Whether the secret is looked at."""


class _Counts:
    """Failures by whom they are counted against, as the moment at which all of them are forgiven."""

    def __init__(self, most: int, forgiven_s: float, *, remembered: int | None) -> None:
        """`remembered`: None where only so many can be told."""
        self._patience_s = (most - 1) * forgiven_s
        self._forgiven_s = forgiven_s
        self._remembered = remembered
        # Mutable: the moments, and of whom it was told that they have to wait.
        self._until: dict[Hashable, float] = {}
        self._told: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._until)

    def wait_s(self, key: Hashable, now: float) -> float:
        """Seconds until one more attempt is answered."""
        return max(0.0, self._until.get(key, now) - now - self._patience_s)

    def add(self, key: Hashable, now: float) -> bool:
        """Counts a failure; whether it is the first for which others have to wait, since all were forgiven."""
        before = self._until.get(key)
        if before is None and len(self._until) == self._remembered:
            self._forget(min(self._until, key=self._until.__getitem__))
        if before is None or before <= now:
            before = now
            self._told.discard(key)
        self._until[key] = before + self._forgiven_s
        if key in self._told or self.wait_s(key, now) == 0:
            return False
        self._told.add(key)
        return True

    def _forget(self, key: Hashable) -> None:
        del self._until[key]
        self._told.discard(key)


class Attempts:
    """Everybody who failed lately."""

    def __init__(
        self,
        limits: AttemptLimits,
        *,
        is_known: Callable[[str], bool],
        clock: Callable[[], float],
        proven: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """`is_known`: whether there is a client of this id; `clock`: monotonic seconds.

        `proven`: where clients proved themselves in earlier runs, as `succeeded` told.
        """
        self._limits = limits
        self._is_known = is_known
        self._clock = clock
        # Mutable: the failures, those for invented ids apart, so that these push out no client's; and where which
        # client proved itself, with the moment at which what failed for it there is forgiven.
        self._by_address = self._counts(limits.per_address, limits.remembered)
        self._by_client = self._counts(limits.per_client, None)
        self._by_invented = self._counts(limits.per_client, limits.remembered)
        self._proven: dict[str, OrderedDict[str, float]] = {
            client: OrderedDict.fromkeys(places, clock()) for client, places in (proven or {}).items()
        }

    def hear(self, client: str, address: str) -> Hearing:
        """What is to become of an attempt as this client."""
        now, where = self._clock(), site_of(address)
        wait = ceil(max(self._by_address.wait_s(where, now), self._of(client).wait_s(client, now)))
        return Hearing(wait, is_heard=wait == 0 or self._may_try(client, where, now))

    def failed(self, client: str, address: str) -> bool:
        """Counts a failure that was heard; whether from now on others are refused, which is news."""
        now, where = self._clock(), site_of(address)
        would_wait = self.hear(client, address).wait_s > 0
        if (places := self._proven.get(client)) is not None and where in places:
            places[where] = max(now, places[where]) + self._limits.forgiven_s
        if would_wait:  # somebody else would not have been heard, so must not have to wait for longer either
            return False
        of_address, of_client = self._by_address.add(where, now), self._of(client).add(client, now)
        return of_address or of_client

    def succeeded(self, client: str, address: str) -> list[str]:
        """Notes that this address knows the client's secret; all places where it was known lately."""
        places, where = self._proven.setdefault(client, OrderedDict()), site_of(address)
        places.setdefault(where, self._clock())
        places.move_to_end(where)
        if len(places) > PLACES:
            places.popitem(last=False)
        return [*places]

    def forget_places(self, client: str) -> None:
        """What was proven of this client is nothing any more: it is gone, or has another secret."""
        self._proven.pop(client, None)

    def _may_try(self, client: str, where: str, now: float) -> bool:
        """Whether the client has proven itself here, and not too much failed for it here since."""
        places = self._proven.get(client)
        if places is None or where not in places:
            return False
        return places[where] - now <= (self._limits.per_address - 1) * self._limits.forgiven_s

    def _of(self, client: str) -> _Counts:
        return self._by_client if self._is_known(client) else self._by_invented

    def _counts(self, most: int, remembered: int | None) -> _Counts:
        return _Counts(most, self._limits.forgiven_s, remembered=remembered)
