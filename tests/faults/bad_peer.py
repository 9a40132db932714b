"""A peer that is a good one until a test says otherwise: on its socket, or in what it answers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.federation.garbage import GarbagePeer, Script, Wire, as_json, http
from tests.federation.link import reset_connection
from tests.federation.ports import free_port

RESET_PAUSE_S = 0.05
"""Between the last byte and the RST, so that they are two events for the gateway; it must not matter."""


class BadPeer(GarbagePeer):
    """Owns the Component `<name>_unit`, the App `<name>_app` and a part of the Function `<name>_line`.

    It keeps a connection as long as its answers are bytes; behind a script the connection is closed.
    """

    def __init__(self, name: str, **spec: Any) -> None:
        entities = {
            "components": [{"id": f"{name}_unit"}],
            "apps": [{"id": f"{name}_app", "component_id": f"{name}_unit", "data": ["x"]}],
            "functions": [{"id": f"{name}_line", "hosts": [f"{name}_app"]}],
        }
        super().__init__({"name": name, **entities, **spec}, {})
        self.name = name
        self.app = f"{name}_app"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.item = f"/api/v1/apps/{self.app}/data/x"
        """Where a forwarded request for its App arrives."""
        self.line = f"/api/v1/functions/{name}_line/data"
        """Where a fan-out arrives."""
        self.accepted = 0
        self.heads: list[str] = []
        """The requests' heads, as they came."""
        self.tls: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._talking: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        # Mutable state beside the answers: the listener, and the connections by the task that serves each.
        self.behave()

    def behave(self) -> None:
        """Answers as a good peer, whatever it answered before."""
        self.answers = {self.item: as_json({"id": "x", "data": self.name}), self.line: self.part(self.own_item())}

    def misbehave(self, script: Script) -> None:
        """Answers with this to a forwarded request and to a fan-out."""
        self.answers |= {self.item: script, self.line: script}

    def part(self, *items: Any) -> bytes:
        """A good answer to a fan-out, with these items."""
        origins = {"answered": [self.tree.instance_id], "missing": []}
        return as_json({"items": items, "x-medkit": {"origins": origins}})

    def own_item(self, **changes: Any) -> dict[str, Any]:
        """An item of its App in a fan-out."""
        medkit = {"origin": self.tree.instance_id, "member": f"apps/{self.app}"}
        return {"id": f"{self.name}_x", "name": "x", "category": "currentData", "x-medkit": medkit, **changes}

    def times_asked(self, path: str, method: str = "GET") -> int:
        """How often this was asked for, whatever the query."""
        return sum(line.split(" ")[:2] == [method, path] for line in map(_without_query, self.asked))

    async def start(self) -> None:
        """Listens, on the same port every time."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=2**20, ssl=self.tls)

    async def stop(self) -> None:
        """Refuses, and resets the connections that are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        talking = dict(self._talking)
        for task, writer in talking.items():
            reset_connection(writer)
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talking[task] = writer
        self.accepted += 1
        try:
            await self.serve(reader, writer)
        finally:
            del self._talking[task]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests one after the other, until a script was played or the gateway leaves."""
        try:
            while await self._answered(reader, Wire(writer)):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the gateway has heard enough, or the test is over
        finally:
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, wire: Wire) -> bool:
        """One request; True if the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        await reader.readexactly(int(fields.get("content-length", 0)))
        line = head.partition("\r\n")[0]
        self.heads.append(head)
        self.asked.append(line)
        script = self._answer(_without_query(line).split(" ")[1])
        if isinstance(script, bytes):
            await wire.send(script)
            return True
        await script(wire)
        return False


def _without_query(line: str) -> str:
    method, target, _ = line.split(" ")
    return f"{method} {target.partition('?')[0]}"


@asynccontextmanager
async def running(*peers: BadPeer) -> AsyncIterator[None]:
    """While the block runs, they listen."""
    try:
        for peer in peers:
            await peer.start()
        yield
    finally:
        for peer in peers:
            await peer.stop()


def then_reset(data: bytes) -> Script:
    """These bytes, and when they are through, RST."""

    async def break_off(wire: Wire) -> None:
        await wire.send(data)
        await asyncio.sleep(RESET_PAUSE_S)
        wire.reset()

    return break_off


def then_close(data: bytes) -> Script:
    """These bytes, and the end of the stream."""

    async def end(wire: Wire) -> None:
        await wire.send(data)

    return end


def first(script: Script, then: bytes) -> Script:
    """Plays the script once; later requests are answered with `then`, each on a connection of its own."""
    scripts = [script]

    async def play(wire: Wire) -> None:
        now = scripts.pop() if scripts else then
        if isinstance(now, bytes):
            await wire.send(now)
        else:
            await now(wire)

    return play


GOOD = http(b'{"id": "x"}')
"""An answer that nothing is wrong with."""
