"""Servers that say nothing: one that accepts connections, and one that does not even do that."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager


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


@contextmanager
def unaccepting_server() -> Iterator[str]:
    """A port whose queue of connections is full: a further one is never completed."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
