"""What we take for granted of aiohttp beyond its documents: an upgrade that changes it fails here, by name."""

import inspect

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_writer import StreamWriter

from gateway.http.protocol import MAX_LINE_BYTES


def test_answers_are_marked_by_a_hook_of_the_request() -> None:
    assert inspect.iscoroutinefunction(web.BaseRequest._prepare_hook)
    assert "_prepare_hook" in inspect.getsource(web.StreamResponse._start)


def test_a_writer_counts_what_it_was_given() -> None:
    assert "output_size" in StreamWriter.__dict__ or "output_size" in AbstractStreamWriter.__annotations__


def test_what_the_parser_refuses_passes_a_method_of_the_handler() -> None:
    assert list(inspect.signature(web.RequestHandler.handle_error).parameters) == [
        "self",
        "request",
        "status",
        "exc",
        "message",
    ]


def test_a_line_that_is_too_long_tells_the_limit() -> None:
    assert LineTooLong(b"GET /...", MAX_LINE_BYTES).args[1] == MAX_LINE_BYTES
