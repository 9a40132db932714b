"""What gateways tell each other of faults the moment they change: the `fault` event of the event line. Pure.

Every gateway numbers its own news; the number and the start it counts from stay with them wherever they are passed on,
so everybody takes each once, over whatever ways it comes (docs/api.md, "Events").
"""

from typing import Any, Final

import msgspec

from entities.identity import is_instance_id
from entities.jsontext import InvalidJsonError, parse_json_as, render_json
from entities.model import EntityKind, is_valid_id

MAX_NEWS_BYTES: Final = 16 * 1024
"""Of one, as JSON; a larger one is left out, and counts as lost."""

KINDS: Final = frozenset({"fault_confirmed", "fault_updated", "fault_cleared"})
"""What can happen to a fault."""

LARGEST_NUMBER: Final = 2**53


class FaultNews(msgspec.Struct, frozen=True):
    """One change of one fault, in its owner's words.

    `origin`: whose it is; `epoch` and `seq`: its number, counted from 1 in each start. `member`: the entity by the
    owner's id (`apps/pump`), None where an upstream gateway does not say. `event`: `{event_type, fault, timestamp,
    auto_cleared_codes?}` as upstream's clients know it.
    """

    origin: str
    epoch: int
    seq: int
    event: dict[str, Any]
    member: str | None = None


class InvalidNewsError(ValueError):
    """What a peer sent is no news of a fault; the text says why."""


def render_news(news: FaultNews) -> str | None:
    """The data of the event; None when it is too large to be told."""
    data = render_json(news)
    return data.decode() if len(data) <= MAX_NEWS_BYTES else None


def parse_news(data: str) -> FaultNews:
    """The news in the data of a `fault` event. Raises InvalidNewsError."""
    try:
        news = parse_json_as(data.encode(), FaultNews, max_bytes=MAX_NEWS_BYTES)
    except InvalidJsonError as error:
        raise InvalidNewsError(str(error)) from None
    if not is_instance_id(news.origin):
        raise InvalidNewsError("origin: not an instance id")
    if not (0 <= news.epoch < LARGEST_NUMBER and 0 < news.seq < LARGEST_NUMBER):
        raise InvalidNewsError("epoch, seq: out of range")
    if news.member is not None and member_of(news.member) is None:
        raise InvalidNewsError("member: not an entity")
    check_event(news.event)
    return news


def check_event(event: Any) -> None:
    """Raises InvalidNewsError unless clients can read it."""
    if not isinstance(event, dict):
        raise InvalidNewsError("event: no object")
    fault = event.get("fault")
    if event.get("event_type") not in KINDS or not isinstance(fault, dict):
        raise InvalidNewsError("event: no change of a fault")
    sources = fault.get("reporting_sources")
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        raise InvalidNewsError("event.fault.reporting_sources: not a list of texts")
    for name, wanted in (("fault_code", str), ("severity", int), ("status", str)):
        if type(fault.get(name)) is not wanted:
            raise InvalidNewsError(f"event.fault.{name}: not of type {wanted.__name__}")
    codes = event.get("auto_cleared_codes", [])
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise InvalidNewsError("event.auto_cleared_codes: not a list of texts")
    if type(event.get("timestamp")) not in (int, float):
        raise InvalidNewsError("event.timestamp: not a number")


def member_of(told: str) -> tuple[EntityKind, str] | None:
    """The entity that `apps/pump` names; None if it names none."""
    kind, _, entity_id = told.partition("/")
    if kind in _KINDS and is_valid_id(entity_id):
        return _KINDS[kind], entity_id
    return None


_KINDS: Final = {kind.value: kind for kind in EntityKind}
