"""A stand-in owner's entity resources: echo, executions, download, upload, events, its part of a fan-out."""

import asyncio
import hashlib
import itertools
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.federation.standin_tree import StandinTree

CHUNK_BYTES = 65_536

_PATTERN = random.Random(2024).randbytes(65_521)
"""A prime number of bytes, so that no shift by whole chunks or pages looks right."""


def blob(start: int, stop: int) -> bytes:
    """Bytes `start` to `stop` (exclusive) of the endless download."""
    first = start % len(_PATTERN)
    repeats = (first + stop - start) // len(_PATTERN) + 1
    return (_PATTERN * repeats)[first : first + stop - start]


def add_entity_routes(app: web.Application, tree: StandinTree) -> None:
    """Specific routes first; every other request for an entity is echoed."""
    executions, streams = Executions(), Streams()
    apps = "/api/v1/apps/{id}"
    run = apps + "/operations/{operation:.+}/executions"
    app.router.add_post(run, executions.start)
    app.router.add_get(run, executions.list_all)
    app.router.add_get(run + "/{execution}", executions.show)
    app.router.add_put(run + "/{execution}", executions.stop)
    app.router.add_delete(run + "/{execution}", executions.delete)
    app.router.add_get(apps + "/download", download)
    app.router.add_route("POST", apps + "/upload", streams.upload)
    app.router.add_route("PUT", apps + "/upload", streams.upload)
    app.router.add_get(apps + "/events", streams.events)
    app.router.add_get("/streams", streams.show)

    async def part_or_echo(request: web.Request) -> web.StreamResponse:
        if "X-Medkit-Origins" in request.headers:
            return fan_out_part(request, tree)
        return await echo(request)

    app.router.add_route("*", "/api/v1/{rest:.+}", part_or_echo)


async def echo(request: web.Request) -> web.Response:
    """The request as it arrived."""
    body = await request.content.read()
    return web.json_response(
        {
            "method": request.method,
            "path": request.rel_url.raw_path,
            "query": request.rel_url.raw_query_string,
            "headers": dict(request.headers),
            "body": body.decode(errors="replace"),
        }
    )


def fan_out_part(request: web.Request, tree: StandinTree) -> web.Response:
    """Our part of a routed fan-out: our own items of the entity, or of all for `/faults`; we know no way to others."""
    asked = [each.strip() for each in request.headers["X-Medkit-Origins"].split(",")]
    path = request.path.removeprefix("/api/v1/")
    member, _, collection = path.rpartition("/")
    members = [member] if member else tree.members()
    mine = [
        {**item_body(collection, item), "x-medkit": {"origin": tree.instance_id, "member": each}}
        for each in members
        for item in tree.items(each, collection)
    ]
    missing = [{"id": each, "reason": "no_route", "tried": []} for each in asked if each != tree.instance_id]
    answered = [each for each in asked if each == tree.instance_id]
    return web.json_response(
        {"items": mine if answered else [], "x-medkit": {"origins": {"answered": answered, "missing": missing}}}
    )


def item_body(collection: str, item: str) -> dict[str, Any]:
    """A list item with the fields that readers cannot do without."""
    match collection:
        case "operations":
            return {"id": item, "name": item, "proximity_proof_required": False, "asynchronous_execution": True}
        case "configurations":
            return {"id": item, "name": item, "type": "parameter"}
        case "faults":
            return {"fault_code": item, "severity": 2, "status": "CONFIRMED", "reporting_sources": ["standin"]}
        case "logs":
            return {"id": item, "timestamp": "2026-01-01T00:00:00.000000000Z", "severity": "info", "message": item}
        case _:
            return {"id": item, "name": item, "category": "currentData"}


