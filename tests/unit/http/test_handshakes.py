"""Connections that are accepted and no more: counted, bounded, ended in time, and in nobody's way."""

import asyncio
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from gateway.http.api import Api
from gateway.http.connections import ConnectionLimits, Connections
from gateway.http.listener import Listener
from tests.faults.authority import Authority
from tests.federation.eventually import eventually
from tests.unit.http.serving import World

MOST = 16
SPARE = 4
HANDSHAKES = 4
ATTACKERS = 3 * MOST
PATIENCE_S = 60.0
FAR_S = 1000.0
REQUEST = b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, ssl.SSLContext]:
    made = Authority(tmp_path_factory.mktemp("authority"), "ours")
    return made, made.context("gateway")


class Served:
    """A gateway over https."""

    def __init__(self, listener: Listener, trusted: ssl.SSLContext) -> None:
        self.port = listener.port
        self.listener = listener
        self.connections = listener.connections
        self._trusted = trusted

    async def ask(self) -> bytes:
        """The first line of the answer that a client gets on a new connection."""
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self._trusted)
            with closing(writer):
                writer.write(REQUEST)
                answer = await reader.readline()
                await reader.read()
                return answer

    async def half_open(self, said: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which the handshake gets no further than this."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(said)
        return reader, writer


def served(
    new_loop: NewLoop,
    authority: tuple[Authority, ssl.SSLContext],
    limits: ConnectionLimits,
    check: Callable[[Served], Awaitable[None]],
) -> None:
    """Runs `check` with a gateway."""
    made, context = authority

    async def run() -> None:
        listener = await Listener.start(
            Api(World().services()), "127.0.0.1", 0, connections=Connections(limits), ssl_context=context
        )
        try:
            await check(Served(listener, ssl.create_default_context(cafile=made.file)))
        finally:
            await listener.aclose()
        await eventually(lambda: len(listener.connections) == 0)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())


def open_sockets() -> int:
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found += descriptor.readlink().name.startswith("socket:")
        except FileNotFoundError:
            continue
    return found


HELLO = bytes.fromhex("1603010200010001fc0303")
"""How a TLS client begins."""


@LOOPS
@pytest.mark.parametrize("said", [b"", HELLO], ids=["nothing", "half a hello"])
def test_handshakes_that_never_end_take_few_places_and_none_from_clients(
    new_loop: NewLoop, authority: tuple[Authority, ssl.SSLContext], said: bytes
) -> None:
    limits = ConnectionLimits(most=MOST, spare=SPARE, handshakes=HANDSHAKES, handshake_s=FAR_S, head_s=FAR_S)

    async def check(gateway: Served) -> None:
        before = open_sockets()
        attackers = []
        for _ in range(ATTACKERS):
            attackers.append(await gateway.half_open(said))
            assert len(gateway.connections) <= limits.handshakes + 1
        assert await gateway.ask() == b"HTTP/1.1 200 OK\r\n"
        await eventually(lambda: len(gateway.connections) <= limits.handshakes)
        await eventually(lambda: open_sockets() - before <= ATTACKERS + limits.handshakes)
        assert not [*gateway.connections.warnings()]
        for _, writer in attackers:
            writer.close()
        await eventually(lambda: len(gateway.connections) == 0)

    with capture_logs() as logs:
        served(new_loop, authority, limits, check)
    events = [entry["event"] for entry in logs if entry["log_level"] != "debug"]
    assert events == ["too many tls handshakes, the longest give way", "tls handshakes have room again"]


@LOOPS
def test_clients_that_hold_nearly_all_places_lose_none_to_handshakes(
    new_loop: NewLoop, authority: tuple[Authority, ssl.SSLContext]
) -> None:
    limits = ConnectionLimits(most=MOST, spare=1, handshakes=HANDSHAKES, handshake_s=FAR_S, head_s=FAR_S)

    async def check(gateway: Served) -> None:
        trusted = ssl.create_default_context(cafile=authority[0].file)
        clients = [
            await asyncio.open_connection("127.0.0.1", gateway.port, ssl=trusted) for _ in range(limits.most - 1)
        ]
        attackers = [await gateway.half_open(b"") for _ in range(MOST)]
        assert await gateway.ask() == b"HTTP/1.1 200 OK\r\n"
        assert len(gateway.connections) <= limits.most + limits.spare
        for reader, writer in clients:
            writer.write(REQUEST)
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            await reader.read()
        for _, writer in (*clients, *attackers):
            writer.close()

    served(new_loop, authority, limits, check)


