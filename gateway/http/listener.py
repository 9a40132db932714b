"""The API on a socket: accepted, drained, closed."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Final, Self

from aiohttp import web

from gateway.http.api import Api
from gateway.http.connections import Connections
from gateway.http.protocol import MAX_LINE_BYTES, ApiProtocol

MAX_FIELD_BYTES: Final = 8190
"""Longest single header name or value; all headers together have their own limit."""

TLS_HANDSHAKE_S: Final = 10.0
"""Seconds for a client to finish the TLS handshake."""

BACKLOG: Final = 1024
"""Connections the kernel holds until we accept them."""

DRAIN_LOOK_S: Final = 0.01
"""Seconds between two looks whether all requests are answered."""

ENDING_S: Final = 0.2
"""Seconds for handlers that are cut off to come to an end."""


class Listener:
    """A bound socket that serves the API. Made by `start`, ended by `aclose`."""

    def __init__(
        self,
        manager: web.Server,
        server: asyncio.Server,
        connections: Connections,
        make: Callable[[], ApiProtocol],
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        """Use `start`."""
        self._manager = manager
        self._server = server
        self._make = make
        self._ssl_context = ssl_context
        self.connections: Final = connections
        """Those of clients."""
        self.port: Final[int] = server.sockets[0].getsockname()[1]
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

        server = await loop.create_server(
            make,
            host,
            port,
            backlog=BACKLOG,
            ssl=ssl_context,
            ssl_handshake_timeout=None if ssl_context is None else TLS_HANDSHAKE_S,
        )
        return cls(manager, server, connections, make, ssl_context)

    async def stop_accepting(self) -> None:
        """Closes the socket; connections that are open go on, and so do those that the kernel holds for us."""
        listening = [socket.socket(fileno=os.dup(one.fileno())) for one in self._server.sockets]
        accepted = [*_waiting(listening)]
        self._server.close()
        accepted += _waiting(listening)  # who came between; after this the door is shut within microseconds
        for one in listening:
            one.close()
        loop = asyncio.get_running_loop()
        for one in accepted:
            taking = loop.connect_accepted_socket(
                self._make,
                one,
                ssl=self._ssl_context,
                ssl_handshake_timeout=None if self._ssl_context is None else TLS_HANDSHAKE_S,
            )
            try:
                await taking
            except (OSError, ssl.SSLError):  # it is gone again
                one.close()

    async def drain(self, deadline: float) -> None:
        """Waits until every request that was begun is answered, at most until `deadline` (loop time)."""
        loop = asyncio.get_running_loop()
        # To be told by an event would cost every request something; to look costs once.
        while loop.time() < deadline and self._is_busy():  # noqa: ASYNC110 -- see above
            await asyncio.sleep(DRAIN_LOOK_S)

    async def aclose(self) -> None:
        """Stops accepting, and ends every connection, whatever goes on there."""
        self._server.close()
        await asyncio.sleep(0)  # what has just come is begun, and is not idle
        self._manager.pre_shutdown()
        await self._manager.shutdown(ENDING_S)
        self.connections.aclose()

    def _is_busy(self) -> bool:
        now = asyncio.get_running_loop().time()
        return any(isinstance(one, ApiProtocol) and one.is_busy(now) for one in self._manager.connections)


def _waiting(listening: list[socket.socket]) -> Iterator[socket.socket]:
    """The connections that the kernel has accepted for us."""
    for one in listening:
        one.setblocking(False)
        while True:
            try:
                connection, _ = one.accept()
            except OSError:
                break
            connection.setblocking(False)
            yield connection