class Executions:
    """Asynchronous operations that run until they are stopped or deleted."""

    def __init__(self) -> None:
        self._running: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)
        # Mutable state: the executions by their path.

    async def start(self, request: web.Request) -> web.Response:
        number = f"exec-{next(self._numbers)}"
        location = f"{request.rel_url.raw_path}/{number}"
        body = await request.content.read()
        self._running[location] = {
            "status": "running",
            "capability": "execute",
            "parameters": json.loads(body) if body else {},
        }
        return web.json_response({"id": number, "status": "running"}, status=202, headers={"Location": location})

    async def list_all(self, request: web.Request) -> web.Response:
        prefix = request.rel_url.raw_path + "/"
        return web.json_response(
            {"items": [{"id": path.removeprefix(prefix)} for path in self._running if path.startswith(prefix)]}
        )

    async def show(self, request: web.Request) -> web.Response:
        return web.json_response(self._find(request))

    async def stop(self, request: web.Request) -> web.Response:
        execution = self._find(request)
        execution["status"] = "completed"
        body = {"id": request.match_info["execution"], "status": "completed"}
        return web.json_response(body, status=202, headers={"Location": request.rel_url.raw_path})

    async def delete(self, request: web.Request) -> web.Response:
        self._find(request)
        del self._running[request.rel_url.raw_path]
        return web.Response(status=204)

    def _find(self, request: web.Request) -> dict[str, Any]:
        execution = self._running.get(request.rel_url.raw_path)
        if execution is None:
            body = {"error_code": "resource-not-found", "message": "Execution not found"}
            raise web.HTTPNotFound(text=json.dumps(body), content_type="application/json")
        return execution


async def download(request: web.Request) -> web.StreamResponse:
    """`?size=` bytes of `blob`, streamed; one range, ETag and 304 as a file server has them."""
    size = int(request.query.get("size", "1000"))
    headers = {
        "ETag": f'"blob-{size}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="blob-{size}.bin"',
        "Content-Type": "application/octet-stream",
    }
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    start, stop, status = 0, size, 200
    if wanted := re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", "")):
        start, stop = _range(wanted[1], wanted[2], size)
        if start >= stop:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = stop - start
    await response.prepare(request)
    if request.method != "HEAD":
        for at in range(start, stop, CHUNK_BYTES):
            await response.write(blob(at, min(at + CHUNK_BYTES, stop)))
    await response.write_eof()
    return response


def _range(first: str, last: str, size: int) -> tuple[int, int]:
    """The two halves of a `Range` as start and exclusive stop; empty when it cannot be had."""
    if not first:
        return max(0, size - int(last or "0")), size
    return int(first), min(size, int(last) + 1 if last else size)


class Streams:
    """Uploads and event streams, and what became of them."""

    def __init__(self) -> None:
        self._open = Counter(events=0, uploads=0)
        self._uploads: list[dict[str, Any]] = []
        # Mutable state: streams whose other end is there, and uploads that came to their end.

    async def show(self, request: web.Request) -> web.Response:
        open_now = {f"{kind}_open": count for kind, count in self._open.items()}
        return web.json_response({**open_now, "uploads": self._uploads})

    @contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        self._open[kind] += 1
        try:
            yield
        finally:
            self._open[kind] -= 1

    async def upload(self, request: web.Request) -> web.Response:
        """Reads the body as it comes and tells what it was."""
        digest, size = hashlib.sha256(), 0
        with self._counted("uploads"):
            async for chunk in request.content.iter_any():
                digest.update(chunk)
                size += len(chunk)
        self._uploads.append({"sha256": digest.hexdigest(), "size": size})
        return web.json_response(self._uploads[-1])

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events 1 to `?count=` (0: for ever), one each `?interval=` seconds, a comment before each.

        `Last-Event-ID: n` begins behind event n. `sent` is the Unix time in seconds.
        """
        count, interval = int(request.query.get("count", "0")), float(request.query.get("interval", "0.1"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        with self._counted("events"):
            for number in itertools.count(int(request.headers.get("Last-Event-ID", "0")) + 1):
                if count and number > count:
                    break
                await response.write(b":keepalive\n\n")
                await asyncio.sleep(interval)
                data = json.dumps({"number": number, "sent": time.time()})
                await response.write(f"id: {number}\nevent: tick\ndata: {data}\n\n".encode())
        await response.write_eof()
        return response
