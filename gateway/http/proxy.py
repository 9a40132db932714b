"""Passes a request on to the gateway that owns the entity, and its answer back; streamed both ways.

Only allow-listed headers travel (docs/api.md, "Forwarded headers"). The answer is the owner's, verbatim, but for
ids that are called differently here.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from entities.jsontext import InvalidJsonError, parse_json, render_json
from gateway.http import errors
from gateway.http.answer import WholeAnswer
from gateway.http.brought_back import brought_back
from gateway.http.call import Call
from gateway.http.flowing import flows
from gateway.http.passing_on import pass_on
from gateway.http.path import EntityPath
from gateway.http.request import ApiRequest
from gateway.http.stream_slots import Ending
from gateway.http.translate import VERBATIM, Translation, reverse
from peers.answer import PeerAnswer
from peers.attempt import GiveUp
from peers.client import StalledBodyError
from peers.errors import PeerError, PeerReason
from peers.forward import Forwarding, Reach, forward
from peers.secret import Secret
from peers.view import Gap

SENT_ON: Final = frozenset(
    {
        "accept",
        "content-type",
        "range",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
        "last-event-id",
        "prefer",
        "x-client-id",
        "traceparent",
        "tracestate",
    }
)
"""Request headers that go on to the owner, beside the request id; content-length goes as framing."""

SEND_TIMEOUT_S: Final = 10.0
"""Seconds a reader of events may leave bytes unread before its stream is broken off."""

THREAD_BYTES: Final = 256 * 1024
"""From this size on a body is translated in a thread."""

_RANGES: Final = frozenset({"range", "if-range"})
_BODILESS: Final = frozenset({204, 304})
_REDIRECTS: Final = frozenset({300, 301, 302, 303, 305, 306, 307, 308})
"""No gateway answers so; a client that followed could be led anywhere."""


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """What is held whole instead of streamed, in bytes, and how long a client may let a body rest, in milliseconds."""

    replayable_bytes: int = 64 * 1024
    """A request body up to this size is held, so that it can go another way if the first one fails."""
    held_bytes: int = 64 * 1024
    """An answer known to be no larger is held until it is whole: if it breaks, the client gets an error and no half."""
    translated_bytes: int = 10 * 1024 * 1024
    """An answer in which ids must be translated."""
    translated_request_bytes: int = 1024 * 1024
    """A JSON request in which ids must be translated; a larger one goes on as it is."""
    stream_idle_ms: int = 60_000
    """A client may take, or leave us without, the next piece of a body for so long (`aggregation.stream_idle_ms`)."""

    @property
    def idle_s(self) -> float:
        """`stream_idle_ms` in seconds."""
        return self.stream_idle_ms / 1000


async def relay(
    call: Call,
    reach: Reach,
    limits: ProxyLimits,
    *,
    to: str,
    path: str,
    translation: Translation,
    ending: Ending | None = None,
) -> web.StreamResponse:
    """The answer of gateway `to` to this request, sent to `path` there. Raises ApiError: 408, 502, 504, 508.

    `ending`: when it must end, if it is a stream of events.
    """
    answer = await reach_owner(call, reach, limits, to=to, path=path, translation=translation)
    try:
        return await deliver(call, answer, limits, to=to, translation=translation, ending=ending)
    finally:
        await answer.aclose()


async def reach_owner(
    call: Call,
    reach: Reach,
    limits: ProxyLimits,
    *,
    to: str,
    path: str,
    translation: Translation,
    bodiless: bool = False,
) -> PeerAnswer:
    """The head of the owner's answer, body still to come; the caller closes it. Raises ApiError: 408, 502, 504,
    508.

    `bodiless`: the client's body stays here, for it can be sent once only.
    """
    has_body = call.request.body_exists and not bodiless
    body, length = await _body_of(call, limits, translation) if has_body else (None, None)
    request = Forwarding(
        method=call.request.method,
        target=f"{path}?{call.route.query}" if call.route.query else path,
        headers=forwarded_headers(call, translation),
        body=body,
        content_length=length,
        stream=is_stream(call),
        hold=0 if _is_download(call) else limits.held_bytes,
        authorization=client_authorization(call),
    )
    try:
        outcome = await forward(reach, call.view.topology, request, to=to, hops=call.hops, deadline=call.deadline)
    except StalledBodyError as stalled:
        raise errors.request_timeout(stalled.idle_ms) from None
    if isinstance(outcome, GiveUp):
        raise _unreached(outcome, is_read=call.is_read)
    answer = outcome.answer
    if answer.status in _REDIRECTS:
        await answer.aclose()
        raise _broken(call, to, PeerError(PeerReason.HTTP_REQUEST_ERROR, "a redirect", status=answer.status))
    return answer


def forwarded_headers(call: Call, translation: Translation = VERBATIM) -> tuple[tuple[str, str], ...]:
    """The client's headers that go on, and the id of this request. Raises ApiError: 400 for bytes that are no text."""
    chosen = [("X-Request-Id", call.request.request_id)]
    # A piece of a document cannot be translated, and would not fit to the whole that is.
    takes_pieces = translation.is_empty or _is_download(call)
    for name, told in call.request.headers.items():
        if name.lower() not in SENT_ON or (not takes_pieces and name.lower() in _RANGES):
            continue
        if not told.isascii():
            raise errors.invalid_request(f"The header {name} has bytes that are not ASCII; only ASCII can be forwarded")
        if value := told if translation.is_empty else _condition(name, told, translation):
            chosen.append((name, value))
    return tuple(chosen)


