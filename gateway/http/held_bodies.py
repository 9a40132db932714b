"""How much of clients' bodies may be held while they are read: of one client, and of all together.

Only bodies that are read whole count; what is passed on as a stream is not held.
Source: docs/configuration.md, "Limits".
"""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Final

from gateway.http import errors
from gateway.http.client_address import site_of
from peers.budget import ByteBudget

ALL_BYTES: Final = 128 * 1024 * 1024
"""Of all clients together; one body that `server.max_body_bytes` allows always fits."""

CLIENT_BYTES: Final = 32 * 1024 * 1024
"""Of one client, so that it leaves room for the others; the same."""

RETRY_S: Final = 1
"""Seconds after which a client may come again."""


@dataclass(slots=True)
class _Share:
    """What one client has. Mutable: how many of its bodies are read just now."""

    budget: ByteBudget
    readers: int = 0


class HeldBodies:
    """Those of one gateway."""

    def __init__(self, max_body_bytes: int) -> None:
        """`max_body_bytes`: of one body."""
        self._max_body_bytes = max_body_bytes
        self._all = ByteBudget(max(ALL_BYTES, max_body_bytes))
        # Mutable: the shares of clients whose bodies are read just now.
        self._shares: dict[str, _Share] = {}

    def __repr__(self) -> str:
        return f"<HeldBodies of {len(self._shares)} clients, {self._all.held} bytes>"

    async def read(self, pieces: AsyncIterable[bytes], client: str) -> bytes:
        """The body that the client at this address sends in these pieces. Raises ApiError: 413, 503."""
        site = site_of(client)
        share = self._shares.get(site)
        if share is None:
            budget = self._all.share(max(CLIENT_BYTES, self._max_body_bytes))
            share = self._shares[site] = _Share(budget)
        share.readers += 1
        held = bytearray()
        try:
            async for piece in pieces:
                if len(held) + len(piece) > self._max_body_bytes:
                    raise errors.payload_too_large(self._max_body_bytes)
                if not share.budget.take(len(piece)):
                    raise errors.busy("The request bodies that are read just now are too large together", RETRY_S)
                held += piece
            return bytes(held)
        finally:
            share.budget.give(len(held))
            share.readers -= 1
            if not share.readers:
                del self._shares[site]
