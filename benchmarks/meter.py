"""A relay before a peer that counts what a gateway asks of it: requests, bytes and how long a burst of them takes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

QUIET_S: Final = 0.5
"""Without a byte for so long, a burst is over."""

_NOT_COUNTED: Final = (b"GET /api/v1/health ", b"GET /api/v1/x-medkit-events ")
"""What goes on all the time, refresh or not."""


@dataclass(slots=True)
class Burst:
    """What passed in one go; seconds of one clock, bytes of both ways with their heads."""

    requests: int = 0
    unmodified: int = 0
    bytes: int = 0
    began: float = 0.0
    ended: float = 0.0

    @property
    def ms(self) -> float:
        return (self.ended - self.began) * 1000


class Meter:
    """Relays to the peer at `url`; requests have no bodies and come one at a time on a connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.target = (parts.hostname or "", parts.port or 80)
        self.ends: set[MeterEnd] = set()
        self._burst = Burst()
        # Mutable state: the open ends, and what has passed since `burst` was called.

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Its URL."""
        server = await asyncio.get_running_loop().create_server(lambda: NearEnd(self), "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for end in tuple(self.ends):
                end.transport.abort()

    async def burst(self) -> Burst:
        """The next one, from its first request to the last byte before silence."""
        self._burst = Burst()
        while not self._burst.requests or time.perf_counter() - self._burst.ended < QUIET_S:
            await asyncio.sleep(QUIET_S / 10)
        return self._burst

    def count(self, data: bytes, *, asks: bool) -> None:
        """Something has passed; `asks`: towards the peer."""
        burst = self._burst
        burst.ended = time.perf_counter()
        burst.began = burst.began or burst.ended
        burst.bytes += len(data)
        burst.requests += asks
        burst.unmodified += not asks and data.startswith(b"HTTP/1.1 304")


class MeterEnd(asyncio.Protocol):
    """One of the two connections of a pair; what comes in here goes out there."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        # Mutable state: our transport, the other end, and whether what passes now counts.
        self.transport: Any = None
        self.other: MeterEnd | None = None
        self.counts = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.meter.ends.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.meter.ends.discard(self)
        if self.other is not None:
            self.other.transport.close()


class NearEnd(MeterEnd):
    """The gateway's."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(meter)
        self._early = b""
        # Mutable state beside that: what came before the peer's end was open.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opening = asyncio.create_task(self._open())

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
            return
        self.counts = not data.startswith(_NOT_COUNTED)
        if self.counts:
            self.meter.count(data, asks=True)
        self.other.transport.write(data)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, self.other = await loop.create_connection(lambda: FarEnd(self.meter, self), *self.meter.target)
        except OSError:
            self.transport.abort()
            return
        if self._early:
            self.data_received(self._early)


class FarEnd(MeterEnd):
    """The peer's."""

    def __init__(self, meter: Meter, near: NearEnd) -> None:
        super().__init__(meter)
        self.other = near

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        if self.other.counts:
            self.meter.count(data, asks=False)
        self.other.transport.write(data)
