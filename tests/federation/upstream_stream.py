"""The fault stream of a stand-in upstream gateway: only its own faults, the last 100 again for those who come back."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from aiohttp import web

STREAM_PATH = "/api/v1/faults/stream"
BUFFERED = 100
MAX_CLIENTS = 2
"""upstream's default of `sse.max_clients`."""


class UpstreamStream:
    """Events numbered from 1 in this process."""

    def __init__(self) -> None:
        self._buffer: deque[tuple[int, bytes]] = deque(maxlen=BUFFERED)
        self._newest = 0
        self._told = asyncio.Condition()
        self.open = 0
        self.asked: list[str | None] = []
        """The `Last-Event-ID` of each client that came."""

    async def tell(self, event: Mapping[str, Any]) -> None:
        """To all who listen."""
        async with self._told:
            self._newest += 1
            text = f"id: {self._newest}\nevent: {event['event_type']}\ndata: {json.dumps(event)}\n\n"
            self._buffer.append((self._newest, text.encode()))
            self._told.notify_all()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Until the client leaves."""
        if self.open >= MAX_CLIENTS:
            error = {"error_code": "service-unavailable", "message": "Maximum number of SSE clients reached"}
            return web.json_response(error, status=503)
        last_id = request.headers.get("Last-Event-ID")
        self.asked.append(last_id)
        position = self._newest if last_id is None else min(int(last_id), self._newest) if last_id.isdecimal() else 0
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        self.open += 1
        try:
            await response.prepare(request)
            await response.write(b":keepalive\n\n")
            while True:
                async with self._told:
                    while self._newest <= position:
                        await self._told.wait()
                    pieces = [text for number, text in self._buffer if number > position]
                    position = self._newest
                await response.write(b"".join(pieces))
        finally:
            self.open -= 1
