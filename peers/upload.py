"""Sending the body of a request piece by piece, no faster than the peer takes it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from peers.errors import StalledBodyError


class BodySink(Protocol):
    """Where the pieces go."""

    def write(self, data: bytes) -> None:
        """Send these bytes, now or when the socket takes them."""

    async def writable(self) -> None:
        """Wait until the peer has taken most of what was written."""


async def upload(sink: BodySink, body: AsyncIterator[bytes], content_length: int | None, *, idle_s: float) -> None:
    """Send the whole body, chunked when its length is not known.

    Raises what the body raises, StalledBodyError when it brings nothing for `idle_s` seconds, and ValueError when it
    has not the length that was announced.
    """
    sent = 0
    while (piece := await _next(body, idle_s)) is not None:
        sent += len(piece)
        if content_length is not None and sent > content_length:
            raise ValueError(f"the request body is longer than its content_length of {content_length} bytes")
        if content_length is not None:
            sink.write(piece)
        elif piece:  # an empty chunk would be the last
            sink.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await sink.writable()
    if content_length is None:
        sink.write(b"0\r\n\r\n")
    elif sent < content_length:
        raise ValueError(f"the request body has {sent} bytes, its content_length is {content_length}")


async def _next(body: AsyncIterator[bytes], idle_s: float) -> bytes | None:
    """The next piece; None at the end."""
    limit = asyncio.timeout(idle_s)
    try:
        async with limit:
            return await anext(body, None)
    except TimeoutError:
        if not limit.expired():  # one that the body raised
            raise
        raise StalledBodyError(round(idle_s * 1000)) from None
