"""One debug line per request, and the request id: taken from the client or made here, echoed in every answer."""

import asyncio
import re
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.http.keys import REQUEST_ID

REQUEST_ID_HEADER: Final = "X-Request-Id"
_USABLE: Final = re.compile(r"[!-~]{1,128}")


def log_requests(new_request_id: Callable[[], str]) -> Middleware:
    """Gives the request its id, and says afterwards how it was answered and how long that took."""
    log = structlog.stdlib.get_logger(__name__).bind()  # bound once: a logger that is not binds anew for every line

    @web.middleware
    async def log_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        offered = request.headers.get(REQUEST_ID_HEADER, "")
        request[REQUEST_ID] = offered if _USABLE.fullmatch(offered) else new_request_id()
        clock = asyncio.get_running_loop().time
        started = clock()
        response = await handler(request)
        log.debug(
            "request answered",
            method=request.method,
            target=request.raw_path,
            status=response.status,
            elapsed_ms=round((clock() - started) * 1000, 1),
            request_id=request[REQUEST_ID],
        )
        return response

    return log_request


def mark_request_id(request: web.Request, response: web.StreamResponse) -> None:
    """Sets the answer's `X-Request-Id`. A request that never came to the middlewares has none."""
    if REQUEST_ID in request:
        response.headers[REQUEST_ID_HEADER] = request[REQUEST_ID]
