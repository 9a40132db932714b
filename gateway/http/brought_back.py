"""Which headers of an owner's answer the client gets, and in which words. Pure.

Source: docs/api.md, "Forwarded headers".
"""

from typing import Final
from urllib.parse import urlsplit

from gateway.http.path import PathProblem, parse_target
from gateway.http.translate import Translation
from peers.answer import PeerAnswer

ONCE: Final = frozenset(
    {
        "content-type",
        "content-range",
        "etag",
        "last-modified",
        "location",
        "retry-after",
        "content-disposition",
    }
)
"""Headers that mean something only once. Of several the last one comes back: by that one we judge the answer too."""

BROUGHT_BACK: Final = ONCE | {
    "accept-ranges",
    "cache-control",
    "www-authenticate",
    "allow",
    "vary",
    "preference-applied",
    "traceparent",
}
"""Answer headers that come back, beside x-medkit-*; content-length comes as framing."""

_MADE: Final = frozenset({201, 202})


def brought_back(answer: PeerAnswer, translation: Translation) -> list[tuple[str, str]]:
    """The owner's headers that the client gets; a `Location` only of something made, and only on paths of the API."""
    headers: list[tuple[str, str]] = []
    met: set[str] = set()
    for name, value in reversed(answer.headers):
        if name in ONCE and name in met:
            continue
        met.add(name)
        if name == "location":
            headers.extend((name, translation.link(path)) for path in _location(answer.status, value))
        elif name == "etag" and not translation.is_empty:
            headers.append((name, translation.mark(value)))
        elif name in BROUGHT_BACK or name.startswith("x-medkit-"):
            headers.append((name, value))
    headers.reverse()
    return headers


def _location(status: int, value: str) -> tuple[str, ...]:
    """The path of what was created, without the owner's address; of any other `Location` nothing."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ()
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if status not in _MADE or isinstance(parse_target(path), PathProblem):
        return ()
    return (path,)
