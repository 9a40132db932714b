"""The keys that an identity provider publishes: fetched without anybody waiting, kept when they cannot be fetched.

Source: docs/authentication.md, "An identity provider".
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import aiohttp
import structlog

from entities.jsontext import InvalidJsonError, parse_json
from gateway.auth.gatekeeper import Keys
from gateway.auth.keys import Algorithm, KeyMistake, VerifyingKeys, published_keys
from gateway.auth.tokens import BadToken, key_id_of

log = structlog.get_logger("auth")

REFRESH_S: Final = 300.0
"""Seconds between two fetches: a key that was withdrawn counts no longer than that."""

RETRY_S: Final = 5.0
"""Seconds after a fetch that failed; doubled each time, up to REFRESH_S."""

HURRY_S: Final = 10.0
"""Seconds between two fetches because a token names a key that is not there: whoever invents names gets no more."""

TIMEOUT_S: Final = 5.0
"""Seconds of one fetch, and the longest that a request waits for one."""

MAX_BYTES: Final = 256 * 1024
"""Longest document with keys."""


class PublishedKeys:
    """The keys at `url`; `run` fetches them. The last good ones stay in use while nothing better is had."""

    def __init__(self, url: str, algorithm: Algorithm, *, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        self._url = url
        self._algorithm: Algorithm = algorithm
        self._clock = clock
        # Mutable: the keys, why there are no newer ones, when they were asked for last, and who waits for them.
        self._keys: VerifyingKeys | None = None
        self.trouble: str | None = None
        """Why the last fetch failed, for people; None if it did not."""
        self._asked_at = float("-inf")
        self._is_fetching = True
        self._wanted = asyncio.Event()
        self._fetched = asyncio.Event()

    def __repr__(self) -> str:
        return f"<PublishedKeys {self._url}: {0 if self._keys is None else len(self._keys.by_id)} keys>"

    def current(self) -> VerifyingKeys | None:
        return self._keys

    async def with_key(self, token: str) -> VerifyingKeys | None:
        """The keys after another look, if one is due; whoever comes too soon after the last gets what there is."""
        if isinstance(key_id_of(token), BadToken):
            return self._keys
        if not self._is_fetching:
            if self._clock() - self._asked_at < HURRY_S:
                return self._keys
            self._wanted.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                await self._fetched.wait()
        return self._keys

    async def run(self) -> None:
        """Fetches the keys again and again, for ever."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        failures = 0
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            while True:
                self._wanted.clear()
                self._asked_at, self._is_fetching = self._clock(), True
                self._note(await self._fetch(session))
                self._is_fetching = False
                self._fetched.set()
                self._fetched = asyncio.Event()
                failures = 0 if self.trouble is None else failures + 1
                pause = min(RETRY_S * 2**failures / 2, REFRESH_S) if failures else REFRESH_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wanted.wait()

    async def fetch_once(self) -> None:
        """The keys as they are now, for a program that does not run; `trouble` tells if they could not be had."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            self._note(await self._fetch(session))

    async def _fetch(self, session: aiohttp.ClientSession) -> str | None:
        """Takes up what is published now; why that was not possible, if so."""
        try:
            async with session.get(self._url, allow_redirects=False) as answer:
                if answer.status != 200:
                    return f"it answered {answer.status}"
                body = await _read(answer)
            document = parse_json(body, max_bytes=MAX_BYTES)
            self._take(document)
        except TimeoutError:
            return f"no answer within {TIMEOUT_S:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return type(error).__name__
        except InvalidJsonError as error:
            return f"no JSON: {error}"
        except KeyMistake as mistake:
            return str(mistake)
        return None

    def _take(self, document: Any) -> None:
        keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(keys, list):
            raise KeyMistake("no list of keys")
        found = published_keys(self._algorithm, keys)
        known = {} if self._keys is None else self._keys.by_id
        if set(known) != set(found.by_id):
            log.info("keys of the identity provider", url=self._url, keys=len(found.by_id))
        self._keys = found

    def _note(self, trouble: str | None) -> None:
        if trouble is not None and self.trouble is None:
            log.warning("keys of the identity provider cannot be fetched", url=self._url, why=trouble)
        elif trouble is None and self.trouble is not None:
            log.info("keys of the identity provider fetched again", url=self._url)
        self.trouble = trouble


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_BYTES:
            raise KeyMistake(f"more than {MAX_BYTES} bytes")
    return bytes(body)


_: type[Keys] = PublishedKeys
