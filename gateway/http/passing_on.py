"""The body of an owner's answer on its way to the client, piece by piece."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from aiohttp import HttpVersion11, web

from gateway.http.call import Call
from gateway.http.stream_slots import BYE, Ending
from peers.answer import PeerAnswer
from peers.client import PeerStreamError


async def pass_on(
    call: Call, answer: PeerAnswer, headers: list[tuple[str, str]], *, idle_s: float, ending: Ending | None = None
) -> web.StreamResponse:
    """Passes the body on as it comes; a break on either side breaks the other, never a clean end.

    A client that does not take a piece within `idle_s` seconds has broken off: until then the peer's slot is its own.
    Events have an `ending`: a stream of them that is between two events then ends with one more.
    """
    response = web.StreamResponse(status=answer.status, headers=headers)
    if answer.content_length is not None:
        response.content_length = answer.content_length
    elif call.request.version >= HttpVersion11:
        response.enable_chunked_encoding()
    else:
        response.force_close()  # HTTP/1.0 has no chunks: the end of the connection is the end of the body
    await response.prepare(call.request)
    written = _Written()
    try:
        async with nullcontext() if ending is None else ending.within():
            async for chunk in answer.chunks():
                with written.one_more(chunk):
                    async with asyncio.timeout(idle_s):
                        await response.write(chunk)
        async with asyncio.timeout(idle_s):
            await response.write_eof()
    except (PeerStreamError, TimeoutError) as error:
        response.force_close()
        if ending is not None and isinstance(error, TimeoutError) and written.is_between_events:
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(idle_s):
                    await response.write(BYE)
                    await response.write_eof()
                return response
        if call.request.transport is not None:
            call.request.transport.abort()
    return response


class _Written:
    """What went out of a stream of events."""

    def __init__(self) -> None:
        # Mutable: its last bytes; empty while some are on their way.
        self._end: bytes | None = b"\n\n"

    @contextmanager
    def one_more(self, piece: bytes) -> Iterator[None]:
        """While these bytes are written."""
        before, self._end = self._end, None
        yield
        self._end = ((before or b"") + piece)[-4:]

    @property
    def is_between_events(self) -> bool:
        """Whether another event may follow."""
        return self._end is not None and self._end.replace(b"\r", b"").endswith(b"\n\n")
