"""What one would write in an afternoon with aiohttp alone, on uvloop: a proxy and a fan-out.

    python -m benchmarks.bare URL...

prints its port. `/fan-out/<path>` asks every URL for `/<path>` at once and joins their items; any other path is passed
on to the first URL. No names, no health, no deadline, nothing named that is missing: the least such a gateway can do.
"""

import asyncio
import gc
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
import uvloop
from aiohttp import web

FAN_OUT: Final = "/fan-out"
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"})
_OF_ITS_OWN: Final = _HOP_BY_HOP | {"host", "content-length", "date", "server"}


class BareGateway:
    """Both handlers over one client session."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str]) -> None:
        self._session = session
        self._urls = urls

    async def proxy(self, request: web.Request) -> web.Response:
        """The first URL's answer."""
        headers = _passed_on(request.headers)
        async with self._session.request(request.method, self._urls[0] + request.path_qs, headers=headers) as answer:
            return web.Response(status=answer.status, headers=_passed_on(answer.headers), body=await answer.read())

    async def fan_out(self, request: web.Request) -> web.Response:
        """The items of all, joined."""
        path = request.path_qs.removeprefix(FAN_OUT)
        parts = await asyncio.gather(*(self._items(url + path) for url in self._urls))
        return web.json_response({"items": [item for part in parts for item in part]})

    async def _items(self, url: str) -> list[Any]:
        async with self._session.get(url) as answer:
            document = await answer.json()
            items: list[Any] = document["items"]
            return items


def _passed_on(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() not in _OF_ITS_OWN]


async def serve(urls: Sequence[str]) -> None:
    """Until it is killed."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        gateway = BareGateway(session, urls)
        app = web.Application()
        app.router.add_get(FAN_OUT + "/{tail:.*}", gateway.fan_out)
        app.router.add_route("*", "/{tail:.*}", gateway.proxy)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        gc.freeze()
        sys.stdout.write(f"{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1:]))
