"""What other gateways are told the moment it happens: a new generation, a peer gone or back. In memory, bounded.

A subscriber that is slow gets the newest generation only, and is told how many other events it missed.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

MAX_WAITING: Final = 256
"""Events kept for a slow subscriber; older ones are counted and left out."""


@dataclass(frozen=True, slots=True)
class TreeChanged:
    """The tree document has a new generation."""

    generation: int


@dataclass(frozen=True, slots=True)
class PeerChanged:
    """A peer of ours has a new state."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class FaultsTold:
    """There are news of faults, in their own ring."""


@dataclass(frozen=True, slots=True)
class Missed:
    """That many events were left out because the subscriber was slow."""

    count: int


@dataclass(frozen=True, slots=True)
class Farewell:
    """The gateway is about to stop; nothing follows."""


Notice = TreeChanged | PeerChanged | FaultsTold | Missed | Farewell


class Subscription:
    """One reader's waiting notices."""

    def __init__(self) -> None:
        """Nothing waits."""
        # Mutable: what waits, and what was left out.
        self._waiting: deque[PeerChanged | Farewell] = deque()
        self._generation: int | None = None
        self._has_faults = False
        self._missed = 0
        self._wake = asyncio.Event()

    def put(self, notice: TreeChanged | PeerChanged | FaultsTold | Farewell) -> None:
        """Adds a notice; a newer generation replaces an older one that still waits, so do news of faults."""
        if isinstance(notice, TreeChanged):
            self._generation = notice.generation
        elif isinstance(notice, FaultsTold):
            self._has_faults = True
        else:
            self._waiting.append(notice)
            if len(self._waiting) > MAX_WAITING:
                self._waiting.popleft()
                self._missed += 1
        self._wake.set()

    async def take(self) -> list[Notice]:
        """Everything that waits, as soon as there is something: gaps first, then the newest generation, then peers."""
        await self._wake.wait()
        self._wake.clear()
        taken: list[Notice] = []
        if self._missed:
            taken.append(Missed(self._missed))
            self._missed = 0
        if self._generation is not None:
            taken.append(TreeChanged(self._generation))
            self._generation = None
        if self._has_faults:
            taken.append(FaultsTold())
            self._has_faults = False
        taken.extend(self._waiting)
        self._waiting.clear()
        return taken


class Broadcast:
    """Hands every notice to every subscriber."""

    def __init__(self) -> None:
        """Nobody listens."""
        # Mutable: who listens; whether farewell was said.
        self._subscriptions: set[Subscription] = set()
        self._is_over = False

    def __len__(self) -> int:
        return len(self._subscriptions)

    def tell(self, notice: TreeChanged | PeerChanged | FaultsTold) -> None:
        """Tells all subscribers, until farewell was said."""
        if self._is_over:
            return
        for subscription in self._subscriptions:
            subscription.put(notice)

    def say_farewell(self) -> None:
        """Tells all that nothing follows; later subscribers are told so at once."""
        self._is_over = True
        for subscription in self._subscriptions:
            subscription.put(Farewell())

    @contextmanager
    def subscribed(self) -> Iterator[Subscription]:
        """A subscription for as long as the context lasts."""
        subscription = Subscription()
        if self._is_over:
            subscription.put(Farewell())
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
