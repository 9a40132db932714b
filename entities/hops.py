"""What gateways tell each other beside a request: target, way so far, what was tried. Pure.

The headers are honoured from anyone: they only narrow or route what the sender may ask anyway. Malformed is an
error, never guessed. Source: docs/api.md, "Between gateways".
"""

from collections.abc import Callable
from typing import Final

import msgspec

from entities.identity import is_instance_id
from entities.model import is_valid_id
from entities.routes import MAX_HOPS

VIA: Final = "X-Medkit-Via"
TARGET: Final = "X-Medkit-Target"
TO: Final = "X-Medkit-To"
TRIED: Final = "X-Medkit-Tried"
ORIGINS: Final = "X-Medkit-Origins"
SCOPE: Final = "X-Medkit-Scope"
DEADLINE: Final = "X-Medkit-Deadline-Ms"
NO_FAN_OUT: Final = "X-Medkit-No-Fan-Out"
REASON: Final = "X-Medkit-Reason"
"""In answers that a gateway made because it could not reach the owner: the reason word."""

_READ: Final = (VIA, TARGET, TO, TRIED, ORIGINS, SCOPE, DEADLINE, NO_FAN_OUT)

MAX_LISTED: Final = 100
"""Ids in one `X-Medkit-Origins` or `X-Medkit-Scope`; more are sent as more requests."""

_BLANKS: Final = " \t"
"""What HTTP allows around the commas of a list; a line break is not among it."""

MAX_TRIED: Final = 256
"""Ids in one `X-Medkit-Tried`; of more, the newest are told. A header line has room for 356."""

MAX_DEADLINE_MS: Final = 3_600_000


class MalformedHopsError(ValueError):
    """A header does not have its form; the message names it and what is allowed."""


class Hops(msgspec.Struct, frozen=True):
    """The gateway-to-gateway part of one request. All ids are instance ids, `scope` has Component ids.

    `origins` is None for an ordinary request and a list for a routed fan-out.
    """

    via: tuple[str, ...] = ()
    target: str | None = None
    to: str | None = None
    tried: tuple[str, ...] = ()
    origins: tuple[str, ...] | None = None
    scope: tuple[str, ...] = ()
    deadline_ms: int | None = None
    no_fan_out: bool = False

    @property
    def too_long(self) -> bool:
        """More gateways were passed than any way may have."""
        return len(self.via) > MAX_HOPS

    def for_foreign(self) -> "Hops":
        """What a foreign gateway is told: not to ask others, if so; and the way so far, in case it knows that much."""
        return Hops(via=self.via, no_fan_out=self.no_fan_out)


NO_HOPS: Final = Hops()
"""What a client's request tells: nothing."""


def parse_hops(header: Callable[[str], str | None]) -> Hops:
    """The hops that a request's headers tell. Raises MalformedHopsError."""
    told = {name: text for name in _READ if (text := header(name)) is not None}
    if not told:
        return NO_HOPS
    origins = told.get(ORIGINS)
    deadline = told.get(DEADLINE)
    return Hops(
        via=_instances(VIA, told.get(VIA), limit=2 * MAX_HOPS),
        target=_instance(TARGET, told.get(TARGET)),
        to=_instance(TO, told.get(TO)),
        tried=_instances(TRIED, told.get(TRIED), limit=MAX_TRIED),
        origins=None if origins is None else _instances(ORIGINS, origins, limit=MAX_LISTED),
        scope=_ids(SCOPE, told.get(SCOPE), is_valid_id, MAX_LISTED),
        deadline_ms=None if deadline is None else _milliseconds(deadline),
        no_fan_out=NO_FAN_OUT in told,
    )


def parse_tried(text: str | None) -> tuple[str, ...]:
    """The `X-Medkit-Tried` of an answer; an unusable one counts as empty."""
    try:
        return _instances(TRIED, text, limit=MAX_TRIED)
    except MalformedHopsError:
        return ()


def render_hops(hops: Hops) -> list[tuple[str, str]]:
    """The headers that `parse_hops` reads back."""
    headers = []
    if hops.via:
        headers.append((VIA, ",".join(hops.via)))
    if hops.target:
        headers.append((TARGET, hops.target))
    if hops.to:
        headers.append((TO, hops.to))
    if hops.tried:
        headers.append((TRIED, ",".join(hops.tried[-MAX_TRIED:])))
    if hops.scope:
        headers.append((SCOPE, ",".join(hops.scope)))
    if hops.deadline_ms is not None:
        headers.append((DEADLINE, str(hops.deadline_ms)))
    if hops.no_fan_out:
        headers.append((NO_FAN_OUT, "1"))
    if hops.origins is not None:
        headers.append((ORIGINS, ",".join(hops.origins)))
    return headers


def _instances(name: str, text: str | None, *, limit: int) -> tuple[str, ...]:
    return _ids(name, text, is_instance_id, limit)


def _ids(name: str, text: str | None, valid: Callable[[object], bool], limit: int) -> tuple[str, ...]:
    if text is None or not text.strip(_BLANKS):
        return ()
    ids = tuple(part.strip(_BLANKS) for part in text.split(",", limit + 1))
    if len(ids) > limit:
        raise MalformedHopsError(f"{name}: more than {limit} ids found, at most {limit} allowed")
    if not all(valid(one) for one in ids):
        raise MalformedHopsError(f"{name}: a part that is no id found; ids separated by commas are allowed")
    return ids


def _instance(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    if not is_instance_id(text):
        raise MalformedHopsError(f"{name}: one instance id (22 characters of base64url) is allowed")
    return text


def _milliseconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and int(text) <= MAX_DEADLINE_MS):
        raise MalformedHopsError(f"{DEADLINE}: whole milliseconds from 0 to {MAX_DEADLINE_MS} are allowed")
    return int(text)
