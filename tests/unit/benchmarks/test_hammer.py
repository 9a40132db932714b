"""The load generator tells of connections that are dropped, at once and truly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.hammer import Hammer

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CONNECTIONS = 4


@asynccontextmanager
async def server(answers: int) -> AsyncIterator[str]:
    """Answers so many requests on each connection, and drops it then."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _ in range(answers):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the hammer has seen enough
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/x"


@pytest.mark.parametrize("rate", [None, 200.0], ids=["as fast as it goes", "evenly"])
async def test_connections_that_are_dropped_are_errors_and_nothing_more_is_sent_on_them(rate: float | None) -> None:
    async with server(answers=3) as url:
        figures = await Hammer(url, rate).run(CONNECTIONS, 1.5)
    assert figures["errors"] == CONNECTIONS


@pytest.mark.parametrize("rate", [None, 200.0], ids=["as fast as it goes", "evenly"])
async def test_connections_that_last_are_no_errors(rate: float | None) -> None:
    async with server(answers=1_000_000) as url:
        figures = await Hammer(url, rate).run(CONNECTIONS, 0.3)
    assert figures["errors"] == 0
    assert figures["rate"] > 0
