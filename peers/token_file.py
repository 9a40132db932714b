"""A peer's token in a file, which somebody else keeps current."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from peers.credential import MAX_TOKEN, Ask, Credential, parse_token
from peers.errors import PeerError, PeerReason
from peers.secret import Secret
from peers.secret_file import read_secret_file
from peers.singleflight import InThread, SingleFlight, in_executor

log = structlog.get_logger("peers")

CHECK_S: Final = 1.0
"""Seconds for which a token is used before the file is read again."""

RECHECK_S: Final = 0.1
"""The same once the peer refused it."""

GLANCE_S: Final = 0.2
"""Seconds that are waited for a file that does not answer while there is a token to use."""


class TokenFile:
    """Reads the file when the last look at it is a second old; the last good token stays while it is unreadable."""

    def __init__(self, peer: str, path: Path, *, clock: Callable[[], float], in_thread: InThread = in_executor) -> None:
        """`clock`: monotonic seconds; `in_thread` reads the file, which may hang."""
        self._peer = peer
        self._path = path
        self._clock = clock
        self._reading: SingleFlight[Path, Secret | str] = SingleFlight(in_thread)
        # Mutable: the token, when the file was read, what is wrong with it, and how long that counts.
        self._token: Secret | None = None
        self._read_at = float("-inf")
        self._trouble: str | None = None
        self._patience = CHECK_S

    def __repr__(self) -> str:
        return f"<TokenFile {self._path}>"

    def at_hand(self) -> Secret | None:
        return self._token if self._clock() - self._read_at < self._patience else None

    async def obtain(self, ask: Ask, *, deadline: float) -> Secret | PeerError:  # noqa: ARG002 -- others need to ask
        if self._token is not None:
            deadline = min(deadline, asyncio.get_running_loop().time() + GLANCE_S)
        try:
            async with asyncio.timeout_at(deadline):
                await self._reading.run(self._path, self._read, self._take)
        except TimeoutError:
            self._take("it could not be read in time")
        if self._token is None:
            return PeerError(PeerReason.AUTH, f"token_file {self._path}: {self._trouble}")
        return self._token

    def refused(self, token: Secret) -> None:
        if token == self._token:
            self._patience = RECHECK_S

    def _read(self) -> Secret | str:
        """The token, or what is wrong with the file. In a thread."""
        try:
            body = read_secret_file(self._path, MAX_TOKEN + 1)
        except OSError as error:
            return f"no file that can be read ({error.strerror})"
        return parse_token(body.decode("latin-1").strip()) or "what stands in it is no token"

    def _take(self, found: Secret | str) -> None:
        self._read_at = self._clock()
        if isinstance(found, Secret):
            if found != self._token:
                self._patience = CHECK_S
                log.info("token of a peer read", peer=self._peer, file=str(self._path))
            self._token, self._trouble = found, None
        else:
            if self._trouble is None:
                log.warning("token of a peer cannot be read", peer=self._peer, file=str(self._path), why=found)
            self._trouble = found


_: type[Credential] = TokenFile
