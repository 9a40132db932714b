"""One debug line per request, and the request id: taken from the client or made here, echoed in every answer."""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from gateway.http.request import ApiRequest, logged_path

REQUEST_ID_HEADER: Final = "X-Request-Id"
_USABLE: Final = re.compile(r"[!-~]{1,128}")


class RequestLog:
    """Gives a request its id, and says afterwards how it was answered and how long that took."""

    def __init__(self, new_request_id: Callable[[], str]) -> None:
        self._new_request_id = new_request_id
        self._log = structlog.stdlib.get_logger(__name__).bind()  # one that is not bound binds anew for every line

    def name(self, request: ApiRequest) -> None:
        """Sets the request's id."""
        offered = request.headers.get(REQUEST_ID_HEADER)
        usable = offered is not None and _USABLE.fullmatch(offered)
        request.request_id = offered if offered and usable else self._new_request_id()

    def tell(self, request: ApiRequest, answer: web.StreamResponse) -> None:
        """The line."""
        if self._log.is_enabled_for(logging.DEBUG):
            self._log.debug(
                "request answered",
                method=request.method,
                path=logged_path(request),
                status=answer.status,
                elapsed_ms=round((asyncio.get_running_loop().time() - request.arrived) * 1000, 1),
                request_id=request.request_id,
                caller=None if request.caller is None else request.caller.name,
            )


def mark_request_id(request: ApiRequest, answer: web.StreamResponse) -> None:
    """Sets the answer's `X-Request-Id`. A request that the parser refused has none."""
    if request.request_id:
        answer.headers[REQUEST_ID_HEADER] = request.request_id
