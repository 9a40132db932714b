"""The breakable link does to connections what it says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.federation.eventually import eventually
from tests.federation.link import Link


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """An open link to a server that sends every line back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):  # some tests reset it
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = Link(f"http://127.0.0.1:{port}")
    await link.heal()
    yield link
    await link.aclose()
    server.close()


class Caller:
    """One connection through the link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, link: Link) -> "Caller":
        return cls(*await asyncio.open_connection("127.0.0.1", link.port))

    async def say(self, text: str) -> str:
        self.writer.write(f"{text}\n".encode())
        return (await self.reader.readline()).decode().strip()

    def close(self) -> None:
        self.writer.transport.abort()


async def test_it_passes_bytes_on_and_counts_them(link: Link) -> None:
    caller = await Caller.to(link)
    assert await caller.say("hello") == "hello"
    counters = link.counters
    assert (counters.connections, counters.bytes_up, counters.bytes_down) == (1, 6, 6)
    caller.close()


async def test_the_end_of_one_side_reaches_the_other(link: Link) -> None:
    caller = await Caller.to(link)
    caller.writer.write(b"last\n")
    caller.writer.write_eof()
    assert await caller.reader.read() == b"last\n"
    caller.close()
    await eventually(lambda: repr(link).endswith("up, 0 connections>"))


async def test_a_cut_link_refuses_and_resets(link: Link) -> None:
    caller = await Caller.to(link)
    await caller.say("hello")
    await link.cut()
    with pytest.raises(ConnectionResetError):
        await caller.say("again")
    with pytest.raises(ConnectionRefusedError):
        await Caller.to(link)
    assert repr(link).endswith("cut, 0 connections>")
    caller.close()


async def test_a_healed_link_passes_again_at_the_same_port(link: Link) -> None:
    await link.cut()
    await link.heal()
    caller = await Caller.to(link)
    assert await caller.say("hello") == "hello"
    caller.close()


async def test_a_frozen_link_says_nothing_and_ends_nothing(link: Link) -> None:
    caller = await Caller.to(link)
    await caller.say("hello")
    link.freeze()
    stuck = asyncio.create_task(caller.say("again"))
    newcomer = await Caller.to(link)
    also_stuck = asyncio.create_task(newcomer.say("me too"))
    done, _ = await asyncio.wait([stuck, also_stuck], timeout=0.1)
    assert not done
    await link.heal()
    assert (await stuck, await also_stuck) == ("again", "me too")
    caller.close()
    newcomer.close()


async def test_a_reset_ends_the_connections_but_lets_new_ones_pass(link: Link) -> None:
    caller = await Caller.to(link)
    await caller.say("hello")
    await link.reset()
    with pytest.raises(ConnectionResetError):
        await caller.say("again")
    newcomer = await Caller.to(link)
    assert await newcomer.say("hello") == "hello"
    caller.close()
    newcomer.close()


async def test_a_delay_holds_every_answer_back(link: Link) -> None:
    caller = await Caller.to(link)
    loop = asyncio.get_running_loop()
    link.delay(0.05)
    started = loop.time()
    await caller.say("hello")
    assert loop.time() - started >= 0.1  # once in each direction
    caller.close()


async def test_a_target_that_refuses_is_a_reset_behind_the_link() -> None:
    link = Link("http://127.0.0.1:9")
    await link.heal()
    caller = await Caller.to(link)
    with pytest.raises(ConnectionResetError):
        await caller.say("hello")
    caller.close()
    await link.aclose()
