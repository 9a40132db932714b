"""One kind of reading of a peer: of its tree document, or of all collections of an upstream gateway."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Reading:
    """Whether it is due and whether it is under way, which takes as long as the peer lets it. Mutable."""

    is_walk: bool
    """It is that of an upstream gateway."""
    due: asyncio.Event = field(default_factory=asyncio.Event)
    is_under_way: bool = False

    @property
    def is_expected(self) -> bool:
        """It is due or under way."""
        return self.due.is_set() or self.is_under_way
