"""HTTP requests to devices: bounded in time, size and number, without redirects or cookies, the outcome a value."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.local.daemon_thread import in_daemon_thread

WEB_CALLS_AT_ONCE: Final = 64
"""Requests to devices at a time; further ones wait within their own time."""

WEB_CALLS_PER_DEVICE: Final = 8
"""Of these to one device, so that one that hangs leaves room for the others."""

ANSWER_LIMIT_BYTES: Final = 1024 * 1024
"""A larger answer of a device is not read to its end."""

RECEIVED_AT_ONCE_BYTES: Final = 16 * 1024
"""What the system holds of an answer, and how much of it is held before the device has to wait: all of it could be
thousands of the smallest pieces, and of those that came the event loop reads all at once.
"""


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What a device is asked. `headers` may hold secrets and are shown to nobody."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What the device answered, whatever the status; a redirect is not followed."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class WebFailure:
    """There is no answer. `reason` is for a client and names neither URL nor header.

    `was_sent`: the device may have done what was asked.
    """

    reason: str
    was_sent: bool


WebOutcome = WebAnswer | WebFailure


def climbs(url: str) -> bool:
    """Whether the path has a segment that leads upwards, which no manifest needs to say but a value might."""
    return any(segment in {".", ".."} for segment in unquote(urlsplit(url).path).split("/"))


class WebCaller:
    """All requests of one source. Making it does nothing; whoever made it closes it."""

    def __init__(self, authorities: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> None:
        """`authorities`: blocks on the disk; called once, when the first `https` URL is asked."""
        self._load_authorities = authorities
        # Mutable: the session, and the authorities once they are loaded.
        self._asking: aiohttp.ClientSession | None = None
        self._authorities: asyncio.Future[ssl.SSLContext] | None = None

    async def close(self) -> None:
        """End what is under way, and close all connections."""
        session, self._asking = self._asking, None
        if session is not None:
            await session.close()

    async def ask(self, request: WebRequest, *, timeout_s: float, limit_bytes: int = ANSWER_LIMIT_BYTES) -> WebOutcome:
        """Asks once. `timeout_s` is for everything: waiting, name, connection and the last byte of the answer."""
        connected: list[bool] = []
        try:
            async with asyncio.timeout(timeout_s):
                context = await self._tls() if request.url.lower().startswith("https:") else True
                async with self._session().request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    data=request.body or None,
                    allow_redirects=False,
                    ssl=context,
                    trace_request_ctx=connected,
                ) as response:
                    return await _answer(response, limit_bytes)
        except TimeoutError:
            return WebFailure(f"its device did not answer within {timeout_s:g} s", was_sent=bool(connected))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return WebFailure(_why(error), was_sent=bool(connected))

    def _session(self) -> aiohttp.ClientSession:
        """Each request has a connection of its own: what a device sends unasked into an idle one is never read."""
        if self._asking is None:
            connector = aiohttp.TCPConnector(
                limit=WEB_CALLS_AT_ONCE,
                limit_per_host=WEB_CALLS_PER_DEVICE,
                resolver=_SystemResolver(),
                force_close=True,
                socket_factory=small_socket,
            )
            self._asking = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "grove", "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                trace_configs=[_noting_connections()],
                auto_decompress=False,
                trust_env=False,
                read_bufsize=RECEIVED_AT_ONCE_BYTES,
            )
        return self._asking

    async def _tls(self) -> ssl.SSLContext:
        """Whom to trust. Raises OSError."""
        if self._authorities is None or (self._authorities.done() and self._authorities.exception()):
            self._authorities = in_daemon_thread(self._load_authorities, "grove-tls")
            if self._authorities is None:
                raise OSError(0, "the system has no thread to give")
        return await asyncio.shield(self._authorities)


def _noting_connections() -> aiohttp.TraceConfig:
    """Has each request note in its list when it got a connection; what fails before was certainly not sent."""

    async def note(_: aiohttp.ClientSession, context: Any, __: object) -> None:
        context.trace_request_ctx.append(True)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(note)
    return trace


def small_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket of which the system holds little that was not read yet."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_AT_ONCE_BYTES)
    return made


class _SystemResolver(AbstractResolver):
    """getaddrinfo(3), which blocks and cannot be stopped, in a thread that nobody else needs."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        found = in_daemon_thread(look_up, "grove-resolve")
        if found is None:
            raise OSError(0, "the system has no thread to give")
        return [_resolved(host, port, entry) for entry in await found]

    async def close(self) -> None:
        """There is nothing to let go of."""


def _resolved(host: str, port: int, entry: tuple[Any, ...]) -> ResolveResult:
    family, _, proto, _, address = entry
    literal = address[0]
    if family == socket.AF_INET6 and len(address) > 3 and address[3]:
        literal = f"{literal}%{address[3]}"  # a link-local address is none without its interface
    return ResolveResult(
        hostname=host,
        host=literal,
        port=port,
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


async def _answer(response: aiohttp.ClientResponse, limit_bytes: int) -> WebOutcome:
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        return WebFailure("its device answered compressed, which it was not asked for", was_sent=True)
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit_bytes:
            return WebFailure(f"its device answered more than {limit_bytes} bytes", was_sent=True)
    return WebAnswer(response.status, response.content_type, bytes(body))


def _why(error: Exception) -> str:
    """Nothing of the error's own text, which may hold the URL or what the device sent."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "the name of its device is not known"
        case aiohttp.ClientConnectorCertificateError():
            return "the certificate of its device is not trusted"
        case aiohttp.ClientSSLError():
            return "its device does not speak TLS as it should"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))):
            return f"its device cannot be reached: {os.strerror(number)}"
        case aiohttp.ClientConnectorError():
            return "its device cannot be reached"
        case aiohttp.InvalidURL():
            return "the URL of its device is not one"
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | ConnectionError():
            return "the connection to its device ended before its answer was complete"
        case _:
            return f"its device answered with something that is no HTTP ({type(error).__name__})"
