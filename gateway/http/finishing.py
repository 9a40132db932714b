"""Writes are finished though their client leaves: one cut off halfway leaves its owner in a state nobody knows.

The body of a request is held as long as that takes, and no longer.
"""

import asyncio
from collections.abc import Awaitable

import structlog
from aiohttp import web

from gateway.http.errors import ApiError
from gateway.http.path import Route
from gateway.http.request import ApiRequest, logged_path
from gateway.http.services import Dispatch
from peers.forward import SAFE_METHODS

_log = structlog.stdlib.get_logger(__name__)


class FinishingWrites:
    """Passes every request on; a write goes on by itself when the handler that waits for it is cancelled."""

    def __init__(self, dispatch: Dispatch) -> None:
        """None is under way."""
        self._dispatch = dispatch
        # Mutable: the writes under way.
        self._writes: set[asyncio.Future[web.StreamResponse]] = set()

    def __call__(self, request: ApiRequest, route: Route) -> Awaitable[web.StreamResponse]:
        """The answer. Raises ApiError."""
        return self._answer(request, route) if request.method in SAFE_METHODS else self._finish(request, route)

    async def _answer(self, request: ApiRequest, route: Route) -> web.StreamResponse:
        try:
            return await self._dispatch(request, route)
        finally:
            request.forget_body()

    async def _finish(self, request: ApiRequest, route: Route) -> web.StreamResponse:
        write = asyncio.ensure_future(self._answer(request, route))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        try:
            return await asyncio.shield(write)
        except asyncio.CancelledError:
            if write.cancelled():
                raise
            _log.info("client left during a write, which goes on", method=request.method, path=logged_path(request))
            write.add_done_callback(_note_end)
            raise

    async def finish(self, deadline: float) -> None:
        """Waits for the writes under way until `deadline` (loop time)."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))

    async def aclose(self) -> None:
        """Cuts off the writes that are still under way."""
        late = tuple(self._writes)
        for write in late:
            write.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _note_end(write: asyncio.Future[web.StreamResponse]) -> None:
    """The last look at a write whose client has left: what went wrong must be seen by somebody."""
    error = None if write.cancelled() else write.exception()
    if isinstance(error, ApiError):
        _log.info("write without its client failed", status=error.status, why=error.message)
    elif error is not None and not isinstance(error, ConnectionError):  # a ConnectionError is the client's absence
        _log.error("write without its client failed", exc_info=error)
