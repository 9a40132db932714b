"""A network link that tests can break: a TCP proxy in the test's own event loop."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.federation.ports import free_port

CHUNK_BYTES = 65_536
LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST instead of FIN."""


@dataclass(slots=True)
class Counters:
    """What has passed since the link was opened; `up` is towards the target."""

    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class Link:
    """Listens on a port of its own (`url`) and passes everything on to `target_url`.

    A target that refuses is seen through the link as a connection that is accepted and then reset.
    """

    def __init__(self, target_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.counters = Counters()
        self.on_way_up: Callable[[bytes], None] = lambda _: None
        """Called with every piece of bytes before it goes on to the target."""
        host, _, port = target_url.removeprefix("http://").rpartition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._delay_s = 0.0
        self._passing: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        # Mutable state: the listener, what was done to the link, and the ends of each connection by its task.

    def __repr__(self) -> str:
        state = "cut" if self._server is None else "up" if self._flowing.is_set() else "frozen"
        return f"<Link {self.port} to {self._target[1]}: {state}, {len(self._passing)} connections>"

    async def heal(self) -> None:
        """Undoes `cut`, `freeze` and `delay`; also opens the link the first time."""
        self._delay_s = 0.0
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Refuses new connections and resets those that are there, as when the far machine reboots."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.reset()

    def freeze(self) -> None:
        """Nothing passes any more, but no connection ends: a cable pulled, one-way loss."""
        self._flowing.clear()

    def delay(self, seconds: float) -> None:
        """Every chunk of bytes waits this long, in each direction."""
        self._delay_s = seconds

    async def reset(self) -> None:
        """Resets (RST) the connections that are there; new ones pass."""
        tasks = list(self._passing)
        for task in tasks:
            for writer in self._passing[task]:
                reset_connection(writer)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Leaves nothing open, connections that were being accepted included."""
        await self.cut()
        for _ in range(4):  # turns of the loop: accept, start the handler, abort, lose the connection
            await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # it was accepted just before the link was cut
            reset_connection(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        self._passing[task] = [writer]
        self.counters.connections += 1
        try:
            await self._pass_both_ways(reader, writer, self._passing[task])
        except OSError:
            reset_connection(writer)
        except asyncio.CancelledError:
            pass  # by `reset`, which waits for us; the stream's own callback would log a cancelled task
        finally:
            del self._passing[task]

    async def _pass_both_ways(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: list[asyncio.StreamWriter]
    ) -> None:
        """Until both sides have sent their end, or one breaks."""
        await self._flowing.wait()
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        ends.append(far_writer)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, far_writer, "bytes_up"))
                both.create_task(self._pass(far_reader, writer, "bytes_down"))
        except* OSError:
            for end in ends:
                reset_connection(end)
        finally:
            for end in ends:
                end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counter: str) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await asyncio.sleep(self._delay_s)
            await self._flowing.wait()
            if counter == "bytes_up":
                self.on_way_up(chunk)
            writer.write(chunk)
            await writer.drain()
            setattr(self.counters, counter, getattr(self.counters, counter) + len(chunk))
        await self._flowing.wait()
        with contextlib.suppress(OSError):  # the far side may be gone already
            writer.write_eof()


def reset_connection(writer: asyncio.StreamWriter) -> None:
    """Closes with RST, whatever is still buffered."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    writer.transport.abort()
