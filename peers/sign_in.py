"""A peer's token by client id and secret: fetched where the peer gives out tokens, and renewed before it ends."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from entities.jsontext import InvalidJsonError, parse_json, render_json
from peers.answer import FetchedAnswer
from peers.credential import Ask, Credential, parse_token
from peers.errors import PeerError, PeerReason
from peers.request import PeerRequest
from peers.secret import Secret
from peers.secret_file import read_secret_file
from peers.singleflight import InThread, SingleFlight, in_executor

log = structlog.get_logger("peers")

AUTHORIZE: Final = "/api/v1/auth/authorize"
RENEW: Final = "/api/v1/auth/token"

USED: Final = 0.8
"""The part of its life for which a token is used; then it is renewed."""

DEFAULT_LIFE_S: Final = 3600
"""Seconds of a token whose answer does not say how long it is good."""

MAX_LIFE_S: Final = 31_536_000
"""The longest life that is believed."""

REPLACE_S: Final = 5.0
"""Seconds that a token must have been had before it is replaced for being refused: a peer that refuses what it just
gave out is not asked again and again."""

RETRY_S: Final = 1.0
"""Seconds after a failed sign-in; doubled each time, up to MAX_RETRY_S."""

MAX_RETRY_S: Final = 30.0

MAX_SECRET_BYTES: Final = 4096
"""Longest secret."""


class SignIn:
    """One sign-in at a time; whoever comes meanwhile waits for it. The last token is used until it ends."""

    def __init__(
        self,
        peer: str,
        client_id: str,
        secret_file: Path,
        *,
        clock: Callable[[], float],
        in_thread: InThread = in_executor,
    ) -> None:
        """`clock`: monotonic seconds; `in_thread` reads the file, which may hang."""
        self._peer = peer
        self._client_id = client_id
        self._secret_file = secret_file
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._reading: SingleFlight[Path, Secret | str] = SingleFlight(in_thread)
        # Mutable: the tokens, since when and until when they are used, and what failed until when.
        self._access: Secret | None = None
        self._refresh: Secret | None = None
        self._had_at = float("-inf")
        self._renew_at = float("-inf")
        self._failures = 0
        self._failed: PeerError | None = None
        self._retry_at = float("-inf")

    def __repr__(self) -> str:
        return f"<SignIn {self._client_id} at {self._peer}>"

    def at_hand(self) -> Secret | None:
        return self._access if self._clock() < self._renew_at else None

    async def obtain(self, ask: Ask, *, deadline: float) -> Secret | PeerError:
        try:
            async with asyncio.timeout_at(deadline), self._one_at_a_time:
                token = self.at_hand()
                if token is not None:
                    return token
                if self._failed is not None and self._clock() < self._retry_at:
                    return self._failed
                return await self._sign_in(ask, deadline)
        except TimeoutError:
            return PeerError(PeerReason.HTTP_RESPONSE_TIMEOUT, "the peer gave no token before the deadline")

    def refused(self, token: Secret) -> None:
        if token == self._access and self._clock() - self._had_at >= REPLACE_S:
            self._renew_at = float("-inf")
            self._refresh = None  # whatever ended the one ended the other

    async def _sign_in(self, ask: Ask, deadline: float) -> Secret | PeerError:
        """New tokens: by the refresh token if there is one, else by the secret."""
        refresh, self._refresh = self._refresh, None  # good once, also if its answer is lost
        if refresh is not None:
            body = {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}
            renewed = self._take(await ask(_post(RENEW, body), deadline))
            if isinstance(renewed, Secret):
                return renewed
        secret = await self._reading.run(self._secret_file, self._secret, lambda _: None)
        if isinstance(secret, str):
            return self._fail(PeerError(PeerReason.AUTH, secret))
        body = {"grant_type": "client_credentials", "client_id": self._client_id, "client_secret": secret.reveal()}
        found = await ask(_post(AUTHORIZE, body), deadline)
        taken = self._take(found)
        return taken if isinstance(taken, Secret) else self._fail(taken, found)

    def _secret(self) -> Secret | str:
        """The secret, or what is wrong with its file. In a thread."""
        try:
            text = read_secret_file(self._secret_file, MAX_SECRET_BYTES).decode("utf-8").strip()
        except OSError as error:
            return f"client_secret_file {self._secret_file} cannot be read ({error.strerror})"
        except UnicodeDecodeError:
            return f"client_secret_file {self._secret_file} is not UTF-8"
        if not text or len(text) > MAX_SECRET_BYTES:
            return f"client_secret_file {self._secret_file} has no secret of at most {MAX_SECRET_BYTES} bytes"
        return Secret(text)

    def _take(self, found: FetchedAnswer | PeerError) -> Secret | PeerError:
        if isinstance(found, PeerError):
            return found
        if found.status != 200:
            reason = PeerReason.HTTP_REQUEST_ERROR if found.status >= 500 else PeerReason.AUTH
            detail = f"signing in as {self._client_id} answered {found.status}"
            return PeerError(reason, detail, found.elapsed_ms, found.status)
        told = _json(found)
        access = parse_token(told.get("access_token"))
        if access is None:
            return PeerError(PeerReason.INVALID_JSON, "signing in answered without a token", found.elapsed_ms, 200)
        if self._failed is not None or self._access is None:
            log.info("signed in at a peer", peer=self._peer, client=self._client_id)
        self._access, self._refresh = access, parse_token(told.get("refresh_token"))
        self._had_at = self._clock()
        self._renew_at = self._had_at + USED * _life_s(told.get("expires_in"))
        self._failed, self._failures = None, 0
        return access

    def _fail(self, error: PeerError, found: FetchedAnswer | PeerError | None = None) -> PeerError:
        """Notes that there is no token, and for how long nobody asks again."""
        if self._failed is None and error.reason is PeerReason.AUTH:
            log.warning("no token from a peer", peer=self._peer, client=self._client_id, why=error.detail)
        pause = min(RETRY_S * 2**self._failures, MAX_RETRY_S)
        if isinstance(found, FetchedAnswer):
            pause = max(pause, _retry_after_s(found))
        # Of a peer that cannot be reached its health decides how often it is asked.
        is_told = error.reason is PeerReason.AUTH or error.status is not None
        if is_told:
            self._failed, self._failures = error, self._failures + 1
            self._retry_at = self._clock() + pause
        return error


def _post(path: str, body: dict[str, str]) -> PeerRequest:
    return PeerRequest("POST", path, (("Content-Type", "application/json"),), render_json(body))


def _json(answer: FetchedAnswer) -> dict[str, Any]:
    try:
        told = parse_json(answer.body, max_bytes=len(answer.body))
    except InvalidJsonError:
        return {}
    return told if isinstance(told, dict) else {}


def _life_s(told: object) -> float:
    if type(told) is int and told > 0:
        return min(told, MAX_LIFE_S)
    return DEFAULT_LIFE_S


def _retry_after_s(answer: FetchedAnswer) -> float:
    told = answer.header("retry-after") or ""
    return min(float(told), MAX_RETRY_S * 10) if told.isascii() and told.isdigit() and len(told) < 7 else 0.0


_: type[Credential] = SignIn
