"""`grove` as a process, and a gateway's answers to give it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.federation.process import END_POLL_S, begin, environment


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


async def grove(
    *arguments: str, folder: Path | None = None, environ: Mapping[str, str] | None = None, fresh: bool = False
) -> Ended:
    """Run `grove <arguments>` to its end; `fresh`: in an interpreter of its own, not forked."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = begin(
            ["-m", "gateway", *arguments],
            folder=folder or Path.cwd(),
            env=environment({"COLUMNS": "200", **(environ or {})}),
            out=out,
            err=err,
            fresh=fresh,
        )
        while (code := child.poll()) is None:
            await asyncio.sleep(END_POLL_S)
        out.seek(0)
        err.seek(0)
        return Ended(code, out.read().decode(), err.read().decode())


@dataclass(frozen=True, slots=True)
class Reply:
    """What a stand-in gateway answers to one path below /api/v1."""

    body: Any
    status: int = 200


@asynccontextmanager
async def serving(replies: Mapping[str, Any]) -> AsyncIterator[str]:
    """The URL of a stand-in gateway: bodies (or `Reply`) by path below /api/v1; text is sent as it is."""

    async def answer(request: web.Request) -> web.Response:
        found = replies.get(request.rel_url.raw_path.removeprefix("/api/v1"))
        reply = found if isinstance(found, Reply) else Reply(found)
        if found is None:
            reply = Reply({"error_code": "entity-not-found", "message": "Entity not found"}, 404)
        if isinstance(reply.body, str):
            return web.Response(text=reply.body, status=reply.status)
        return web.json_response(reply.body, status=reply.status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")
