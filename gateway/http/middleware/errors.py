"""Turns everything raised below into an answer of the one error form. The only place that does."""

from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.http import errors
from gateway.http.answer import json_answer
from gateway.http.errors import ApiError
from gateway.http.keys import REQUEST_ID, SERVICES

FIXED_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Server": "grove"}
"""On every answer: bodies are what their type says, and what we are made of is nobody's business."""

_log = structlog.stdlib.get_logger(__name__)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, or that of what it raised.

    Once an answer has begun it cannot be replaced: the exception goes on and ends the connection, so that nobody
    takes half an answer for a whole one.
    """
    try:
        return await handler(request)
    except ApiError as error:
        return render_error(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return render_error(_translated(error, request.app[SERVICES].max_body_bytes))
    except Exception as error:
        if _client_left(request, error):
            raise
        _log.exception("request failed", method=request.method, target=request.raw_path, request_id=request[REQUEST_ID])
        if has_begun(request):
            raise
        return render_error(ApiError(500, "internal-error", "Internal error; the gateway's log has the cause"))


def render_error(error: ApiError) -> web.Response:
    """The answer that `error` stands for."""
    response = json_answer(error.body(), error.status, error.headers)
    if error.closes:
        response.force_close()
    return response


def has_begun(request: web.BaseRequest) -> bool:
    """Whether bytes of an answer to this request were handed to the connection."""
    return request.writer.output_size > 0


def _translated(error: web.HTTPException, max_body_bytes: int) -> ApiError:
    """What aiohttp itself refuses: no route (a wrong method is none either), a body that is too large, the rest."""
    match error.status:
        case 404 | 405:
            return errors.no_route()
        case 413:
            return errors.payload_too_large(max_body_bytes)
        case status if status < 500:
            return ApiError(status, "invalid-request", error.reason)
        case status:
            return ApiError(status, "internal-error", error.reason)


def _client_left(request: web.Request, error: Exception) -> bool:
    transport = request.transport
    return isinstance(error, ConnectionError) and (transport is None or transport.is_closing())
