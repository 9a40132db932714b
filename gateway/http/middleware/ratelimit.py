"""Counts requests, refuses those beyond the limits, and tells every client what it has left."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web

from gateway.http.errors import ApiError
from gateway.http.path import API_PREFIX, EntityCollection, EntityPath, PathProblem, Route, ServerPath
from gateway.http.rate_limits import Allowance, RateLimiter, whole_seconds
from gateway.http.request import ApiRequest
from gateway.settings import RateLimitingSettings

LIMIT: Final = "X-RateLimit-Limit"
REMAINING: Final = "X-RateLimit-Remaining"
RESET: Final = "X-RateLimit-Reset"

_PREFIX: Final = tuple(API_PREFIX.strip("/").split("/"))


class RateLimits:
    """The limits of one gateway; without them (`rate_limiting.enabled`) nothing is counted."""

    def __init__(self, settings: RateLimitingSettings, now: float, wall: Callable[[], float]) -> None:
        """`now`: loop time; `wall`: Unix seconds, only to be told to clients."""
        self._limiter = RateLimiter(settings, now) if settings.enabled else None
        self._wall = wall

    def count(self, request: ApiRequest, parsed: Route | PathProblem) -> None:
        """Notes what the client has left on the request. Raises ApiError: 429."""
        if self._limiter is None:
            return
        request.allowance = self._limiter.take(request.client_address, _segments(parsed), request.arrived)
        if request.allowance is not None and request.allowance.retry_in_s is not None:
            raise self._refusal(request.allowance, request.allowance.retry_in_s)

    def mark(self, request: ApiRequest, answer: web.StreamResponse) -> None:
        """Sets the headers of an answer that is about to be sent."""
        allowance = request.allowance
        if allowance is not None:
            answer.headers[LIMIT] = str(allowance.limit)
            answer.headers[REMAINING] = str(allowance.remaining)
            answer.headers[RESET] = str(self._reset(allowance))

    def _reset(self, allowance: Allowance) -> int:
        return math.ceil(self._wall() + allowance.full_in_s)

    def _refusal(self, allowance: Allowance, retry_in_s: float) -> ApiError:
        retry_after = whole_seconds(retry_in_s)
        return ApiError(
            429,
            "rate-limit-exceeded",
            f"More than {allowance.limit} requests a minute; come again in {retry_after} s",
            {"retry_after": retry_after, "limit": allowance.limit, "reset": self._reset(allowance)},
            headers=[("Retry-After", str(retry_after))],
        )


def _segments(parsed: Route | PathProblem) -> Sequence[str]:
    """The decoded segments of the path; none where it is no route."""
    match parsed:
        case PathProblem():
            return ()
        case ServerPath(name, rest):
            return (*_PREFIX, name, *rest)
        case EntityCollection(kind):
            return (*_PREFIX, kind.value)
        case EntityPath(kind, entity_id, rest):
            return (*_PREFIX, kind.value, entity_id, *rest)
