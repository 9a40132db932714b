"""The API of a running gateway over HTTP: the one place of the commands that knows aiohttp."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from gateway.commands.answers import PREFIX, Answer
from gateway.commands.failure import CommandFailed

TIMEOUT_S: Final = 10.0
"""Seconds for one request of a command, connect to last byte."""

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Bytes of one answer."""

MAX_CONNECTIONS: Final = 8
"""Connections of one command at a time."""


class HttpApi:
    """A gateway's API at `base` (scheme://host:port)."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        # Not the pool's limit: waiting there would count as time of the request.
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self.base = base

    async def get(self, path: str) -> Answer:
        """The answer to `GET /api/v1<path>`; every failure ends here as CommandFailed."""
        return await self._ask("GET", path)

    async def post(self, path: str, body: Mapping[str, str]) -> Answer:
        """The same for `POST`, with a JSON object."""
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Answer:
        url = f"{self.base}{PREFIX}{path}"
        try:
            async with (
                self._slots,
                self._session.request(method, url, json=body, allow_redirects=False) as response,
            ):
                return Answer(response.status, json.loads(await _read(response)))
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            raise CommandFailed(
                f"the certificate of {self.base} is not trusted ({why}); name its authority in SSL_CERT_FILE"
            ) from error
        except aiohttp.ClientSSLError as error:
            why = getattr(error.os_error, "reason", None) or str(error.os_error)
            raise CommandFailed(f"{self.base} does not speak https with us ({why}); is it http?") from error
        except aiohttp.ClientConnectorError as error:
            # With several addresses tried there is no single errno.
            reason = os.strerror(error.os_error.errno) if error.os_error.errno else "no address of it can be reached"
            raise CommandFailed(f"nothing answers at {self.base} ({reason}): is the gateway running there?") from error
        except TimeoutError as error:
            raise CommandFailed(f"{url} gave no answer within {TIMEOUT_S:g} s") from error
        except aiohttp.ServerDisconnectedError as error:
            guess = "; does it speak https?" if self.base.startswith("http://") else ""
            raise CommandFailed(f"{url} could not be read: {error}{guess}") from error
        except aiohttp.ClientError as error:
            raise CommandFailed(f"{url} could not be read: {error}") from error
        except (ValueError, RecursionError) as error:
            raise CommandFailed(f"{url} does not answer with JSON: is it a gateway?") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, or what is too much of it to be worth reading on."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise CommandFailed(f"{response.url} answers with more than {MAX_BODY_BYTES} bytes")
    return bytes(body)


@asynccontextmanager
async def open_api(base: str, token: str | None = None) -> AsyncIterator[HttpApi]:
    """The API of the gateway at `base`, for as long as the context lasts; `token` is shown with every request."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
        yield HttpApi(session, base)
