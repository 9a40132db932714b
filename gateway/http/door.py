"""What every request passes before it is anybody's business, and what every answer gets on its way out.

Made from settings, and made anew when they are read again. Source: docs/security.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import hdrs, web

from gateway.http import errors
from gateway.http.answer import WholeAnswer
from gateway.http.client_address import TrustedProxies
from gateway.http.middleware.cors import Cors
from gateway.http.middleware.errors import FIXED_HEADERS
from gateway.http.middleware.guard import Guard
from gateway.http.middleware.ratelimit import RateLimits
from gateway.http.path import PathProblem, Route, ServerPath
from gateway.http.request import ApiRequest
from gateway.settings import CorsSettings, RateLimitingSettings, ServerSettings

CONTENT_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""For browsers that show an answer as a page: it may load nothing and stand in no other page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """The settings of what stands before every route."""

    server: ServerSettings = field(default_factory=ServerSettings)
    cors: CorsSettings = field(default_factory=CorsSettings)
    rate_limiting: RateLimitingSettings = field(default_factory=RateLimitingSettings)
    with_tokens: bool = False
    """Whether authentication is on: then pages of allowed origins may send `Authorization`."""


class Door:
    """One for all requests."""

    def __init__(self, protection: Protection, now: float, wall: Callable[[], float]) -> None:
        """`now`: loop time; `wall`: Unix seconds."""
        self._protection = protection
        self._wall = wall
        self._cors = Cors(protection.cors, with_tokens=protection.with_tokens)
        self._guard = Guard(protection.server)
        self._rates = RateLimits(protection.rate_limiting, now, wall)
        self.proxies: Final = TrustedProxies(protection.server)
        """Whose word on their clients is believed."""

    def replaced(self, protection: Protection, now: float) -> "Door":
        """One for other settings; what clients have used of unchanged limits stays used."""
        door = Door(protection, now, self._wall)
        if protection.rate_limiting == self._protection.rate_limiting:
            door._rates = self._rates
        return door

    def admit(self, request: ApiRequest, parsed: Route | PathProblem) -> WholeAnswer | None:
        """The answer to a preflight; None for a request that may go on. Raises ApiError for one that may not."""
        is_options = request.method == hdrs.METH_OPTIONS
        if not is_options:
            self._rates.count(request, parsed)
        self._guard.check(request)
        if is_options and self._cors.is_on:
            return self._cors.preflight(request)
        self._cors.refuse_foreign(request)
        if request.crowded and not _is_health(parsed):
            raise errors.crowded()
        return None

    def mark(self, request: ApiRequest, answer: web.StreamResponse) -> None:
        """Sets the headers that every answer has."""
        answer.headers.update(FIXED_HEADERS)
        answer.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
        self._rates.mark(request, answer)
        if self._cors.is_on:
            self._cors.mark(request, answer)


def _is_health(parsed: Route | PathProblem) -> bool:
    return isinstance(parsed, ServerPath) and parsed.name == "health"
