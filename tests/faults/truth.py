"""Who is there, as only the one who kills and revives can know it."""

from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple


class Presence(Enum):
    """What must be seen of a gateway."""

    ALIVE = "alive"
    """It was never touched, or is known to be back: every answer has its part."""
    DOUBTFUL = "doubtful"
    """It was killed or started a moment ago: an answer has its part or names it."""
    DEAD = "dead"
    """It was killed longer ago than a death may go unnoticed: every answer names it."""


class Standing(NamedTuple):
    """A gateway's presence since its change number `change`."""

    presence: Presence
    change: int


class Truth:
    """The standing of every gateway, and what happened lately."""

    def __init__(self, names: Iterable[str]) -> None:
        self._standings = dict.fromkeys(names, Standing(Presence.ALIVE, 0))
        self._lately: deque[str] = deque(maxlen=20)
        # Mutable state: both.

    def mark(self, name: str, presence: Presence) -> None:
        """From now on."""
        self._standings[name] = Standing(presence, self._standings[name].change + 1)
        self._lately.append(f"{name} {presence.value}")

    def now(self) -> Mapping[str, Standing]:
        """To be handed to `since` later."""
        return dict(self._standings)

    def since(self, before: Mapping[str, Standing]) -> dict[str, Presence]:
        """What must be seen by a request during all of which things stood so; who changed meanwhile is doubtful."""
        now = self._standings.items()
        return {name: each.presence if each == before[name] else Presence.DOUBTFUL for name, each in now}

    def everybody(self, presence: Presence) -> list[str]:
        """Whose presence this is."""
        return [name for name, each in self._standings.items() if each.presence is presence]

    def story(self) -> str:
        """What happened lately, oldest first."""
        return ", ".join(self._lately) or "nothing"
