"""A listener that stops: whoever has begun is answered, whoever comes too late is refused."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop
from aiohttp import web

from gateway.http.acceptor import AT_ONCE
from gateway.http.api import Api
from gateway.http.listener import Listener
from gateway.http.path import Route
from gateway.http.request import ApiRequest
from gateway.http.stream_slots import BYE, StreamSlots
from tests.federation.eventually import eventually
from tests.unit.http.serving import World, listening

REQUEST = b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n"
FAR_S = 60.0


class Served:
    """A listener whose handlers answer when they are let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.begun = 0
        self.world = World(dispatch=self._answer)
        self.listener: Listener

    async def _answer(self, request: ApiRequest, _: Route) -> web.StreamResponse:
        self.begun += 1
        await self.let.wait()
        return web.Response(body=await request.read())

    def drain(self, seconds: float = FAR_S) -> asyncio.Task[None]:
        """Begins to."""
        return asyncio.create_task(self.listener.drain(asyncio.get_running_loop().time() + seconds))

    async def connect(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        writer.write(sent)
        return reader, writer

    async def is_closed(self) -> bool:
        """Whether nobody can connect any more."""
        try:
            _, writer = await self.connect()
        except OSError:
            return True
        writer.close()
        return False

    async def begins(self, number: int) -> None:
        await eventually(lambda: self.begun == number)


@asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    served = Served()
    served.listener = await listening(Api(served.world.services()))
    try:
        yield served
    finally:
        served.let.set()
        await served.listener.aclose()


async def test_what_was_begun_is_answered_and_the_drain_waits_for_it() -> None:
    async with serving() as served:
        reader, writer = await served.connect(REQUEST)
        await served.begins(1)
        served.listener.stop_accepting()
        draining = served.drain()
        await asyncio.sleep(0.1)
        assert not draining.done()
        served.let.set()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await draining
        writer.close()


async def test_connections_that_only_the_kernel_has_accepted_are_served_too() -> None:
    async with serving() as served:
        served.let.set()
        # All in one step, so that the loop has no time to accept them.
        clients = [socket.create_connection(("127.0.0.1", served.listener.port)) for _ in range(50)]
        served.listener.stop_accepting()
        assert len(served.listener.connections) == AT_ONCE  # the others come in turns: nobody is held up
        await eventually(lambda: len(served.listener.connections) == len(clients))
        await eventually(served.is_closed)
        for client in clients:
            client.setblocking(False)
            await asyncio.get_running_loop().sock_sendall(client, REQUEST)
        answers = [await asyncio.get_running_loop().sock_recv(client, 4096) for client in clients]
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
        for client in clients:
            client.close()


async def test_who_cannot_be_accepted_for_want_of_files_is_when_there_are_some_again() -> None:
    loop = asyncio.get_running_loop()
    async with serving() as served:
        served.let.set()
        client = socket.create_connection(("127.0.0.1", served.listener.port))
        client.setblocking(False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            served.listener.stop_accepting()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        draining = served.drain()
        await loop.sock_sendall(client, REQUEST)
        assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 200")
        await draining
        await eventually(served.is_closed)
        client.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_who_is_just_being_accepted_at_the_end_is_counted_no_more(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def ends_after(turns: int) -> None:
        listener = await listening(Api(World().services()))
        clients = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(20)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await listener.aclose()
        await eventually(lambda: len(listener.connections) == 0)
        for client in clients:
            client.close()

    async def run() -> None:
        for turns in range(8):
            await ends_after(turns)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())


@pytest.mark.parametrize("begun", [REQUEST[:10], REQUEST[:-2], b"PUT " + REQUEST[4:-2] + b"Content-Length: 4\r\n\r\nb"])
async def test_half_a_request_counts_as_begun(begun: bytes) -> None:
    rest = b"ody" if begun.startswith(b"PUT") else REQUEST[len(begun) :]
    async with serving() as served:
        served.let.set()
        reader, writer = await served.connect(begun)
        await eventually(lambda: len(served.listener.connections) == 1)
        await asyncio.sleep(0.1)  # so that the bytes are there
        served.listener.stop_accepting()
        draining = served.drain()
        await asyncio.sleep(0.1)
        assert not draining.done()
        writer.write(rest)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await draining
        writer.close()


async def test_a_client_that_has_just_come_has_a_moment_to_speak_and_an_idle_one_has_none() -> None:
    async with serving() as served:
        served.let.set()
        reader, writer = await served.connect(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        await served.drain()  # it is idle: there is nothing to wait for
        silent, silent_writer = await served.connect()
        await eventually(lambda: len(served.listener.connections) == 2)
        await served.drain()
        await served.listener.aclose()
        assert (await reader.read(), await silent.read()) == (b"", b"")
        writer.close()
        silent_writer.close()


async def test_what_takes_too_long_is_cut_off() -> None:
    async with serving() as served:
        reader, writer = await served.connect(REQUEST)
        await served.begins(1)
        await served.drain(0.1)
        await served.listener.aclose()
        assert await reader.read() == b""
        writer.close()


async def test_while_it_drains_every_answer_says_that_the_connection_ends() -> None:
    async with serving() as served:
        served.let.set()
        served.world.is_draining = True
        for target in (b"/api/v1/apps", b"/nowhere", b"/api/v1/apps/%00"):
            reader, writer = await served.connect(REQUEST.replace(b"/api/v1/apps", target))
            received = await asyncio.wait_for(reader.read(), FAR_S)
            assert b"\r\nconnection: close\r\n" in received.lower()
            writer.close()


async def test_streams_that_are_open_or_come_yet_learn_that_they_have_to_end() -> None:
    slots = StreamSlots(5)
    ended: list[str] = []

    async def stream(name: str) -> None:
        with slots.held() as ending:
            try:
                async with ending.within():
                    await asyncio.Event().wait()
            except TimeoutError:
                ended.append(name)

    early = asyncio.create_task(stream("early"))
    await eventually(lambda: slots.taken == 1)
    slots.end()
    await early
    await stream("late")
    assert ended == ["early", "late"]
    assert BYE.endswith(b"\n\n")


async def test_a_stream_that_has_just_ended_by_itself_need_not_end_again() -> None:
    slots = StreamSlots(1)
    with slots.held() as ending:
        async with ending.within():
            pass
        slots.end()
    assert ending.has_come
