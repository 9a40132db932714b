"""How many requests a client may make: a bucket of tokens for each, and one for all together. Pure.

Source: docs/security.md, "Rate limits"; the wire is upstream's.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.http.client_address import is_within, networks
from gateway.settings import RateLimitingSettings
from gateway.site import parse_address, site_of

MAX_CLIENTS: Final = 10_000
"""Clients remembered; beyond, the one that was silent longest is forgotten. All together still are one bucket."""

_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What became of a request: requests a minute that its client has, how many are left at once, seconds until all
    are there again, and, if it is refused, seconds until the next.
    """

    limit: int
    remaining: int
    full_in_s: float
    retry_in_s: float | None = None


class Bucket:
    """Tokens for one minute's requests, filled up all the time."""

    __slots__ = ("at", "limit", "tokens")

    def __init__(self, limit: int, now: float) -> None:
        """Full; `limit` tokens a minute."""
        self.limit = limit
        # Mutable: the tokens there were, and when.
        self.tokens = float(limit)
        self.at = now

    def take(self, now: float) -> bool:
        """One token, if there is one."""
        rate = self.limit / _MINUTE_S
        self.tokens = min(self.limit, self.tokens + max(0.0, now - self.at) * rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def give_back(self) -> None:
        """The token taken last was not used."""
        self.tokens += 1

    def allowance(self, *, is_refused: bool) -> Allowance:
        """What it says of the last `take`."""
        rate = self.limit / _MINUTE_S
        retry_in_s = (1 - self.tokens) / rate if is_refused else None
        return Allowance(self.limit, int(self.tokens), (self.limit - self.tokens) / rate, retry_in_s)


@dataclass(frozen=True, slots=True)
class EndpointLimit:
    """Requests a minute of one client to all paths of a pattern; `*` is one segment, whatever it is."""

    segments: tuple[str, ...]
    limit: int

    @classmethod
    def parse(cls, text: str) -> "EndpointLimit":
        """`/path/with/*/segments:requests_per_minute`."""
        pattern, _, limit = text.rpartition(":")
        return cls(tuple(pattern.strip("/").split("/")), int(limit))

    def matches(self, segments: Sequence[str]) -> bool:
        """Whether these are the decoded segments of such a path."""
        return len(segments) == len(self.segments) and all(
            wanted in ("*", found) for wanted, found in zip(self.segments, segments, strict=True)
        )


class RateLimiter:
    """The buckets of one gateway. All times are seconds of one steady clock."""

    def __init__(self, settings: RateLimitingSettings, now: float) -> None:
        """All buckets are full."""
        self.settings = settings
        self._endpoints = tuple(map(EndpointLimit.parse, settings.endpoint_limits))
        self._exempt = networks(settings.exempt_clients)
        # Mutable: the bucket of all, those of clients (who asked last stands last), when old ones were last let go.
        self._global = Bucket(settings.global_requests_per_minute, now)
        self._clients: OrderedDict[tuple[str, EndpointLimit | None], Bucket] = OrderedDict()
        self._cleaned_at = now

    def __len__(self) -> int:
        return len(self._clients)

    def take(self, client: str, segments: Sequence[str], now: float) -> Allowance | None:
        """One request of the client at this address, to a path of these segments; None where nobody counts."""
        address = parse_address(client)
        if address is not None and is_within(address, self._exempt):
            return None
        self._clean(now)
        endpoint = next((one for one in self._endpoints if one.matches(segments)), None)
        bucket = self._bucket((site_of(client), endpoint), now)
        if not bucket.take(now):
            return bucket.allowance(is_refused=True)
        if not self._global.take(now):
            bucket.give_back()
            return self._global.allowance(is_refused=True)
        return bucket.allowance(is_refused=False)

    def _bucket(self, key: tuple[str, EndpointLimit | None], now: float) -> Bucket:
        bucket = self._clients.get(key)
        if bucket is None:
            endpoint = key[1]
            limit = self.settings.client_requests_per_minute if endpoint is None else endpoint.limit
            bucket = self._clients[key] = Bucket(limit, now)
            if len(self._clients) > MAX_CLIENTS:
                self._clients.popitem(last=False)
        self._clients.move_to_end(key)
        return bucket

    def _clean(self, now: float) -> None:
        if now - self._cleaned_at < self.settings.client_cleanup_interval_seconds:
            return
        self._cleaned_at = now
        while self._clients:
            oldest = next(iter(self._clients))
            if now - self._clients[oldest].at < self.settings.client_max_idle_seconds:
                return
            del self._clients[oldest]


def whole_seconds(seconds: float) -> int:
    """At least 1, for a client that must not come too early."""
    return max(1, math.ceil(seconds))
