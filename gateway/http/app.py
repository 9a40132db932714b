"""The application: one catch-all route behind the middlewares. It starts nothing; lifecycle does."""

from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler

from gateway.http import errors
from gateway.http.keys import SERVICES
from gateway.http.middleware.cors import Cors
from gateway.http.middleware.errors import FIXED_HEADERS, answer_errors, render_error
from gateway.http.middleware.guard import guard
from gateway.http.middleware.log import log_requests, mark_request_id
from gateway.http.path import PathProblem, parse_target
from gateway.http.services import Services

ANY_PATH: Final = "/{tail:.*}"


def build_app(services: Services) -> web.Application:
    """The HTTP API over `services`. Paths are read by `parse_target`: aiohttp's router would route decoded ones."""
    cors = Cors(services.cors)
    app = web.Application(
        middlewares=[
            log_requests(services.new_request_id),
            answer_errors,
            guard(services.max_header_bytes),
            *([cors.middleware()] if cors.is_on else []),
        ],
        client_max_size=services.max_body_bytes,
    )
    app[SERVICES] = services
    app.router.add_route("*", ANY_PATH, _routed(services), expect_handler=_answer_expect)
    app.on_response_prepare.append(_mark)
    if cors.is_on:
        app.on_response_prepare.append(cors.mark)
    return app


def _routed(services: Services) -> Handler:
    async def route(request: web.Request) -> web.StreamResponse:
        parsed = parse_target(request.raw_path)
        if isinstance(parsed, PathProblem):
            raise errors.refused_target(parsed)
        if request.method == hdrs.METH_OPTIONS:
            raise errors.no_route()
        return await services.dispatch(request, parsed)

    return route


async def _answer_expect(request: web.Request) -> web.StreamResponse | None:
    """`Expect` is answered before any middleware runs, so its refusal is rendered here."""
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        return render_error(errors.expectation_failed())
    if request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the interim answer does not count as begun
    return None


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    mark_request_id(request, response)
    response.headers.update(FIXED_HEADERS)