def client_authorization(call: Call) -> Secret | None:
    """What the client proves itself with, if it does; each peer's client decides whether it goes on there."""
    told = call.request.headers.getall(hdrs.AUTHORIZATION, ())
    if len(told) != 1 or not (told[0].isascii() and told[0].isprintable()):
        return None
    return Secret(told[0])


def _condition(name: str, value: str, translation: Translation) -> str:
    """A condition on an ETag in the owner's words; empty for an `If-None-Match` about other translations."""
    match name.lower():
        case "if-none-match":
            return translation.unmark(value, keep_others=False)
        case "if-match" | "if-range":
            return translation.unmark(value, keep_others=True)
        case _:
            return value


def is_stream(call: Call) -> bool:
    """Whether the answer will flow without an end: it then takes a stream's slot and no request's."""
    return flows(call.request, call.route)


def _unreached(end: GiveUp, *, is_read: bool) -> errors.ApiError:
    if end.gap.reason == PeerReason.LOOP_DETECTED:
        return errors.loop_detected()
    return errors.peer_unavailable(end.gap, may_have_executed=None if is_read else end.may_have_executed)


async def _body_of(
    call: Call, limits: ProxyLimits, translation: Translation
) -> tuple[bytes | AsyncIterator[bytes], int | None]:
    """The body of a request that has one: held when small, streamed otherwise."""
    request = call.request
    length = request.content_length
    is_translated = bool(translation.apps) and request.content_type == "application/json"
    held = limits.translated_request_bytes if is_translated else limits.replayable_bytes
    if length is not None and length <= held:
        body = await _held(request, limits)
        if is_translated:
            body = _translated(body, reverse(translation.apps), len(body))
        return body, len(body)
    return request.content.iter_any(), length


async def _held(request: ApiRequest, limits: ProxyLimits) -> bytes:
    try:
        async with asyncio.timeout(limits.idle_s):
            return await request.read()
    except TimeoutError:
        raise errors.request_timeout(limits.stream_idle_ms) from None


async def _in_our_words(body: bytes, translation: Translation, max_bytes: int) -> bytes:
    """As `_translated`; a large body in a thread, so that the loop stays free."""
    if len(body) < THREAD_BYTES:
        return _translated(body, translation, max_bytes)
    return await asyncio.to_thread(_translated, body, translation, max_bytes)


def _translated(body: bytes, translation: Translation, max_bytes: int) -> bytes:
    """JSON in the other words; what is no JSON, or names nothing that is called differently, goes byte for byte."""
    try:
        before = parse_json(body, max_bytes=max_bytes)
    except InvalidJsonError:
        return body
    try:
        after = translation.body(before)
        return body if after == before else render_json(after)
    except RecursionError:
        # Nested deeper than any document of entities is: nothing in it is known to be an id.
        return body


async def deliver(
    call: Call,
    answer: PeerAnswer,
    limits: ProxyLimits,
    *,
    to: str,
    translation: Translation,
    whole: bool = False,
    ending: Ending | None = None,
) -> web.StreamResponse:
    """The answer of gateway `to` as the client gets it; `whole`: nothing goes out before all of it is here.

    The caller closes it. Raises ApiError where it breaks.
    """
    headers = brought_back(answer, translation)
    translated = not translation.is_empty and _is_json(answer) and not _is_download(call)
    if call.request.method == "HEAD" or answer.status in _BODILESS:
        # In other words it has another length.
        if answer.content_length is not None and answer.status not in _BODILESS and not translated:
            headers.append(("Content-Length", str(answer.content_length)))
        return WholeAnswer(answer.status, headers, None)
    if answer.header("content-type") is None:
        headers.append(("Content-Type", "application/octet-stream"))
    if not _is_json(answer):
        # A page of the owner's, shown in a browser, must not act in the name of this gateway.
        headers.append(("Content-Security-Policy", "sandbox"))
    if whole or translated:
        body = await answer.read(limits.translated_bytes)
        if isinstance(body, PeerError):
            raise _broken(call, to, body)
        if translated:
            body = await _in_our_words(body, translation, limits.translated_bytes)
        return WholeAnswer(answer.status, headers, body)
    if answer.body_ready is not None:
        return WholeAnswer(answer.status, headers, answer.body_ready)
    if _content_type(answer) == "text/event-stream":
        return await pass_on(call, answer, headers, idle_s=min(limits.idle_s, SEND_TIMEOUT_S), ending=ending)
    return await pass_on(call, answer, headers, idle_s=limits.idle_s)


def _content_type(answer: PeerAnswer) -> str:
    return (answer.header("content-type") or "").partition(";")[0].strip().lower()


def _is_json(answer: PeerAnswer) -> bool:
    content_type = _content_type(answer)
    return content_type == "application/json" or content_type.endswith("+json")


def _is_download(call: Call) -> bool:
    """Bulk data are the owner's own files, whatever their type."""
    return isinstance(call.route, EntityPath) and call.route.collection == "bulk-data"


def _broken(call: Call, to: str, error: PeerError) -> errors.ApiError:
    """The owner's answer began and cannot be used; a write may have been executed."""
    gap = Gap(
        label=call.view.topology.label(to),
        reason=error.reason.value,
        status=error.status,
        elapsed_ms=error.elapsed_ms,
        is_timeout=error.is_timeout or not call.is_read,
    )
    return errors.peer_unavailable(gap, may_have_executed=None if call.is_read else True)
