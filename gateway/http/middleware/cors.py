"""Lets web pages of allowed origins use the API: headers on every answer, and the preflight.

Own code because errors and streams need the headers too. Source: docs/security.md, "CORS"; the fetch standard.
"""

from typing import Final

from aiohttp import hdrs, web

from gateway.http.answer import WholeAnswer
from gateway.http.errors import ApiError
from gateway.settings import CorsSettings
from peers.forward import SAFE_METHODS

ANY_ORIGIN: Final = "*"

EXPOSED_HEADERS: Final = (
    "Content-Disposition, Content-Length, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, "
    "WWW-Authenticate"
)


_SITE: Final = "Sec-Fetch-Site"
_OWN_SITES: Final = frozenset({"same-origin", "none"})  # set by the browser itself, which no page can do


class Cors:
    """The rules of one gateway. `is_on` is False without allowed origins; then only `refuse_foreign` is asked."""

    def __init__(self, settings: CorsSettings, *, with_tokens: bool = False) -> None:
        """`with_tokens`: pages may send `Authorization`, for without it they could do nothing here."""
        self.is_on = bool(settings.allowed_origins)
        self._origins = frozenset(settings.allowed_origins)
        self._max_age = str(settings.max_age_seconds)
        named = {name.lower() for name in settings.allowed_headers}
        added = (hdrs.AUTHORIZATION,) if with_tokens and hdrs.AUTHORIZATION.lower() not in named else ()
        self._headers = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(settings.allowed_methods),
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join((*settings.allowed_headers, *added)),
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: EXPOSED_HEADERS,
        }
        if settings.allow_credentials:
            self._headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"

    def preflight(self, request: web.BaseRequest) -> WholeAnswer | None:
        """The answer to OPTIONS: 204. None for every other method. Raises ApiError: 403 for a foreign origin."""
        if request.method != hdrs.METH_OPTIONS:
            return None
        if self._allowed_origin(request) is None:
            raise ApiError(403, "forbidden", "This origin is not allowed here (cors.allowed_origins)")
        return WholeAnswer(204, [(hdrs.ACCESS_CONTROL_MAX_AGE, self._max_age)])

    def refuse_foreign(self, request: web.BaseRequest) -> None:
        """Raises ApiError: 403 for a write that a page of another origin sends: before some, browsers ask nobody.

        What is no browser sends no `Origin`.
        """
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or request.method in SAFE_METHODS or self._allowed_origin(request) is not None:
            return
        is_own = origin.partition("://")[2].lower() == request.headers.get(hdrs.HOST, "").lower()
        if not is_own and request.headers.get(_SITE) not in _OWN_SITES:
            raise ApiError(403, "forbidden", "Pages of this origin may not write here (cors.allowed_origins)")

    def mark(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Sets the headers of an answer that is about to be sent. Caches must keep origins apart, also refused ones."""
        varies = ", ".join(response.headers.getall(hdrs.VARY, ()))
        if hdrs.ORIGIN.lower() not in map(str.strip, varies.lower().split(",")):  # a peer's answer may say so already
            response.headers[hdrs.VARY] = f"{varies}, {hdrs.ORIGIN}" if varies else hdrs.ORIGIN
        origin = self._allowed_origin(request)
        if origin is not None:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers.update(self._headers)

    def _allowed_origin(self, request: web.BaseRequest) -> str | None:
        origin = request.headers.get(hdrs.ORIGIN)
        if not origin or not origin.isascii() or not (ANY_ORIGIN in self._origins or origin in self._origins):
            return None
        return origin
