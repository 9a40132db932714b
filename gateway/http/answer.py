"""Answers that are whole before they are sent, how a document becomes one, and whether a client has it already."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final

from aiohttp import HttpVersion10, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from entities.jsontext import render_json
from gateway.http.request import ApiRequest

RENDERED_AT_ONCE: Final = 128 * 1024
"""Bytes of a list that are rendered before the loop may do something else."""

_BODILESS: Final = frozenset({204, 304})
_JOINED_BYTES: Final = 512 * 1024  # up to here one copy of the body is cheaper than a second system call


class WholeAnswer(web.StreamResponse):
    """An answer whose body is known: head and body leave together.

    aiohttp's own Response completes and serialises its head in a dozen steps, which take longer than all we do to
    forward a request. Header values go out in latin-1, as they came from a peer.
    """

    def __init__(self, status: int = 200, headers: Iterable[tuple[str, str]] = (), body: bytes | None = b"") -> None:
        """`body`: None for an answer to HEAD of which nobody knows how long its body would be."""
        super().__init__(status=status, headers=[*headers])
        self.body = body
        self._keeps_connection = False

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open; known once it was prepared."""
        return self._keeps_connection

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Sends all of it. Raises ConnectionError when the client is gone."""
        if isinstance(request, ApiRequest):
            request.mark(request, self)
        self._keeps_connection = request.keep_alive and super().keep_alive is not False
        await request.writer.drain()  # answers to requests before this one on the connection, if nobody takes them
        head, body = self._head(request), b"" if request.method == hdrs.METH_HEAD else self.body or b""
        if len(body) <= _JOINED_BYTES:
            await request.writer.write(head + body)
        else:
            await request.writer.write(head)
            for at in range(0, len(body), _JOINED_BYTES):  # at once, the loop would copy all of it
                await request.writer.write(memoryview(body)[at : at + _JOINED_BYTES])
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""

    def _head(self, request: web.BaseRequest) -> bytes:
        if self.status not in _BODILESS and self.body is not None:
            self.headers.setdefault(hdrs.CONTENT_LENGTH, str(len(self.body)))
        if not self._keeps_connection:
            self.headers[hdrs.CONNECTION] = "close"
        elif request.version == HttpVersion10:
            self.headers[hdrs.CONNECTION] = "keep-alive"
        lines = [f"{name}: {value}\r\n" for name, value in self.headers.items()]
        text = "".join(lines)
        if text.count("\n") != len(lines) or text.count("\r") != len(lines):
            raise ValueError("a line break in a header of an answer")
        date = _http_date(int(time.time()))
        return f"HTTP/1.1 {self.status} {self.reason}\r\n{text}Date: {date}\r\n\r\n".encode("latin-1")


@lru_cache(maxsize=1)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def json_answer(document: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> WholeAnswer:
    """`document` as `application/json`; bytes are taken as rendered already."""
    body = document if isinstance(document, bytes) else render_json(document)
    return WholeAnswer(status, (("Content-Type", "application/json"), *headers), body)


async def list_answer(document: Mapping[str, Any], headers: Sequence[tuple[str, str]] = ()) -> WholeAnswer:
    """`document` as `application/json`; its `items` may be many and large, and do not hold up the loop."""
    pieces = [b'{"items":[']
    size = 0
    for item in document["items"]:
        if len(pieces) > 1:
            pieces.append(b",")
        pieces.append(render_json(item))
        size += len(pieces[-1])
        if size > RENDERED_AT_ONCE:
            size = 0
            await asyncio.sleep(0)
    rest = render_json({name: value for name, value in document.items() if name != "items"})
    pieces.append(b"]}" if rest == b"{}" else b"]," + rest[1:])
    return json_answer(b"".join(pieces), headers=headers)


def has_current(request: ApiRequest, etag: str) -> bool:
    """Whether `If-None-Match` names the document (weak comparison, RFC 9110 section 13.1.2)."""
    if request.headers.get(hdrs.IF_NONE_MATCH, "").strip() == "*":
        return True
    return any(tag.value == etag.strip('"') for tag in request.if_none_match or ())
