"""Where every discovered gateway was met first. Pure but for what it remembers.

Who is found is who it says: anybody may answer as a gateway that fell silent. The place where it was seen before
is the better claim when both answer. Source: docs/discovery.md, "From found to peer".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_HOMES: Final = 1024
"""Gateways remembered; beyond, the one that was at home longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class _Home:
    """A URL, and when (monotonic seconds) the gateway was last there."""

    url: str
    seen: float


class Homes:
    """URLs by instance."""

    def __init__(self, keep_s: float, *, clock: Callable[[], float]) -> None:
        """`keep_s`: seconds for which a home outlives the last sight of the gateway there."""
        self._keep_s = keep_s
        self._clock = clock
        # Mutable: the homes, the one seen last at the end.
        self._homes: dict[str, _Home] = {}

    def saw(self, instance: str, url: str) -> None:
        """The gateway is here: that is its home if it has no other."""
        if self._of(instance) not in (None, url):
            return
        self._homes.pop(instance, None)
        self._homes[instance] = _Home(url, self._clock())
        if len(self._homes) > MAX_HOMES:
            del self._homes[next(iter(self._homes))]

    def is_home(self, instance: str, url: str) -> bool:
        """Whether this gateway was met first at this URL."""
        return self._of(instance) == url

    def _of(self, instance: str) -> str | None:
        home = self._homes.get(instance)
        return None if home is None or self._clock() - home.seen >= self._keep_s else home.url
