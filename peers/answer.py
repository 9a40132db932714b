"""A peer's answer: its head, and its body as far as it has come."""

import warnings
from collections.abc import AsyncIterator

import msgspec

from peers.body import AnswerBody, too_large
from peers.errors import PeerError
from peers.framing import Head


class PeerAnswer:
    """An answer whose head has arrived; one reader takes the body, by `chunks` or by `read`, or closes it.

    `headers`: names in lower case, values as latin-1 text, in the order sent, hop-by-hop ones included.
    `body_ready`: the whole body, when it came together with the head.
    """

    __slots__ = ("_body", "_head", "body_ready", "content_length", "headers", "status")

    def __init__(self, head: Head, body_ready: bytes | None, body: AnswerBody | None) -> None:
        self.status = head.status
        self.headers = head.headers
        self.content_length = head.content_length
        self.body_ready = body_ready
        self._head = head
        self._body = body

    def __repr__(self) -> str:
        return f"<PeerAnswer {self.status}, body {self._body_state()}>"

    def __del__(self) -> None:
        if self._body is not None and not self._body.over:
            warnings.warn(f"{self!r} was dropped without aclose()", ResourceWarning, stacklevel=1, source=self)
            self._body.close()

    @property
    def unframed(self) -> bool:
        """The body ends with the connection; only `fetch` accepts that."""
        return self._head.unframed

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case; of several, the last."""
        return self._head.fields.get(name)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. The socket is not read while the consumer is slow.

        Raises PeerStreamError when the body breaks or rests longer than the idle time of the stream.
        """
        if self._body is None:
            if self.body_ready:
                yield self.body_ready
            return
        while piece := await self._body.next():
            yield piece

    async def read(self, cap: int) -> bytes | PeerError:
        """The whole body, if it has at most `cap` bytes and is here before the request's deadline."""
        if self._body is None:
            ready = self.body_ready or b""
            return ready if len(ready) <= cap else too_large(cap)
        if self.content_length is not None and self.content_length > cap:
            self._body.close()
            return too_large(cap)
        return await self._body.collect(cap)

    async def hold(self, most: int) -> PeerError | None:
        """Waits for a body of known length of at most `most` bytes, which is `body_ready` then; leaves others alone."""
        if self._body is None or self.content_length is None or self.content_length > most:
            return None
        body = await self._body.collect(most)
        if isinstance(body, PeerError):
            return body
        self._body, self.body_ready = None, body
        return None

    async def aclose(self) -> None:
        """Want no more of it: the connection goes back if the body was complete, and is closed if not."""
        self.close()

    def close(self) -> None:
        """As `aclose`, for those who cannot wait."""
        if self._body is not None:
            self._body.close()

    def _body_state(self) -> str:
        if self._body is None:
            return "ready"
        return "over" if self._body.over else "flowing"


class FetchedAnswer(msgspec.Struct, frozen=True):
    """A whole answer. `unframed`: its body ended with the connection, so only its content can say that it is whole."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    elapsed_ms: int
    unframed: bool = False

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case; of several, the last."""
        return dict(self.headers).get(name)
