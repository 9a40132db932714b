"""A peer made of raw bytes: a TCP server whose every connection runs a script, and a client to it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from discovery.endpoint import AddressRule, PeerEndpoint
from peers.budget import ByteBudget
from peers.client import PeerAnswer, PeerClient
from peers.credential import Credential
from peers.descriptors import UNCOUNTED, Descriptors
from peers.resolver import Resolver
from peers.settings import MIB, TransportSettings
from peers.tls import PeerTls

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
PATIENCE_S = 5.0
"""Deadline of what is expected to succeed: never waited for in full."""

BRIEF_S = 0.15
"""Deadline of what is expected to fail: waited for in full."""


class Wire:
    """The server's end of one connection, for its script."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: "WireServer") -> None:
        self._reader = reader
        self._writer = writer
        self._server = server

    async def request(self) -> bytes:
        """The next request whole: head, and body if it has a length. Raises IncompleteReadError at the end."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        whole = head + await self._reader.readexactly(length)
        self._server.requests.append(whole)
        return whole

    async def head(self) -> bytes:
        """The next request's head only."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        self._server.requests.append(head)
        return head

    async def read(self, count: int = 65536) -> bytes:
        """Some bytes of a request's body; empty at the end of the stream."""
        return await self._reader.read(count)

    async def readline(self) -> bytes:
        """One line of a request's body. Raises IncompleteReadError at the end."""
        return await self._reader.readuntil(b"\n")

    async def readexactly(self, count: int) -> bytes:
        """So many bytes of a request's body."""
        return await self._reader.readexactly(count)

    async def send(self, data: bytes) -> None:
        """Send, and wait until the socket takes it."""
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data: bytes, pause_s: float = 0.02) -> None:
        """Send a byte at a time."""
        for index in range(len(data)):
            await self.send(data[index : index + 1])
            await asyncio.sleep(pause_s)

    async def gone(self) -> None:
        """Wait until the client has closed."""
        try:
            while await self._reader.read(65536):
                pass
        except ConnectionError:
            return

    def reset(self) -> None:
        """Close with a RST."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def close(self) -> None:
        """Close with a FIN."""
        self._writer.close()


Script = Callable[[Wire], Awaitable[None]]


class WireServer:
    """What the scripts have seen."""

    def __init__(self) -> None:
        self.port = 0
        self.accepted = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def https_url(self) -> str:
        """The same, for TLS."""
        return f"https://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(
    script: Script, host: str = "127.0.0.1", ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[WireServer]:
    """Run the script for every connection; when it returns, the connection is closed."""
    server = WireServer()
    failures: list[BaseException] = []
    running: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running[task] = writer
        server.accepted += 1
        try:
            await script(Wire(reader, writer, server))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        except Exception as error:
            failures.append(error)
        finally:
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()  # a reset that nobody reads is complained of
            del running[task]

    listener = await asyncio.start_server(accept, host, 0, ssl=ssl_context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for _ in range(5):  # scripts hear of resets first: a drain that is cancelled then leaves its own unread
            await asyncio.sleep(0)
        for task, writer in running.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert failures == []


def answering(*answers: bytes) -> Script:
    """Answers the requests of each connection with these bytes in turn, then waits for the client to close."""

    async def script(wire: Wire) -> None:
        for answer in answers:
            await wire.request()
            await wire.send(answer)
        await wire.gone()

    return script


async def serving_ok(wire: Wire) -> None:
    """Answers every request with OK."""
    while True:
        await wire.request()
        await wire.send(OK)


@asynccontextmanager
async def client_to(
    url: str,
    *,
    budget: ByteBudget | None = None,
    resolver: Resolver | None = None,
    rule: AddressRule = AddressRule.ANY,
    ssl_context: ssl.SSLContext | None = None,
    tls: PeerTls | None = None,
    credential: Credential | None = None,
    passes_authorization: bool = False,
    descriptors: Descriptors | None = None,
    **limits: int,
) -> AsyncIterator[PeerClient]:
    """A client whose state must be clean in the end: no slot taken, no byte held, no connection open or counted."""
    budget = budget or ByteBudget(256 * MIB)
    descriptors = descriptors or Descriptors(UNCOUNTED)
    client = PeerClient(
        PeerEndpoint("peer_b", url, address_rule=rule),
        TransportSettings(**limits),
        resolver=resolver or Resolver(),
        tls=tls if ssl_context is None else PeerTls(make=lambda _: ssl_context),
        budget=budget,
        credential=credential,
        passes_authorization=passes_authorization,
        descriptors=descriptors,
    )
    try:
        yield client
    finally:
        await client.aclose()
    figures = client.figures
    assert (figures.requests, figures.streams, figures.idle, figures.queued) == (0, 0, 0, 0)
    assert descriptors.open == 0
    assert budget.held == 0


async def whole(answer: PeerAnswer) -> bytes:
    """A streamed body to its end. Raises PeerStreamError."""
    return b"".join([piece async for piece in answer.chunks()])


def within(seconds: float = PATIENCE_S) -> float:
    """A deadline so many seconds from now."""
    return asyncio.get_running_loop().time() + seconds


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fails after PATIENCE_S."""
    deadline = within()
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition never came true"
        await asyncio.sleep(0.005)
