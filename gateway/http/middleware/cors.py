"""Lets web pages of allowed origins use the API: headers on every answer, and the preflight.

Own code because errors and streams need the headers too. Source: docs/security.md, "CORS"; the fetch standard.
"""

from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from gateway.http.errors import ApiError
from gateway.settings import CorsSettings

ANY_ORIGIN: Final = "*"

EXPOSED_HEADERS: Final = (
    "Content-Disposition, Content-Length, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
)


class Cors:
    """The rules of one gateway. `is_on` is False without allowed origins; then nothing here is installed."""

    def __init__(self, settings: CorsSettings) -> None:
        self.is_on = bool(settings.allowed_origins)
        self._origins = frozenset(settings.allowed_origins)
        self._max_age = str(settings.max_age_seconds)
        self._headers = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(settings.allowed_methods),
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join(settings.allowed_headers),
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: EXPOSED_HEADERS,
        }
        if settings.allow_credentials:
            self._headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"

    def middleware(self) -> Middleware:
        """Answers OPTIONS itself: 204 for an allowed origin, else 403."""

        @web.middleware
        async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method != hdrs.METH_OPTIONS:
                return await handler(request)
            if self._allowed_origin(request) is None:
                raise ApiError(403, "forbidden", "This origin is not allowed here (cors.allowed_origins)")
            return web.Response(status=204, headers={hdrs.ACCESS_CONTROL_MAX_AGE: self._max_age})

        return answer_preflight

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """Sets the headers of an answer that is about to be sent. Caches must keep origins apart, also refused ones."""
        vary = response.headers.get(hdrs.VARY)
        response.headers[hdrs.VARY] = hdrs.ORIGIN if vary is None else f"{vary}, {hdrs.ORIGIN}"
        origin = self._allowed_origin(request)
        if origin is not None:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers.update(self._headers)

    def _allowed_origin(self, request: web.Request) -> str | None:
        origin = request.headers.get(hdrs.ORIGIN)
        if not origin or not (ANY_ORIGIN in self._origins or origin in self._origins):
            return None
        return origin
