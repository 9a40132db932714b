"""What is so at every moment: who lives, which links work, since when, and what happened last."""

from collections import deque
from collections.abc import Callable, Sequence

REMEMBERED = 60
"""Events shown with a failure."""


class Truth:
    """Times are the clock's, in seconds. A link is `(viewer, peer)`: the one over which the first asks the second."""

    def __init__(self, names: Sequence[str], clock: Callable[[], float]) -> None:
        """Everybody lives and every link works."""
        self.names = frozenset(names)
        self.clock = clock
        self._began = clock()
        self._dead: set[str] = set()
        self._broken: dict[tuple[str, str], str] = {}
        self._changed: dict[str | tuple[str, str], float] = {}
        self._boots: dict[str, int] = {}
        self._events: deque[str] = deque(maxlen=REMEMBERED)
        # Mutable state: who is dead, what is broken and how, when each last changed, starts, the last events.

    def __str__(self) -> str:
        now = self.clock()
        broken = ", ".join(f"{viewer}->{peer} {how}" for (viewer, peer), how in self._broken.items())
        return "\n".join([f"now {now:.3f}; dead: {sorted(self._dead)}; broken: {broken or 'no link'}", *self._events])

    @property
    def broken(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._broken)

    def is_alive(self, name: str) -> bool:
        return name not in self._dead

    def boots(self, name: str) -> int:
        """How often it was killed; what it held in memory is lost each time."""
        return self._boots.get(name, 0)

    def gateway_dies(self, name: str) -> None:
        self._dead.add(name)
        self._boots[name] = self.boots(name) + 1
        self._note(name, f"{name} is killed")

    def gateway_stops(self, name: str) -> None:
        """For others it is as good as dead, but nothing that it holds is lost."""
        self._dead.add(name)
        self._note(name, f"{name} is stopped")

    def gateway_lives(self, name: str) -> None:
        self._dead.discard(name)
        self._note(name, f"{name} lives")

    def link_breaks(self, way: tuple[str, str], how: str) -> None:
        self._broken[way] = how
        self._note(way, f"{way[0]}->{way[1]} {how}")

    def link_heals(self, way: tuple[str, str]) -> None:
        self._broken.pop(way, None)
        self._note(way, f"{way[0]}->{way[1]} healed")

    def has_lived(self, name: str, since: float) -> bool:
        """Whether it has answered the whole time."""
        return self.is_alive(name) and self._changed.get(name, since) <= since

    def reached_since(self, viewer: str, owner: str) -> float | None:
        """Since when a way on which everything works has led to `owner`, direct or over one other; None = none does."""
        direct = self._changed_on(viewer, owner)
        ways = [direct] if self._works(viewer, owner) else []
        for between in self.names - {viewer, owner}:
            if self._works(viewer, between) and self._works(between, owner):
                # The direct link counts too: what was on its way there when it broke is late.
                ways.append(max(direct, self._changed_on(viewer, between), self._changed_on(between, owner)))
        return min(ways, default=None)

    def dead_since(self, owner: str) -> float | None:
        """Since when it has been dead; None = it lives."""
        return self._changed[owner] if owner in self._dead else None

    def _works(self, viewer: str, peer: str) -> bool:
        return (viewer, peer) not in self._broken and not {viewer, peer} & self._dead

    def _changed_on(self, viewer: str, peer: str) -> float:
        """When one of the two or their link changed last."""
        return max(self._changed.get(each, self._began) for each in (viewer, peer, (viewer, peer)))

    def _note(self, what: str | tuple[str, str], event: str) -> None:
        now = self.clock()
        self._changed[what] = now
        self._events.append(f"{now:.3f} {event}")
