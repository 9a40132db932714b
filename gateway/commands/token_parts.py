"""What a token says of itself, for people: decoded, and not believed."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from entities.jsontext import InvalidJsonError, parse_json
from gateway.commands.failure import CommandFailed

MAX_BYTES: Final = 64 * 1024
"""Longest token that is looked into."""

_TIMES: Final = {"iat": "made", "nbf": "good from", "exp": "ends"}
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999


@dataclass(frozen=True, slots=True)
class TokenParts:
    """Header and claims, and the token itself."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    text: str = field(repr=False)


def read_parts(text: str) -> TokenParts:
    """The two readable parts. Raises CommandFailed, which does not quote the token."""
    segments = text.removeprefix("Bearer ").split(".")
    if len(segments) != 3 or len(text) > MAX_BYTES:
        raise CommandFailed(f"found {len(segments)} parts separated by dots; allowed: the three of a JWT")
    header, claims = (_object(segment, name) for segment, name in zip(segments, ("header", "claims"), strict=False))
    return TokenParts(header, claims, ".".join(segments))


def times(claims: Mapping[str, Any], now: float) -> dict[str, str]:
    """The times among the claims, and how far off they are."""
    return {label: _moment(claims[name], now) for name, label in _TIMES.items() if name in claims}


def _object(segment: str, name: str) -> Mapping[str, Any]:
    try:
        body = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        found = parse_json(body, max_bytes=MAX_BYTES)
    except (binascii.Error, ValueError, InvalidJsonError) as error:
        raise CommandFailed(f"the {name} of this token cannot be read: it is no JSON in base64url") from error
    if not isinstance(found, dict):
        raise CommandFailed(f"the {name} of this token is no JSON object")
    return found


def _moment(told: Any, now: float) -> str:
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= _LAST_SECOND:
        return f"{told} (no time)"
    away = told - now
    when = datetime.fromtimestamp(told, UTC).isoformat(timespec="seconds")
    return f"{when} ({_span(abs(away))} {'from now' if away > 0 else 'ago'})"


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds)} s"
