"""What is shown to one peer: the client's own authorization where that may go on, else our credential."""

from peers.credential import Ask, Credential
from peers.errors import PeerError
from peers.request import PeerRequest
from peers.secret import Secret

NOTHING = Secret("")
"""Shown where there is nothing to show."""


class Presenting:
    """The choice for one peer. A discovered one has neither credential nor `passes_on`."""

    def __init__(self, credential: Credential | None, *, passes_on: bool, ask: Ask) -> None:
        """`passes_on`: clients' own `Authorization` goes on; `ask` asks the peer without showing anything."""
        self._credential = credential
        self._passes_on = passes_on
        self._ask = ask

    def speaks_for_client(self, request: PeerRequest) -> bool:
        """Whether the client's own authorization is shown, so that a refusal is meant for the client."""
        return self._passes_on and request.authorization is not None

    def at_once(self, request: PeerRequest) -> Secret | None:
        """The value of `Authorization` if nobody must be asked for it; None if `now` must be awaited."""
        if request.authorization is not None and self._passes_on:
            return request.authorization
        if self._credential is None:
            return NOTHING
        token = self._credential.at_hand()
        return None if token is None else _bearer(token)

    async def now(self, request: PeerRequest, deadline: float) -> Secret | PeerError:
        """As `at_once`, waiting for a token if need be."""
        shown = self.at_once(request)
        if shown is not None or self._credential is None:
            return shown or NOTHING
        token = await self._credential.obtain(self._ask, deadline=deadline)
        return token if isinstance(token, PeerError) else _bearer(token)

    async def another(self, request: PeerRequest, shown: Secret, deadline: float) -> Secret | None:
        """What to show instead of what was refused (401); None if there is nothing else, or it cannot be sent again."""
        is_replayable = request.body is None or isinstance(request.body, bytes)
        if self._credential is None or self.speaks_for_client(request) or not is_replayable:
            return None
        self._credential.refused(Secret(shown.reveal().removeprefix(_SCHEME)))
        instead = await self.now(request, deadline)
        return None if isinstance(instead, PeerError) or instead == shown else instead


_SCHEME = "Bearer "


def _bearer(token: Secret) -> Secret:
    return Secret(f"{_SCHEME}{token.reveal()}")
