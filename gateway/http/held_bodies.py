"""How much of clients' bodies may be held, from their first byte until their requests are done: of one, and of all.

Only bodies that are read whole count; what is passed on as a stream is not held.
Source: docs/configuration.md, "Limits".
"""

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.http import errors
from gateway.site import site_of
from peers.budget import ByteBudget

ALL_BYTES: Final = 128 * 1024 * 1024
"""Of all clients together, but for the beginnings of their bodies; one that `server.max_body_bytes` allows fits."""

CLIENT_BYTES: Final = 32 * 1024 * 1024
"""Of one client, so that it leaves room for the others; the same."""

BEGINNING_BYTES: Final = 64 * 1024
"""Of each body that count for its client alone: an ordinary write is refused to nobody because of what others send."""

RETRY_S: Final = 1
"""Seconds after which a client may come again."""


@dataclass(slots=True)
class _Share:
    """What one client has. Mutable: how many of its bodies are held now."""

    budget: ByteBudget
    bodies: int = 0


class HeldBody:
    """One body. Made by `HeldBodies.body_of`."""

    def __init__(self, own: ByteBudget, shared: ByteBudget, max_bytes: int, end: Callable[[], None]) -> None:
        """Nothing of it is here. `own` is its client's, `shared` that of all; `end` is called when it is given back."""
        self._own = own
        self._shared = shared
        self._max_bytes = max_bytes
        self._end = end
        # Mutable: the bytes that are held, and whether they are given back.
        self._held = 0
        self._is_over = False

    async def read(self, pieces: AsyncIterable[bytes]) -> bytes:
        """All of it, as the client sends it in these pieces. Raises ApiError: 413, 503."""
        read = bytearray()
        async for piece in pieces:
            if self._held + len(piece) > self._max_bytes:
                raise errors.payload_too_large(self._max_bytes)
            if not self._take(len(piece)):
                raise errors.busy("The request bodies that are held just now are too large together", RETRY_S)
            read += piece
        return bytes(read)

    def give_back(self) -> None:
        """It is held no more."""
        if not self._is_over:
            self._is_over = True
            self._own.give(self._held)
            self._shared.give(_beyond(self._held))
            self._end()

    def _take(self, count: int) -> bool:
        shared = _beyond(self._held + count) - _beyond(self._held)
        if not self._shared.take(shared):
            return False
        if not self._own.take(count):
            self._shared.give(shared)
            return False
        self._held += count
        return True


class HeldBodies:
    """Those of one gateway."""

    def __init__(self, max_body_bytes: int) -> None:
        """`max_body_bytes`: of one body."""
        self._max_body_bytes = max_body_bytes
        self._all = ByteBudget(max(ALL_BYTES, max_body_bytes))
        # Mutable: the shares of clients of whom a body is held now.
        self._shares: dict[str, _Share] = {}

    def __repr__(self) -> str:
        held = sum(share.budget.held for share in self._shares.values())
        return f"<HeldBodies of {len(self._shares)} clients, {held} bytes>"

    def body_of(self, client: str) -> HeldBody:
        """A further body, of the client at this address; it is given back when nobody needs it any more."""
        site = site_of(client)
        share = self._shares.get(site)
        if share is None:
            share = self._shares[site] = _Share(ByteBudget(max(CLIENT_BYTES, self._max_body_bytes)))
        share.bodies += 1
        return HeldBody(share.budget, self._all, self._max_body_bytes, partial(self._leave, site))

    def _leave(self, site: str) -> None:
        share = self._shares[site]
        share.bodies -= 1
        if not share.bodies:
            del self._shares[site]


def _beyond(size: int) -> int:
    """What of so many bytes counts for all together."""
    return max(0, size - BEGINNING_BYTES)
