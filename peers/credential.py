"""What this gateway shows one peer to be let in: a token, where it comes from, and when there is another one.

A credential belongs to one configured peer. Source: docs/authentication.md, "Between gateways".
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from peers.answer import FetchedAnswer
from peers.errors import PeerError
from peers.request import PeerRequest
from peers.secret import Secret

MAX_TOKEN: Final = 8192
"""Characters of a token."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")

Ask = Callable[[PeerRequest, float], Awaitable[FetchedAnswer | PeerError]]
"""Asks the peer itself, without a credential; the deadline is loop.time()."""


class Credential(Protocol):
    """One peer's. `at_hand` and `refused` are synchronous."""

    def at_hand(self) -> Secret | None:
        """The token that may be sent now; None if `obtain` must be asked."""

    async def obtain(self, ask: Ask, *, deadline: float) -> Secret | PeerError:
        """The token to send, or why there is none."""

    def refused(self, token: Secret) -> None:
        """The peer does not take this token (401): `obtain` may have another one."""


def parse_token(text: object) -> Secret | None:
    """A bearer token as RFC 6750 allows it (section 2.1); None for what is none."""
    if not isinstance(text, str) or len(text) > MAX_TOKEN or _TOKEN.fullmatch(text) is None:
        return None
    return Secret(text)
