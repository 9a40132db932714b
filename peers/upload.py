"""Sending the body of a request piece by piece, no faster than the peer takes it."""

from collections.abc import AsyncIterator
from typing import Protocol


class BodySink(Protocol):
    """Where the pieces go."""

    def write(self, data: bytes) -> None:
        """Send these bytes, now or when the socket takes them."""

    async def writable(self) -> None:
        """Wait until the peer has taken most of what was written."""


async def upload(sink: BodySink, body: AsyncIterator[bytes], content_length: int | None) -> None:
    """Send the whole body, chunked when its length is not known.

    Raises what the body raises, and ValueError when the body has not the length that was announced.
    """
    sent = 0
    async for piece in body:
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
