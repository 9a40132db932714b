"""The API: what every request passes on its way to the dispatcher, and its answer on the way back. It starts nothing.

It stands on aiohttp's low-level server: paths are read by `parse_target`, a router would match decoded ones, and what
a chain of middlewares does is one function here.
"""

import asyncio
import time

from aiohttp import HttpVersion11, StreamReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from gateway.http import errors
from gateway.http.connections import Admission
from gateway.http.door import Door, Protection
from gateway.http.flowing import flows
from gateway.http.handlers.auth import answer_auth
from gateway.http.held_bodies import HeldBodies
from gateway.http.middleware.auth import admit, while_good
from gateway.http.middleware.errors import answer_to
from gateway.http.middleware.log import RequestLog, mark_request_id
from gateway.http.path import PathProblem, ServerPath, parse_target
from gateway.http.protocol import ApiProtocol
from gateway.http.request import ApiRequest
from gateway.http.services import Services


class Api:
    """The HTTP API over `services`: the handler and the request factory of a `web.Server`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._log = RequestLog(services.new_request_id)
        self._bodies = HeldBodies(services.max_body_bytes)
        # Mutable: made anew with other settings.
        self._door = Door(services.protection, time.monotonic(), lambda: services.clock_ns() / 1_000_000_000)

    def protect(self, protection: Protection) -> None:
        """From now on by these settings."""
        self._door = self._door.replaced(protection, time.monotonic())

    def make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> ApiRequest:
        """The request that the server read from these."""
        loop = task.get_loop()
        limit = self._services.max_body_bytes
        request = ApiRequest(message, payload, protocol, writer, task, loop, client_max_size=limit)
        request.arrived = loop.time()
        request.mark = self._mark
        request.proxies = self._door.proxies
        request.bodies = self._bodies
        if isinstance(protocol, ApiProtocol):
            request.crowded = protocol.admission is Admission.CROWDED
            protocol.begin(payload)
        return request

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer. Raises only where none can be given; the connection ends then."""
        assert isinstance(request, ApiRequest)  # noqa: S101 -- for the type checker: they all come from `make_request`
        self._log.name(request)
        try:
            answer = await self._answer(request)
        except Exception as error:  # noqa: BLE001 -- every failure becomes an answer or is raised again
            answer = answer_to(error, request, self._services.max_body_bytes)
        self._log.tell(request, answer)
        return answer

    async def _answer(self, request: ApiRequest) -> web.StreamResponse:
        parsed = parse_target(request.raw_path)
        preflight = self._door.admit(request, parsed)
        if preflight is not None:
            return preflight
        if isinstance(parsed, PathProblem):
            raise errors.refused_target(parsed)
        if request.method == hdrs.METH_OPTIONS:
            raise errors.no_route()
        authority = self._services.authority
        signs_in = isinstance(parsed, ServerPath) and parsed.name == "auth"
        if authority is not None and not signs_in:
            await admit(request, parsed, authority)
        if hdrs.EXPECT in request.headers:
            await _ask_on(request)
        if isinstance(parsed, ServerPath) and signs_in:
            return await answer_auth(request, parsed, authority)
        answering = self._services.dispatch(request, parsed)
        if request.caller is not None and flows(request, parsed):
            return await while_good(request, request.caller, answering)
        return await answering

    def _mark(self, request: ApiRequest, answer: web.StreamResponse) -> None:
        mark_request_id(request, answer)
        self._door.mark(request, answer)
        # Behind an upgrade that nobody took aiohttp reads some bodies as requests.
        if self._services.draining() or hdrs.UPGRADE in request.headers:
            answer.force_close()
            answer.headers[hdrs.CONNECTION] = "close"


async def _ask_on(request: ApiRequest) -> None:
    """Tells a client that waits before it sends its body to go on. Raises ApiError: 417 for other expectations."""
    if any(asked.lower() != "100-continue" for asked in request.headers.getall(hdrs.EXPECT)):
        raise errors.expectation_failed()
    if request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the interim answer does not count as begun
