"""The API on a socket: accepted, drained, closed."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, Self

from aiohttp import web

from gateway.http.acceptor import BACKLOG, Acceptor
from gateway.http.api import Api
from gateway.http.connections import Connections
from gateway.http.protocol import MAX_FIELD_BYTES, MAX_LINE_BYTES, ApiProtocol

DRAIN_LOOK_S: Final = 0.01
"""Seconds between two looks whether all requests are answered."""

ENDING_S: Final = 0.2
"""Seconds for handlers that are cut off to come to an end."""


class Listener:
    """A bound socket that serves the API. Made by `start`, ended by `aclose`."""

    def __init__(self, manager: web.Server, acceptor: Acceptor, connections: Connections, port: int) -> None:
        """Use `start`."""
        self._manager = manager
        self._acceptor = acceptor
        self.connections: Final = connections
        """Those of clients."""
        self.port: Final[int] = port
        """The port that is listened on."""

    @classmethod
    async def start(
        cls,
        api: Api,
        host: str,
        port: int,
        *,
        connections: Connections,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Self:
        """Listens on `host` and `port`, 0 being any free one. Raises OSError when the address cannot be taken.

        `connections` counts and limits those of clients.
        """
        loop = asyncio.get_running_loop()
        manager = web.Server(api, request_factory=api.make_request, handler_cancellation=True)
        options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,  # a small body must not become a large one; the guard refuses encoded ones
            "max_line_size": MAX_LINE_BYTES,
            "max_field_size": MAX_FIELD_BYTES,
        }

        def make() -> ApiProtocol:
            return ApiProtocol(manager, connections, loop=loop, **options)

        listening = await _listen(host, port)
        port = listening[0].getsockname()[1]
        return cls(manager, Acceptor(listening, connections, make, ssl_context), connections, port)

    def stop_accepting(self) -> None:
        """Takes those whom the kernel holds for us and closes the socket; connections that are open go on."""
        self._acceptor.stop()

    async def drain(self, deadline: float) -> None:
        """Waits until every request that was begun is answered, at most until `deadline` (loop time)."""
        loop = asyncio.get_running_loop()
        # To be told by an event would cost every request something; to look costs once.
        while loop.time() < deadline and self._is_busy():  # noqa: ASYNC110 -- see above
            await asyncio.sleep(DRAIN_LOOK_S)

    async def aclose(self) -> None:
        """Stops accepting, and ends every connection, whatever goes on there."""
        await self._acceptor.aclose()
        self._manager.pre_shutdown()
        await self._manager.shutdown(ENDING_S)
        self.connections.aclose()

    def _is_busy(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._acceptor.is_busy(now):
            return True
        return any(isinstance(one, ApiProtocol) and one.is_busy(now) for one in self._manager.connections)


async def _listen(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address of `host`, on `port` or any free one (0). Raises OSError."""
    listening: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in await _addresses(host, port):
            try:
                one = socket.create_server(address, family=family, backlog=BACKLOG)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
                continue
            one.setblocking(False)
            listening.append(one)
        if missing is not None and not listening:
            raise missing
    except OSError:
        for one in listening:
            one.close()
        raise
    return listening


async def _addresses(host: str, port: int) -> Iterable[tuple[int, tuple[Any, ...]]]:
    """Families with addresses of theirs; names are looked up elsewhere than on the loop. Raises OSError."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            socket.inet_pton(family, host)
            return [(family, (host, port))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return dict.fromkeys((family, address) for family, *_, address in found)


_NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Of a name that has several addresses one may be of a kind that this machine does not speak."""
