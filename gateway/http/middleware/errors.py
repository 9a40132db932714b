"""Turns everything raised below into an answer of the one error form. The only place that does."""

from typing import Final

import structlog
from aiohttp import web

from gateway.http import errors
from gateway.http.answer import WholeAnswer, json_answer
from gateway.http.errors import ApiError
from gateway.http.request import ApiRequest, logged_path

FIXED_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Server": "grove",
}
"""On every answer: bodies are what their type says, stand in no other page, tell no other page where they are, and
what we are made of is nobody's business."""

_log = structlog.stdlib.get_logger(__name__)


def answer_to(error: Exception, request: ApiRequest, max_body_bytes: int) -> WholeAnswer:
    """The answer that stands for what a handler raised.

    Raises the error again where nothing can be answered: the client is gone, or an answer has begun. It ends the
    connection then, so that nobody takes half an answer for a whole one.
    """
    if isinstance(error, ApiError):
        return render_error(error)
    if isinstance(error, web.HTTPException) and error.status >= 400:
        return render_error(_translated(error, max_body_bytes))
    if isinstance(error, web.HTTPException) or _client_left(request, error):
        raise error
    _log.exception("request failed", method=request.method, path=logged_path(request), request_id=request.request_id)
    if has_begun(request):
        raise error
    return render_error(ApiError(500, "internal-error", "Internal error; the gateway's log has the cause"))


def render_error(error: ApiError) -> WholeAnswer:
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


def _client_left(request: ApiRequest, error: Exception) -> bool:
    transport = request.transport
    return isinstance(error, ConnectionError) and (transport is None or transport.is_closing())
