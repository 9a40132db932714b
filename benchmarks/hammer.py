"""A load generator of our own: without wrk, and where requests must come at a fixed rate whatever the gateway does.

    python -m benchmarks.hammer URL CONNECTIONS SECONDS [RATE]

asks for URL again and again and prints `{rate, p50_ms, p99_ms, errors}` as JSON. Without RATE every connection sends
its next request when the answer is there. With RATE, in requests a second, they come evenly spaced, and a request that
finds no free connection waits: its time counts from when it was due, so that a stalled gateway cannot hide its stall.
"""

import asyncio
import json
import sys
import time
from collections import deque
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

LAST_ANSWERS_S: Final = 5.0
"""How long answers that are under way at the end are waited for."""
_TICK_S: Final = 0.001


class Hammer:
    """What was asked, and what it took."""

    def __init__(self, url: str, rate: float | None) -> None:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self.address = (parts.hostname or "", parts.port or 80)
        self.request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self._rate = rate
        # Mutable state: whether it still asks, the connections, which are free, what waits for them, and the results.
        self.running = True
        self._open: set[HammerConnection] = set()
        self.free: deque[HammerConnection] = deque()
        self._waiting: deque[float] = deque()
        self._seconds: list[float] = []
        self.errors = 0

    async def run(self, connections: int, seconds: float) -> dict[str, Any]:
        """The figures."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            await loop.create_connection(lambda: HammerConnection(self), *self.address)
        began = time.perf_counter()
        if self._rate is None:
            while self.free:
                self.free.popleft().send(time.perf_counter())
            await asyncio.sleep(seconds)
        else:
            await self._ask_evenly(self._rate, seconds)
        self.running = False
        answered, elapsed = len(self._seconds), time.perf_counter() - began
        await self._last_answers()
        self._seconds.sort()
        figures = {
            "rate": answered / elapsed,
            "p50_ms": self._percentile(0.50),
            "p99_ms": self._percentile(0.99),
            "errors": self.errors + len(self._open) - len(self.free),
        }
        for connection in self._open:
            connection.close()
        return figures

    def opened(self, connection: "HammerConnection") -> None:
        """One more connection, and it is free."""
        self._open.add(connection)
        self.free.append(connection)

    def ended(self, connection: "HammerConnection", due: float, *, good: bool) -> None:
        """An answer is there; the connection takes what waits next."""
        self._seconds.append(time.perf_counter() - due)
        self.errors += not good
        if self._waiting:
            connection.send(self._waiting.popleft())
        elif self._rate is None and self.running:
            connection.send(time.perf_counter())
        else:
            self.free.append(connection)

    def lost(self, connection: "HammerConnection") -> None:
        """The gateway dropped the connection, with or without a request on it: an error, and nothing more is sent."""
        self._open.discard(connection)
        self.errors += 1
        if connection in self.free:
            self.free.remove(connection)

    async def _ask_evenly(self, rate: float, seconds: float) -> None:
        began, asked = time.perf_counter(), 0
        while (now := time.perf_counter()) - began < seconds:
            for _ in range(int((now - began) * rate) - asked):
                asked += 1
                if self.free:
                    self.free.popleft().send(now)
                else:
                    self._waiting.append(now)
            await asyncio.sleep(_TICK_S)

    async def _last_answers(self) -> None:
        deadline = time.perf_counter() + LAST_ANSWERS_S
        while len(self.free) < len(self._open) and time.perf_counter() < deadline:
            await asyncio.sleep(_TICK_S)

    def _percentile(self, share: float) -> float:
        return self._seconds[int(len(self._seconds) * share)] * 1000 if self._seconds else float("inf")


class HammerConnection(asyncio.Protocol):
    """One request at a time; answers have a Content-Length."""

    def __init__(self, hammer: Hammer) -> None:
        self._hammer = hammer
        # Mutable state: the transport, since when the answer is due, what is read of it and still missing.
        self._transport: Any = None
        self._due = 0.0
        self._head = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._hammer.opened(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._hammer.lost(self)

    def send(self, due: float) -> None:
        """The next request."""
        self._due, self._head, self._left = due, b"", 0
        self._transport.write(self._hammer.request)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            self._left = end + 4 + _content_length(self._head[:end]) - len(self._head)
        if self._left <= 0:
            self._hammer.ended(self, self._due, good=self._head.startswith(b"HTTP/1.1 200"))


def _content_length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"\r\ncontent-length:")
    return int(after.split(b"\r\n", 1)[0]) if after else 0


async def main(url: str, connections: str, seconds: str, rate: str | None = None) -> None:
    hammer = Hammer(url, float(rate) if rate else None)
    sys.stdout.write(json.dumps(await hammer.run(int(connections), float(seconds))) + "\n")


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
