"""Peers that answer with anything: each answer is a script of raw bytes, the rest is as a good peer has it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.federation.link import reset_connection
from tests.federation.standin_tree import StandinTree

HEALTH, TREE = "/api/v1/health", "/api/v1/x-medkit-tree"


class Wire:
    """The peer's end of one connection, for a script to write to."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """Closes with RST."""
        reset_connection(self._writer)


Script = bytes | Callable[[Wire], Awaitable[None]]
"""What to answer: these bytes, or whatever it writes. The connection is closed behind it."""


def http(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A well-formed answer; `headers` by name, `_` for `-`."""
    fields = {"content-type": "application/json", "content-length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def as_json(value: Any, **headers: str) -> bytes:
    return http(json.dumps(value).encode(), **headers)


async def never(_: Wire) -> None:
    """Says nothing."""
    await asyncio.Event().wait()


def dripping(data: bytes, pause_s: float = 0.05) -> Script:
    """A byte at a time, for ever."""

    async def drip(wire: Wire) -> None:
        while True:
            for index in range(len(data)):
                await wire.send(data[index : index + 1])
                await asyncio.sleep(pause_s)

    return drip


def endless(head: bytes, piece: bytes, pause_s: float = 0.0) -> Script:
    """A beginning, and the same piece again and again."""

    async def go_on(wire: Wire) -> None:
        await wire.send(head)
        while True:
            await wire.send(piece)
            await asyncio.sleep(pause_s)

    return go_on


class GarbagePeer:
    """What one peer answers, by path without query (`*`: all others); a good peer's answers where nothing stands."""

    def __init__(self, spec: Mapping[str, Any], answers: Mapping[str, Script]) -> None:
        self.tree = StandinTree(spec)
        self.answers = dict(answers)
        self.asked: list[str] = []
        # Mutable state: the answers, and the request lines that came.

    def _answer(self, path: str) -> Script:
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/api/v1/health":
                return as_json(self.tree.health())
            case "/api/v1/x-medkit-tree":
                return http(self.tree.body, etag=self.tree.etag)
            case _:
                return self.answers.get("*", http(b"{}", "404 Not Found"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, and the connection is closed."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.partition(b"\r\n")[0].decode()
            self.asked.append(line)
            script = self._answer(line.split(" ")[1].partition("?")[0])
            if isinstance(script, bytes):
                await Wire(writer).send(script)
            else:
                await script(Wire(writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the gateway has heard enough, or the test is over
        finally:
            writer.close()


@asynccontextmanager
async def listening(peer: GarbagePeer) -> AsyncIterator[str]:
    """Serves the peer; its URL."""
    talking: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking.add(task)
        try:
            await peer.serve(reader, writer)
        finally:
            talking.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(talking):
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)


_NESTED = b"[" * 100_000 + b"]" * 100_000
_CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"

ANYTHING: Mapping[str, Script] = {
    "html": http(b"<html><body>Welcome to nginx!</body></html>", content_type="text/html"),
    "truncated json": http(b'{"format": 1, "status": "heal'),
    "not whole": http(b'{"format": 1, "status": "healthy"}')[:-1],
    "a list": as_json([1, 2]),
    "null": as_json(None),
    "a number of 5000 digits": http(b'{"x-medkit": {}, "format": ' + b"9" * 5000 + b"}"),
    "not a number": http(b'{"x-medkit": NaN, "format": NaN}'),
    "100000 nested arrays": http(b'{"x-medkit": ' + _NESTED + b', "format": ' + _NESTED + b"}"),
    "invalid utf-8": http(b'{"x-medkit": "\xff\xfe", "format": 1, "records": "\xff"}'),
    "lone surrogate": http(b'{"x-medkit": "\\ud800", "format": 1, "records": "\\ud800"}'),
    "byte order mark": http(b'\xef\xbb\xbf{"format": 1, "x-medkit": {}}'),
    "utf-16": http('{"format": 1, "x-medkit": {}}'.encode("utf-16")),
    "empty": http(b""),
    "500": http(b"{}", "500 Internal Server Error"),
    "401": http(b"{}", "401 Unauthorized"),
    "redirect": http(b"", "302 Found", location="http://169.254.169.254/latest/meta-data/"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "gzip": http(b"\x1f\x8b\x08\x00 nothing", content_encoding="gzip"),
    "two framings": http(b"{}", transfer_encoding="chunked"),
    "status 999": http(b"{}", "999 Odd"),
    "status 000": http(b"{}", "000 Nothing"),
    "other protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n",
    "noise": bytes(range(256)) * 64,
    "nothing": b"",
    "never": never,
    "drip": dripping(b"HTTP/1.1 200 OK\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
    "interim answers": endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "endless header": endless(b"HTTP/1.1 200 OK\r\n", b"x-header: " + b"y" * 1000 + b"\r\n"),
    "endless body": endless(_CHUNKED, b"10000\r\n" + b" " * 65_536 + b"\r\n", pause_s=0.02),
    "10 gigabytes announced": http(b"{", content_length=str(10**10)),
}
"""No answer to any request of a gateway."""
