"""A stand-in for an upstream (C++) gateway as a process: as a peer of ours, and as a reader of us.

    python -m tests.federation.upstream --port 0 --control 0 --spec spec.json

Written from what is known of upstream's side of the wire, and checked against recordings of its answers
(test_upstream_standin.py). `spec.json`: as upstream_gateway.py describes it, with `refresh_ms` (0: only when told to)
and `oddities`, what it answers wrong (`Fault` of standin.py). On the control port:

    GET /state       {refreshes, failures: [...], connections: {open, peak}, generation}
    POST /refresh    reads all peers now; {peers: {name: error or null}, lost}
    GET /requests    [{method, path, query, headers}], the newest 10000; DELETE: begins anew
    GET /cache       {kind: {id: {...}}}, {"routes": ...}
    PUT /oddities, /tree, /peers
"""

import argparse
import asyncio
import dataclasses
import json
import socket
import struct
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from tests.federation.standin import Fault
from tests.federation.upstream_gateway import UpstreamGateway
from tests.federation.upstream_peers import Asked, UpstreamPeers
from tests.federation.upstream_stream import STREAM_PATH, UpstreamStream

KEPT_REQUESTS = 5
"""On one connection, then it is closed."""

IDLE_S = 5.0


class UpstreamServer:
    """The gateway on its sockets, with what a test wants to know and to break."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.gateway = UpstreamGateway(spec)
        self.stream = UpstreamStream()
        self.refresh_s = spec.get("refresh_ms", 0) / 1000
        self.oddities = [Fault(**each) for each in spec.get("oddities", [])]
        self.requests: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.refreshes = 0
        self.failures: list[dict[str, Any]] = []
        self.peak = 0
        self._served: WeakKeyDictionary[asyncio.BaseTransport, int] = WeakKeyDictionary()
        self._server: web.Server | None = None
        self._refreshing = asyncio.Lock()
        # Mutable state: oddities, what was asked, counts.

    async def listen(self, port: int) -> web.ServerRunner:
        """Serves the API; whoever asked for it ends it."""
        self._server = web.Server(self.handle, handler_cancellation=True, keepalive_timeout=IDLE_S, access_log=None)
        runner = web.ServerRunner(self._server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    async def serve(self, port: int, control: int) -> None:
        """Until it is killed; prints both ports."""
        runner = await self.listen(port)
        controls = web.AppRunner(self._control_app(), access_log=None)
        await controls.setup()
        await web.TCPSite(controls, "127.0.0.1", control).start()
        print(runner.addresses[0][1], controls.addresses[0][1], flush=True)
        while True:
            if self.refresh_s:
                await self.refresh()
            await asyncio.sleep(self.refresh_s or 3600)

    async def refresh(self) -> dict[str, Any]:
        """One, never two at a time."""
        async with self._refreshing:
            outcome = dataclasses.asdict(await self.gateway.refresh())
        self.refreshes += 1
        broken = {name: why for name, why in outcome["peers"].items() if why not in {None, "offline"}}
        if outcome["lost"] or broken:
            self.failures.append(outcome)
        return outcome

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert self._server is not None
        self.peak = max(self.peak, len(self._server.connections))
        path = request.rel_url.raw_path
        self.requests.append(
            {
                "method": request.method,
                "path": path,
                "query": request.rel_url.raw_query_string,
                "headers": dict(request.headers),
            }
        )
        is_stream = path == STREAM_PATH and request.method == "GET"
        response = await self._struck(request) or (
            await self.stream.answer(request) if is_stream else await self._answer(request, path)
        )
        if request.transport is not None:
            served = self._served.get(request.transport, 0) + 1
            self._served[request.transport] = served
            if served >= KEPT_REQUESTS:
                response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        asked = Asked(
            "GET" if request.method == "HEAD" else request.method,
            path,
            request.rel_url.raw_query_string,
            request.headers,
            await request.read(),
        )
        told = await self.gateway.answer(asked)
        if isinstance(told.body, bytes):
            return web.Response(status=told.status, body=told.body, headers=told.headers)
        if told.body is None:
            return web.Response(status=told.status, headers=told.headers)
        text = json.dumps(told.body, indent=2, sort_keys=True)
        return web.Response(status=told.status, text=text, content_type="application/json", headers=told.headers)

    async def _struck(self, request: web.BaseRequest) -> web.Response | None:
        fault = next((each for each in self.oddities if _hits(each, request)), None)
        if fault is None:
            return None
        await asyncio.sleep(fault.delay)
        if fault.hang:
            await asyncio.Event().wait()
        if fault.reset and request.transport is not None:
            sock = request.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.abort()
        if fault.status is None:
            return None
        text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
        return web.Response(status=fault.status, text=text, content_type="application/json", headers=fault.headers)

    def _control_app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/state", self._state)
        app.router.add_post("/refresh", self._refresh)
        app.router.add_get("/requests", self._requests)
        app.router.add_delete("/requests", self._forget)
        app.router.add_get("/cache", self._cache)
        app.router.add_put("/oddities", self._set_oddities)
        app.router.add_put("/tree", self._set_tree)
        app.router.add_post("/faults", self._tell_fault)
        app.router.add_put("/peers", self._set_peers)
        return app

    async def _state(self, request: web.Request) -> web.Response:
        assert self._server is not None
        return web.json_response(
            {
                "refreshes": self.refreshes,
                "failures": self.failures,
                "connections": {"open": len(self._server.connections), "peak": self.peak},
                "generation": self.gateway.generation,
                "fault_streams": {"open": self.stream.open, "asked": self.stream.asked},
            }
        )

    async def _refresh(self, request: web.Request) -> web.Response:
        return web.json_response(await self.refresh())

    async def _requests(self, request: web.Request) -> web.Response:
        return web.json_response([*self.requests])

    async def _forget(self, request: web.Request) -> web.Response:
        self.requests.clear()
        self.peak = 0
        return web.Response(status=204)

    async def _cache(self, request: web.Request) -> web.Response:
        cache = self.gateway.cache
        told: dict[str, Any] = {
            kind: {own_id: dataclasses.asdict(one) for own_id, one in found.items()}
            for kind, found in cache.entities.items()
        }
        routes = {f"{kind}/{own_id}": peer for (kind, own_id), peer in cache.routes.items()}
        return web.json_response({**told, "routes": routes})

    async def _set_oddities(self, request: web.Request) -> web.Response:
        self.oddities = [Fault(**each) for each in await request.json()]
        return web.Response(status=204)

    async def _set_tree(self, request: web.Request) -> web.Response:
        self.gateway.change(await request.json())
        return web.Response(status=204)

    async def _tell_fault(self, request: web.Request) -> web.Response:
        await self.stream.tell(await request.json())
        return web.Response(status=204)

    async def _set_peers(self, request: web.Request) -> web.Response:
        self.gateway.peers = UpstreamPeers([*map(tuple, await request.json())], self.gateway.peers.timeout)
        return web.Response(status=204)


def _hits(fault: Fault, request: web.BaseRequest) -> bool:
    if fault.path not in {"*", request.rel_url.raw_path} or fault.method not in {None, request.method}:
        return False
    if fault.times is None:
        return True
    fault.times -= 1
    return fault.times >= 0


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for an upstream gateway.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--control", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--spec", type=Path, required=True, help="JSON file, see the top of upstream.py")
    arguments = parser.parse_args()
    asyncio.run(UpstreamServer(json.loads(arguments.spec.read_text())).serve(arguments.port, arguments.control))


if __name__ == "__main__":
    main()
