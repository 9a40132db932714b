"""JSON answers: the one place where a document becomes a response, and whether a client has it already."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from entities.jsontext import render_json


def json_answer(document: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> web.Response:
    """`document` as `application/json`; bytes are taken as rendered already."""
    body = document if isinstance(document, bytes) else render_json(document)
    return web.Response(body=body, status=status, headers=[("Content-Type", "application/json"), *headers])


def has_current(request: web.Request, etag: str) -> bool:
    """Whether `If-None-Match` names the document (weak comparison, RFC 9110 section 13.1.2)."""
    return any(tag.value in {"*", etag.strip('"')} for tag in request.if_none_match or ())
