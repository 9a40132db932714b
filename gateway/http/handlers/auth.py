"""`POST /auth/authorize`, `/auth/token` and `/auth/revoke`: tokens are given out, renewed, and taken back."""

from collections.abc import Mapping
from typing import Final, assert_never
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from entities.jsontext import InvalidJsonError, parse_json, require_unique_names
from gateway.auth.caller import Authority, Denied, Grant, NotHere, NotKept, Outcome, TooMany
from gateway.http import oauth
from gateway.http.answer import WholeAnswer, json_answer
from gateway.http.path import ServerPath
from gateway.http.request import ApiRequest

MAX_FORM_BYTES: Final = 16 * 1024
"""Longest body of such a request."""

MAX_FORM_FIELDS: Final = 16
"""Fields of a form that are read; with more it is refused."""

_FORM: Final = "application/x-www-form-urlencoded"


async def answer_auth(request: ApiRequest, route: ServerPath, authority: Authority | None) -> WholeAnswer:
    """The answer, always made here: no such request is ever passed on. Raises OAuthError, and ApiError for no route."""
    if request.method != hdrs.METH_POST or len(route.rest) != 1 or route.rest[0] not in _ROUTES:
        raise oauth.no_tokens_here("There is POST /api/v1/auth/authorize, /auth/token and /auth/revoke")
    if authority is None:
        raise oauth.no_tokens_here("Authentication is off at this gateway (auth.enabled)")
    fields = await _fields(request)
    match route.rest[0]:
        case "authorize":
            _require_grant(fields, "client_credentials")
            client, secret = _field(fields, "client_id"), _field(fields, "client_secret")
            return _answer(await authority.authorize(client, secret, request.client_address), oauth.invalid_client())
        case "token":
            _require_grant(fields, "refresh_token")
            return _answer(await authority.renew(_field(fields, "refresh_token")), oauth.invalid_grant())
        case _:
            if not await authority.revoke(_field(fields, "token")):
                raise oauth.not_saved(
                    "The token counts no more, but that could not be saved, and a restart may undo it"
                )
            return json_answer({"status": "revoked"}, headers=[oauth.NO_STORE])


_ROUTES: Final = frozenset({"authorize", "token", "revoke"})


def _answer(outcome: Outcome, denial: oauth.OAuthError) -> WholeAnswer:
    match outcome:
        case Grant():
            body = {
                "access_token": outcome.access,
                "token_type": "Bearer",
                "expires_in": outcome.expires_in,
                "scope": outcome.role.word,
                "refresh_token": outcome.refresh,
            }
            return json_answer(body, headers=[oauth.NO_STORE, ("Pragma", "no-cache")])
        case Denied():
            raise denial
        case TooMany(retry_after_s):
            raise oauth.too_many_failures(retry_after_s)
        case NotHere(issuer):
            raise oauth.no_tokens_here(f"Tokens for this gateway are given out by {issuer}")
        case NotKept():
            raise oauth.not_saved("No new tokens: that this one is spent could not be saved, and it still is good")
        case _:
            assert_never(outcome)


async def _fields(request: ApiRequest) -> Mapping[str, object]:
    body = await _body(request)
    if request.content_type == _FORM:
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=MAX_FORM_FIELDS,
            )
        except ValueError:
            raise oauth.bad_request(f"Malformed form; at most {MAX_FORM_FIELDS} fields are allowed") from None
        if len(dict(pairs)) < len(pairs):
            raise oauth.bad_request("Each field once")
        return dict(pairs)
    try:
        told = parse_json(body, max_bytes=MAX_FORM_BYTES)
        require_unique_names(body)
    except InvalidJsonError:
        raise oauth.bad_request(f"A JSON object, or a form as {_FORM}, is needed, with each field once") from None
    if not isinstance(told, dict):
        raise oauth.bad_request("A JSON object is needed")
    return told


async def _body(request: ApiRequest) -> bytes:
    if (request.content_length or 0) > MAX_FORM_BYTES:
        raise oauth.bad_request(f"At most {MAX_FORM_BYTES} bytes are allowed")
    body = bytearray()
    try:
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > MAX_FORM_BYTES:
                break
    except web.HTTPRequestEntityTooLarge:
        body.extend(bytes(MAX_FORM_BYTES + 1))
    if len(body) > MAX_FORM_BYTES:
        raise oauth.bad_request(f"At most {MAX_FORM_BYTES} bytes are allowed")
    return bytes(body)


def _require_grant(fields: Mapping[str, object], grant: str) -> None:
    if _field(fields, "grant_type") != grant:
        raise oauth.unsupported_grant(grant)


def _field(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise oauth.bad_request(f"The field {name} is missing; a text is needed")
    return value
