"""A server that accepts connections and says nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing


@asynccontextmanager
async def mute_server() -> AsyncIterator[str]:
    """Accepts, and never says a word."""
    ended = asyncio.Event()

    async def stay_silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await ended.wait()

    async with await asyncio.start_server(stay_silent, "127.0.0.1", 0) as server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            ended.set()
