"""Lets a request pass when whoever sends it may ask it. Nothing is read, answered or forwarded before that.

Source: docs/authentication.md, "Which requests need a token".
"""

import asyncio
from collections.abc import Awaitable
from typing import Final

from aiohttp import hdrs, web

from entities.hops import TARGET
from gateway.auth.access import least_role, needs_token
from gateway.auth.caller import Authority, Caller, Disbelieved
from gateway.http import oauth
from gateway.http.middleware.errors import has_begun
from gateway.http.path import Route
from gateway.http.request import ApiRequest

REVOKED_LOOK_S: Final = 0.5
"""Seconds between two looks whether the token of a stream was revoked; so much later it may end."""

_SCHEME = "bearer"


async def admit(request: ApiRequest, route: Route, authority: Authority) -> None:
    """Notes on the request who sends it. Raises OAuthError: 401 without a good token, 403 for too low a role."""
    needed = needs_token(authority.policy, request.method, route, is_passed_on=TARGET in request.headers)
    if not needed and authority.policy == "none":
        return
    request.sees_peers = False
    found = await _caller(request, authority) if needed or hdrs.AUTHORIZATION in request.headers else None
    if isinstance(found, Caller):
        request.caller = found
        request.sees_peers = True
    if not needed:
        return
    if not isinstance(found, Caller):
        raise oauth.invalid_token("none was sent" if found is None else found.why)
    role = least_role(request.method, route)
    if found.role < role:
        raise oauth.insufficient_scope(role, found.role)


async def while_good(
    request: ApiRequest, caller: Caller, answering: Awaitable[web.StreamResponse]
) -> web.StreamResponse:
    """The answer to a request that flows without an end: it ends with the caller's token, or when that is revoked.

    Raises OAuthError: 401.
    """
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(caller.good_s)
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        if caller.is_revoked():
            ends = limit.when()
            if ends is not None and ends > loop.time():  # else it is ending
                limit.reschedule(loop.time())
        else:
            timer = loop.call_later(REVOKED_LOOK_S, look)

    try:
        async with limit:
            look()
            return await answering
    except TimeoutError:
        if not limit.expired():
            raise
    finally:
        if timer is not None:
            timer.cancel()
    if has_begun(request):
        if request.transport is not None:
            request.transport.close()
        raise ConnectionResetError("the token ended, and with it the stream")
    raise oauth.invalid_token("it has been revoked" if caller.is_revoked() else "it has expired")


async def _caller(request: ApiRequest, authority: Authority) -> Caller | Disbelieved | None:
    told = request.headers.getall(hdrs.AUTHORIZATION, ())
    if not told:
        return None
    scheme, _, token = told[0].partition(" ")
    if len(told) > 1 or scheme.lower() != _SCHEME or not token:
        return Disbelieved("one Authorization header with Bearer and a token is allowed")
    return await authority.caller(token.strip(" "))