@LOOPS
def test_of_many_clients_that_come_at_once_nobody_gives_way(
    new_loop: NewLoop, authority: tuple[Authority, ssl.SSLContext]
) -> None:
    async def check(gateway: Served) -> None:
        answers = await asyncio.gather(*(gateway.ask() for _ in range(20 * HANDSHAKES)))
        assert answers == [b"HTTP/1.1 200 OK\r\n"] * (20 * HANDSHAKES)

    served(new_loop, authority, ConnectionLimits(handshakes=HANDSHAKES), check)


@LOOPS
def test_a_handshake_that_takes_too_long_is_ended(
    new_loop: NewLoop, authority: tuple[Authority, ssl.SSLContext]
) -> None:
    async def check(gateway: Served) -> None:
        reader, writer = await gateway.half_open(HELLO)
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        writer.close()
        await eventually(lambda: len(gateway.connections) == 0)

    served(new_loop, authority, ConnectionLimits(handshake_s=0.2), check)


@LOOPS
def test_what_is_no_handshake_is_ended_at_once(new_loop: NewLoop, authority: tuple[Authority, ssl.SSLContext]) -> None:
    async def check(gateway: Served) -> None:
        reader, writer = await gateway.half_open(REQUEST)
        async with asyncio.timeout(PATIENCE_S):
            assert b"HTTP" not in await reader.read()
        writer.close()
        await eventually(lambda: len(gateway.connections) == 0)
        assert await gateway.ask() == b"HTTP/1.1 200 OK\r\n"

    served(new_loop, authority, ConnectionLimits(handshake_s=FAR_S), check)


class BrokenContext(ssl.SSLContext):
    """No handshake can be begun with it, and not because of any client."""

    def wrap_bio(self, *_: object, **__: object) -> ssl.SSLObject:
        raise RuntimeError("broken")


def test_a_defect_in_the_middle_of_a_handshake_is_told(authority: tuple[Authority, ssl.SSLContext]) -> None:
    async def check(gateway: Served) -> None:
        _, writer = await gateway.half_open(b"")
        await eventually(lambda: [entry for entry in logs if entry["log_level"] == "error"])
        writer.close()

    broken = BrokenContext(ssl.PROTOCOL_TLS_SERVER)
    with capture_logs() as logs:
        served(uvloop.new_event_loop, (authority[0], broken), ConnectionLimits(), check)
    (told,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (told["event"], str(told["exc_info"])) == ("connection could not be begun", "broken")


@LOOPS
def test_handshakes_hold_up_no_stop(new_loop: NewLoop, authority: tuple[Authority, ssl.SSLContext]) -> None:
    async def check(gateway: Served) -> None:
        loop = asyncio.get_running_loop()
        # Some are accepted, some wait in the kernel; all in one step, so that the loop has no time to accept them.
        accepted = [await gateway.half_open(b"") for _ in range(3)]
        waiting = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(3)]
        gateway.listener.stop_accepting()
        async with asyncio.timeout(PATIENCE_S):
            await gateway.listener.drain(loop.time() + FAR_S)
            await gateway.listener.aclose()
            for reader, writer in accepted:
                assert await reader.read() == b""
                writer.close()
        for one in waiting:
            one.close()

    served(new_loop, authority, ConnectionLimits(handshake_s=FAR_S), check)


@LOOPS
def test_without_files_nobody_is_accepted_until_there_are_some_again(
    new_loop: NewLoop, authority: tuple[Authority, ssl.SSLContext]
) -> None:
    async def check(gateway: Served) -> None:
        loop = asyncio.get_running_loop()
        assert await gateway.ask() == b"HTTP/1.1 200 OK\r\n"
        client = socket.socket()
        client.setblocking(False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with capture_logs() as logs:
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            try:
                await loop.sock_connect(client, ("127.0.0.1", gateway.port))  # the kernel has it
                await eventually(lambda: bool(logs))
                await asyncio.sleep(0.1)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await eventually(lambda: len(gateway.connections) == 1)
        assert [entry["event"] for entry in logs] == [
            "connections cannot be accepted",
            "connections are accepted again",
        ]
        assert await gateway.ask() == b"HTTP/1.1 200 OK\r\n"
        client.close()

    served(new_loop, authority, ConnectionLimits(handshake_s=FAR_S), check)
