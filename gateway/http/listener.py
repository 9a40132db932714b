"""The API on a socket. aiohttp's server, with our error form for what never becomes a request."""

import asyncio
import ssl
from typing import Any, Final, Self

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from gateway.http.api import Api
from gateway.http.errors import ApiError
from gateway.http.middleware.errors import has_begun, render_error
from gateway.http.path import MAX_TARGET_BYTES

MAX_LINE_BYTES: Final = 2 * MAX_TARGET_BYTES
"""Longest request line the parser takes: above our own limit, so that a little too much still is a proper request."""

MAX_FIELD_BYTES: Final = 8190
"""Longest single header name or value; all headers together have their own limit."""

KEEP_ALIVE_S: Final = 75.0
"""Seconds an idle connection of a client is kept; longer than peers keep theirs, so that they close first."""

BACKLOG: Final = 1024
"""Connections the kernel holds until we accept them."""

_log = structlog.stdlib.get_logger(__name__)


class ApiProtocol(web.RequestHandler):
    """One client connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 -- quotes the client's bytes, which go neither out nor into the log
    ) -> web.StreamResponse:
        """The answer to what the parser refused, or to what a handler raised; the connection is closed after it."""
        if has_begun(request):
            raise ConnectionError("half an answer was sent; closing is all that is left")
        if status == 400:
            _log.debug("request refused by the parser", error=type(exc).__name__, status=status)
            response = render_error(_parser_refusal(exc))
        else:
            if self.transport is not None and not self.transport.is_closing():  # else the client has left
                _log.error("request failed", method=request.method, target=request.raw_path, exc_info=exc)
            response = render_error(_internal_error())
        response.force_close()
        return response


def _internal_error() -> ApiError:
    return ApiError(500, "internal-error", "Internal error; the gateway's log has the cause")


def _parser_refusal(exc: BaseException | None) -> ApiError:
    if isinstance(exc, LineTooLong):
        limit = exc.args[1]
        status, what = (414, "The request line") if limit == MAX_LINE_BYTES else (431, "A header")
        return ApiError(status, "invalid-request", f"{what} is longer than the {limit} bytes allowed")
    return ApiError(400, "invalid-request", "This is not a well-formed HTTP/1.1 request")


class Listener:
    """A bound socket that serves the API. Made by `start`, ended by `aclose`."""

    def __init__(self, runner: web.ServerRunner, server: asyncio.Server) -> None:
        self._runner = runner
        self._server = server
        self.port: Final[int] = server.sockets[0].getsockname()[1]
        """The port that is listened on."""

    @classmethod
    async def start(
        cls,
        api: Api,
        host: str,
        port: int,
        *,
        drain_s: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Self:
        """Listens on `host` and `port`, 0 being any free one. Raises OSError when the address cannot be taken.

        `drain_s`: seconds `aclose` leaves to requests under way.
        """
        manager = web.Server(api, request_factory=api.make_request, handler_cancellation=True)
        runner = web.ServerRunner(manager, shutdown_timeout=drain_s)
        await runner.setup()
        try:
            server = await _bind(manager, host, port, ssl_context)
        except OSError:
            await runner.cleanup()
            raise
        return cls(runner, server)

    def stop_accepting(self) -> None:
        """Closes the socket; connections that are open go on."""
        self._server.close()

    async def aclose(self) -> None:
        """Stops accepting, lets requests under way finish within the drain time, and ends the rest."""
        self._server.close()
        await self._runner.cleanup()


async def _bind(manager: web.Server, host: str, port: int, ssl_context: ssl.SSLContext | None) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {
        "access_log": None,
        "auto_decompress": False,  # a small body must not become a large one; the guard refuses encoded ones
        "keepalive_timeout": KEEP_ALIVE_S,
        "max_line_size": MAX_LINE_BYTES,
        "max_field_size": MAX_FIELD_BYTES,
    }
    return await loop.create_server(
        lambda: ApiProtocol(manager, loop=loop, **options), host, port, backlog=BACKLOG, ssl=ssl_context
    )
