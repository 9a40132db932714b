"""Requests as bytes, as no HTTP library would send them."""

import asyncio
import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any

ANSWER_TIMEOUT_S = 60.0
"""For an answer that must come."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The first answer on the connection; `extra` are bytes behind it that belong to no answer asked for."""

    status: int
    headers: dict[str, str]
    body: bytes
    extra: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    target: str | bytes = "/api/v1/health", *headers: str | bytes, method: str = "GET", body: bytes = b""
) -> bytes:
    """A request that is proper but for its parts; text goes out as latin-1."""
    lines = [b"%b %b HTTP/1.1" % (method.encode(), _bytes(target)), b"Host: localhost", b"Connection: close"]
    lines += [_bytes(header) for header in headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


async def exchange(port: int, raw: bytes, timeout: float = ANSWER_TIMEOUT_S) -> RawAnswer | None:
    """Sends the bytes and reads what comes until the far side closes; None if nothing comes.

    Raises TimeoutError when the far side does not close within `timeout` seconds.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        received = b""
        try:
            writer.write(raw)
            async with asyncio.timeout(timeout):
                await writer.drain()
                while piece := await reader.read(65_536):
                    received += piece
        except ConnectionError:
            pass  # refused before all of it was read; what came before counts
    return parse(received) if received else None


def parse(received: bytes) -> RawAnswer:
    head, _, rest = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", len(rest)))
    return RawAnswer(int(status.split(" ")[1]), headers, rest[:length], rest[length:])
