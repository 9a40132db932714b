"""The API on a socket."""

import asyncio
import ssl
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


class Listener:
    """A bound socket that serves the API. Made by `start`, ended by `aclose`."""

    def __init__(self, runner: web.ServerRunner, server: asyncio.Server, connections: Connections) -> None:
        self._runner = runner
        self._server = server
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
        drain_s: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Self:
        """Listens on `host` and `port`, 0 being any free one. Raises OSError when the address cannot be taken.

        `connections` counts and limits those of clients. `drain_s`: seconds `aclose` leaves to requests under way.
        """
        manager = web.Server(api, request_factory=api.make_request, handler_cancellation=True)
        runner = web.ServerRunner(manager, shutdown_timeout=drain_s)
        await runner.setup()
        try:
            server = await _bind(manager, connections, host, port, ssl_context)
        except OSError:
            await runner.cleanup()
            raise
        return cls(runner, server, connections)

    def stop_accepting(self) -> None:
        """Closes the socket; connections that are open go on."""
        self._server.close()

    async def aclose(self) -> None:
        """Stops accepting, lets requests under way finish within the drain time, and ends the rest."""
        self._server.close()
        await self._runner.cleanup()
        self.connections.aclose()


async def _bind(
    manager: web.Server, connections: Connections, host: str, port: int, ssl_context: ssl.SSLContext | None
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {
        "access_log": None,
        "auto_decompress": False,  # a small body must not become a large one; the guard refuses encoded ones
        "max_line_size": MAX_LINE_BYTES,
        "max_field_size": MAX_FIELD_BYTES,
    }
    return await loop.create_server(
        lambda: ApiProtocol(manager, connections, loop=loop, **options),
        host,
        port,
        backlog=BACKLOG,
        ssl=ssl_context,
        ssl_handshake_timeout=None if ssl_context is None else TLS_HANDSHAKE_S,
    )
