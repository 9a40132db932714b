"""A stand-in for a gateway that owns entities: the peer's side of the protocol, and nothing more.

    python tests/federation/standin.py --port 0 --spec spec.json

prints its port. `spec.json` holds what standin_tree.py describes, `faults` (see Fault), and `guard` when it shall speak
https and answer nobody without its token: `cert_file`, `key_file`, `token`. Beside `/api/v1`:

    GET, DELETE /counters   {path: requests so far}
    GET, DELETE /requests   [{method, path, query, headers}], the newest 1000, without health and tree
    GET /streams            {events_open, uploads_open: how many; uploads: [{sha256, size}], those read to their end}
    PUT /faults             a list that replaces the faults
    PUT /tree               keys of the spec to change
"""

import argparse
import asyncio
import json
import socket
import ssl
import struct
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.federation.standin_routes import add_entity_routes
from tests.federation.standin_tree import StandinTree

HEALTH, TREE = "/api/v1/health", "/api/v1/x-medkit-tree"


@dataclass(slots=True)
class Fault:
    """What happens to requests for `path` (exactly, without query; `*` for all) instead of the real answer.

    `delay` (seconds) comes first, then the first that is set of: `hang` (never an answer), `reset` (RST),
    `status` with `headers` and a JSON `body`; else the real answer. `times` requests are hit, None for all.
    """

    path: str
    method: str | None = None
    delay: float = 0.0
    hang: bool = False
    reset: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    times: int | None = None

    def hits(self, request: web.Request) -> bool:
        """Whether this request is hit; uses up one of `times`."""
        if self.path not in {"*", request.rel_url.raw_path} or self.method not in {None, request.method}:
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class Standin:
    """The application's state: the tree, the faults, and what was asked."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.tree = StandinTree(spec)
        self.faults = [Fault(**each) for each in spec.get("faults", [])]
        self.guard: Mapping[str, str] | None = spec.get("guard")
        self.counters: Counter[str] = Counter()
        self.requests: deque[dict[str, Any]] = deque(maxlen=1000)

    def application(self) -> web.Application:
        """The routes and what stands before them."""
        app = web.Application(middlewares=[self.watch], client_max_size=0)
        app.router.add_get(HEALTH, self.health)
        app.router.add_get(TREE, self.tree_document)
        app.router.add_get("/counters", self.show_counters)
        app.router.add_get("/requests", self.show_requests)
        app.router.add_delete("/counters", self.forget)
        app.router.add_delete("/requests", self.forget)
        app.router.add_put("/faults", self.replace_faults)
        app.router.add_put("/tree", self.change_tree)
        add_entity_routes(app, self.tree)
        return app

    @web.middleware
    async def watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Counts and records each request below /api, then lets a fault have it or answers it."""
        path = request.rel_url.raw_path
        if not path.startswith("/api/"):
            return await self._answer(request, handler)
        if self.guard and request.headers.get("Authorization") != f"Bearer {self.guard['token']}":
            return web.json_response({"error": "invalid_token"}, status=401)
        self.counters[path] += 1
        if path not in {HEALTH, TREE}:
            self.requests.append(
                {
                    "method": request.method,
                    "path": path,
                    "query": request.rel_url.raw_query_string,
                    "headers": dict(request.headers),
                }
            )
        for fault in self.faults:
            if fault.hits(request):
                return await self._strike(fault, request, handler)
        return await self._answer(request, handler)

    async def _strike(self, fault: Fault, request: web.Request, handler: Any) -> web.StreamResponse:
        await asyncio.sleep(fault.delay)
        if fault.hang:
            await asyncio.Event().wait()
        if fault.reset and request.transport is not None:
            sock = request.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.abort()
        if fault.status is not None:
            return web.json_response(fault.body, status=fault.status, headers=fault.headers)
        return await self._answer(request, handler)

    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        response = await handler(request)
        assert isinstance(response, web.StreamResponse)
        return response

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response(self.tree.health())

    async def tree_document(self, request: web.Request) -> web.Response:
        """Diffs are never given: a reader must take the full document too."""
        headers = {"ETag": self.tree.etag}
        if request.headers.get("If-None-Match") == self.tree.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.tree.body, content_type="application/json", headers=headers)

    async def show_counters(self, request: web.Request) -> web.Response:
        return web.json_response(self.counters)

    async def show_requests(self, request: web.Request) -> web.Response:
        return web.json_response([*self.requests])

    async def forget(self, request: web.Request) -> web.Response:
        self.counters.clear()
        self.requests.clear()
        return web.Response(status=204)

    async def replace_faults(self, request: web.Request) -> web.Response:
        self.faults = [Fault(**each) for each in await request.json()]
        return web.Response(status=204)

    async def change_tree(self, request: web.Request) -> web.Response:
        self.tree.change(await request.json())
        return web.json_response({"generation": self.tree.generation})


async def serve(port: int, spec: Mapping[str, Any]) -> None:
    """Until it is killed. The port goes to standard output."""
    standin = Standin(spec)
    runner = web.AppRunner(standin.application(), access_log=None, handler_cancellation=True)
    await runner.setup()
    tls = None
    if standin.guard:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(standin.guard["cert_file"], standin.guard["key_file"])
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for a gateway that owns entities.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--spec", type=Path, help="JSON file, see the top of standin.py")
    arguments = parser.parse_args()
    spec = json.loads(arguments.spec.read_text()) if arguments.spec else {}
    asyncio.run(serve(arguments.port, spec))


if __name__ == "__main__":
    main()
