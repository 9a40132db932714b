"""The cheapest honest peer: the Grove side of the protocol from ready bytes, so that whoever asks it is the bottleneck.

    python -m benchmarks.standin SPEC

serves one gateway per entry of the JSON list SPEC on a free port each, and prints the ports as one JSON line. An entry
is `{name, apps, items, functions}`: how many Apps `<name>_app0...` it has, each with how many data items `value0...`,
and the ids of Functions hosted by the first App. Beside the protocol: `POST /change` adds an App
`added<generation>`, and answers with its id; after `POST /die` that gateway is gone as if its process had been killed.
"""

import asyncio
import gc
import hashlib
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import uvloop

from entities.codec import TREE_FORMAT, render_document
from entities.history import History, diff
from entities.identity import instance_id_of
from entities.jsontext import render_json
from entities.model import App, Component, Function
from entities.records import Record, TreeDocument

API: Final = b"/api/v1"
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_PING: Final = b": ping\n\n"
_PING_S: Final = 5.0
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class StandinGateway:
    """One gateway: its tree, what it answers, and who listens to its events."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.name: str = spec["name"]
        self.instance_id, self.boot_id = instance_id_of(uuid.uuid4()), instance_id_of(uuid.uuid4())
        components = (Component(id=f"{self.name}_unit", name=self.name),)
        self._items = tuple(f"value{number}" for number in range(spec.get("items", 1)))
        apps = tuple(self._app(f"{self.name}_app{number}") for number in range(spec["apps"]))
        functions = tuple(Function(id=each, name=each, hosts=(apps[0].id,)) for each in spec.get("functions", ()))
        self._history = History()
        # Mutable state: its server, who is connected and who listens; the record, its generation, answers by path.
        self.server: asyncio.Server | None = None
        self.connected: set[asyncio.Transport] = set()
        self.listeners: set[asyncio.Transport] = set()
        self.generation = 0
        self._record = Record(
            self.instance_id, (1, 0), self.name, components=components, apps=apps, functions=functions
        )
        self._answers: dict[bytes, bytes] = {}
        self._value = _answer({"id": "value0", "name": "value0", "category": "currentData", "data": 1})
        self._part = _answer(self._own_part(apps[0].id))
        self._publish(apps)

    def add_app(self) -> str:
        """One more App; its id."""
        added = f"added{self.generation + 1}"
        self._publish((*self._record.apps, self._app(added)))
        return added

    def answer(self, head: bytes) -> bytes:
        """The answer to a request, given its head."""
        path = head[head.index(b" ") + 1 : head.index(b" ", 5)]
        if path.endswith(b"/data/value0"):
            return self._value
        if path.endswith(b"/data"):
            return self._part
        path, _, query = path.partition(b"?")
        if path == API + b"/x-medkit-tree":
            return self._tree(head, query)
        return self._answers.get(path, _NOT_FOUND)

    def event(self) -> bytes:
        """What those who listen are told now, as a chunk."""
        return _chunk(b"event: tree\ndata: %s\n\n" % render_json({"generation": self.generation}))

    def tell(self, chunk: bytes) -> None:
        """To all who listen."""
        for listener in self.listeners:
            listener.write(chunk)

    def die(self) -> None:
        """What the kernel does for a killed process: closes everything, says nothing."""
        if self.server is not None:
            self.server.close()
        for transport in tuple(self.connected):
            transport.abort()

    def _tree(self, head: bytes, query: bytes) -> bytes:
        if self._etag in head:
            return b"HTTP/1.1 304 Not Modified\r\nETag: %s\r\n\r\n" % self._etag
        boot, _, generation = query.removeprefix(b"since=").decode().partition(":")
        held = self._history.at(boot, int(generation)) if generation.isdigit() else None
        return self._full if held is None else _ready(render_document(diff(held, self._document)), self._etag)

    def _publish(self, apps: tuple[App, ...]) -> None:
        self.generation += 1
        record = self._record
        self._record = Record(
            record.id,
            (1, self.generation),
            record.name,
            components=record.components,
            apps=apps,
            functions=record.functions,
        )
        self._document = TreeDocument(TREE_FORMAT, self.instance_id, self.boot_id, self.generation, (self._record,))
        self._history.add(self._document)
        body = render_document(self._document)
        self._etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
        self._full = _ready(body, self._etag)
        self._answers[API + b"/health"] = _answer(self._health())

    def _health(self) -> dict[str, Any]:
        told = {"instance_id": self.instance_id, "boot_id": self.boot_id, "name": self.name}
        medkit = {**told, "generation": self.generation, "capabilities": ["tree", "events"]}
        return {"status": "healthy", "warning_schema_version": 2, "warnings": [], "x-medkit": medkit}

    def _app(self, app_id: str) -> App:
        home = f"{self.name}_unit"
        return App(id=app_id, name=app_id, description="A program", component_id=home, data=self._items)

    def _own_part(self, app: str) -> dict[str, Any]:
        medkit = {"origin": self.instance_id, "member": f"apps/{app}"}
        items = [{"id": one, "name": one, "category": "currentData", "x-medkit": medkit} for one in self._items]
        return {"items": items, "x-medkit": {"origins": {"answered": [self.instance_id], "missing": []}}}


class StandinConnection(asyncio.Protocol):
    """One connection; requests have no bodies."""

    def __init__(self, gateway: StandinGateway) -> None:
        self._gateway = gateway
        self._transport: Any = None
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._gateway.connected.add(self._transport)

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        *heads, self._unread = data.split(b"\r\n\r\n")
        for head in heads:
            if head.startswith(b"POST /change"):
                self._change()
            elif head.startswith(b"POST /die"):
                self._gateway.die()
            elif b"/x-medkit-events" in head:
                self._listen()
            else:
                self._transport.write(self._gateway.answer(head))

    def connection_lost(self, _: Exception | None) -> None:
        self._gateway.connected.discard(self._transport)
        self._gateway.listeners.discard(self._transport)

    def _listen(self) -> None:
        self._transport.write(_STREAM_HEAD + self._gateway.event())
        self._gateway.listeners.add(self._transport)

    def _change(self) -> None:
        added = self._gateway.add_app()
        self._gateway.tell(self._gateway.event())
        self._transport.write(_answer({"id": added}))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _answer(document: Mapping[str, Any]) -> bytes:
    return _ready(render_json(document))


def _ready(body: bytes, etag: bytes | None = None) -> bytes:
    tag = b"" if etag is None else b"ETag: %s\r\n" % etag
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n" % (tag, len(body))
    return head + body


async def serve(specs: Sequence[Mapping[str, Any]]) -> None:
    """Until it is killed."""
    loop = asyncio.get_running_loop()
    gateways = [StandinGateway(spec) for spec in specs]
    ports = []
    for gateway in gateways:
        server = await loop.create_server(partial(StandinConnection, gateway), "127.0.0.1", 0, backlog=1024)
        gateway.server = server
        ports.append(server.sockets[0].getsockname()[1])
    gc.freeze()
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    while True:
        await asyncio.sleep(_PING_S)
        for gateway in gateways:
            gateway.tell(_chunk(_PING))


if __name__ == "__main__":
    uvloop.run(serve(json.loads(sys.argv[1])))
