"""The client of a stand-in upstream gateway: cpp-httplib's bytes, a new connection for every request."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

USER_AGENT = "cpp-httplib/0.14.3"
MAX_BODY = 10 * 1024 * 1024

KEPT = ("content-type", "etag", "cache-control", "last-modified", "location", "x-medkit-local-only")
"""Headers of an answer that it passes on."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer; `status` 0 is none: no connection, no answer in time, or one that is no HTTP."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.loads(self.body)


async def fetch(
    url: str,
    path: str,
    timeout: float,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Fetched:
    """One request; `timeout` (seconds) is for connecting and for each read, as upstream's is."""
    parts = urlsplit(url)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", "Accept: */*"]
    lines += [f"User-Agent: {USER_AGENT}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if method in {"POST", "PUT"}:
        lines.append(f"Content-Length: {len(body)}")
    sent = "\r\n".join([*lines, "", ""]).encode() + (body if method in {"POST", "PUT"} else b"")
    writer = None
    try:
        opening = asyncio.open_connection(parts.hostname, parts.port, limit=MAX_BODY)
        reader, writer = await asyncio.wait_for(opening, timeout)
        writer.write(sent)
        return await _read(reader, timeout)
    except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
        return Fetched(0)
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader, timeout: float) -> Fetched:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), timeout)).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if status == 204:
        return Fetched(status, headers)
    if headers.get("transfer-encoding") == "chunked":
        return Fetched(status, headers, await _chunks(reader, timeout))
    length = int(headers["content-length"])
    return Fetched(status, headers, await asyncio.wait_for(reader.readexactly(length), timeout))


async def _chunks(reader: asyncio.StreamReader, timeout: float) -> bytes:
    body = b""
    while size := int(await asyncio.wait_for(reader.readline(), timeout), 16):
        body += await asyncio.wait_for(reader.readexactly(size + 2), timeout)
        body = body[:-2]
    return body
