"""One request as the dispatcher sees it: where it goes, what gateways told with it, what it is served from."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from entities.hops import Hops, MalformedHopsError, parse_hops
from entities.jsontext import InvalidJsonError, parse_json, require_unique_names
from gateway.http import errors
from gateway.http.gaps import wants_strict
from gateway.http.path import Route
from gateway.http.request import ApiRequest
from gateway.local.values import MAX_NESTING, is_shallow
from peers.forward import SAFE_METHODS
from peers.view import FederatedView, Gap, TreeView

MAX_QUERY_FIELDS: Final = 64
"""Fields of a query that are read; more are an error."""

PARSED_ON_LOOP_BYTES: Final = 16_384
"""Of a body that the loop itself looks through; longer ones are left to a thread, one after the other."""

BODY_BRACKETS: Final = 100_000
"""Opening brackets and braces of a body, those in its texts too: so many lists and mappings are made in a moment."""

BODY_NAMES: Final = 10_000
"""Names of mappings in a body, those that its texts look like too: each is looked at twice."""

BODY_DIGITS: Final = 400
"""Digits of a number in a body: longer ones take quadratic time, and are none that a double holds."""

BODY_NESTING: Final = MAX_NESTING + 2
"""Lists and mappings within each other in a body: those of a value, in what says that it is one."""

_DIGITS_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_TOO_MANY_DIGITS: Final = b"0" * (BODY_DIGITS + 1)

_thread: Final = ThreadPoolExecutor(1, "large bodies")
"""Only one: a parser keeps all other threads waiting, and so many of them the loop."""


class Call(msgspec.Struct, frozen=True):
    """A request with everything that was decided about it before it is answered.

    `own`: we are its Target, so it is served from what is our own alone. `deadline`: loop time by which the head of
    an answer must be here when others are asked. `reader`: the address of the upstream gateway that asks, if one does.
    """

    request: ApiRequest
    route: Route
    hops: Hops
    view: FederatedView
    own: bool
    deadline: float
    reader: str | None = None

    @property
    def shown(self) -> TreeView:
        """The tree it is served from."""
        return self.view.own if self.own else self.view.merged

    @property
    def is_from_client(self) -> bool:
        """It names no Target and no origins, so its ids are as they are called here."""
        return self.hops.target is None and self.hops.origins is None

    @property
    def is_read(self) -> bool:
        """Its method changes nothing."""
        return self.request.method in SAFE_METHODS

    def query(self) -> Mapping[str, str]:
        """The query's fields, the last of equal ones."""
        try:
            return dict(parse_qsl(self.route.query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS))
        except ValueError:
            raise errors.invalid_request(f"More than {MAX_QUERY_FIELDS} query fields") from None

    def require_whole(self, gaps: tuple[Gap, ...]) -> tuple[tuple[str, str], ...]:
        """The headers of an answer that is whole where the client asked for all or nothing, else none.

        Raises the ApiError that stands for a partial answer there.
        """
        if not wants_strict(self.request.headers.getall("Prefer", ())):
            return ()
        if gaps:
            raise errors.partial_refused(gaps)
        return (("Preference-Applied", "handling=strict"),)


def read_hops(request: ApiRequest, self_id: str) -> Hops:
    """The hops of a request that is for us. Raises ApiError: 400 malformed, 421 for another gateway, 508 a loop."""
    try:
        hops = parse_hops(request.headers.get)
    except MalformedHopsError as error:
        raise errors.invalid_request(str(error)) from None
    if hops.to is not None and hops.to != self_id:
        raise errors.misdirected(hops.to, self_id)
    if self_id in hops.via or hops.too_long:
        raise errors.loop_detected()
    return hops


async def read_json(request: ApiRequest, max_bytes: int) -> Any:
    """The body as JSON, `{}` if there is none. Raises ApiError: 400, 413, 503."""
    if (request.content_length or 0) > max_bytes:  # who says so need not send it first
        raise errors.payload_too_large(max_bytes)
    body = await request.read()
    if len(body) <= PARSED_ON_LOOP_BYTES:
        return parse_body(body, max_bytes)
    return await asyncio.get_running_loop().run_in_executor(_thread, parse_body, body, max_bytes)


def parse_body(body: bytes, max_bytes: int) -> Any:
    """What a body says, `{}` if nothing. Raises ApiError 400."""
    if not body.strip():
        return {}
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > BODY_BRACKETS:
        raise errors.invalid_request(f"Request body: found {brackets} '[' and '{{', allowed are {BODY_BRACKETS}")
    names = min(body.count(b":"), body.count(b'"') // 2)
    if names > BODY_NAMES:
        raise errors.invalid_request(f"Request body: found {names} names, allowed are {BODY_NAMES}")
    if _has_long_number(body):
        found = f"found a number of more than {BODY_DIGITS} digits"
        raise errors.invalid_request(f"Request body: {found}, allowed are {BODY_DIGITS}")
    try:
        value = parse_json(body, max_bytes=max_bytes)
    except InvalidJsonError as error:
        raise errors.invalid_request(f"Malformed JSON: {error}") from None
    if brackets > BODY_NESTING and not is_shallow(value, BODY_NESTING):
        found = f"found lists and mappings nested deeper than {BODY_NESTING}"
        raise errors.invalid_request(f"Request body: {found}, allowed is {BODY_NESTING}")
    try:
        require_unique_names(body)
    except InvalidJsonError as error:
        raise errors.invalid_request(f"Request body: {error}; each name once is allowed") from None
    return value


def _has_long_number(body: bytes) -> bool:
    if _TOO_MANY_DIGITS not in body.translate(_DIGITS_AS_ZEROS):
        return False
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if unescaped.count(b'"') > 2 * BODY_NAMES:  # what is no text among so many would take as long to be found
        return True
    return _TOO_MANY_DIGITS in b'"'.join(unescaped.split(b'"')[::2]).translate(_DIGITS_AS_ZEROS)
