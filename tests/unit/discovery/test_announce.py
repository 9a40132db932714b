"""Announcing when a part of it fails or is broken off: what was said is taken back, what was not is tried again."""

import asyncio
import contextlib
from collections.abc import Iterator
from ipaddress import ip_interface
from pathlib import Path

import pytest
from zeroconf import DNSOutgoing, DNSService

from discovery.announce import Announcer
from discovery.interfaces import Interface
from discovery.responder import Responder
from discovery.settings import MdnsSettings
from tests.federation.eventually import eventually
from tests.unit.discovery.network import (
    QUICK,
    announcement,
    announcing,
    group_socket,
    looking,
    new_service,
    on_loopback,
    received,
)

GONE = Interface("gone0", 4242, loopback=False, addresses=(ip_interface("192.0.2.77/24"),))
"""As an interface is that went away after it was looked at."""


class Heard:
    """The places that were told on loopback of one service: their ports and lifetimes, the first one first."""

    def __init__(self, service: str) -> None:
        self._service = f"{service}."
        self._sock = group_socket()
        self._all: list[tuple[int, int]] = []

    def __call__(self) -> list[tuple[int, int]]:
        for packet, _ in received(self._sock):
            places = (one for one in packet.answers() if isinstance(one, DNSService))
            self._all += [(one.port, one.ttl) for one in places if one.name.endswith(self._service)]
        return self._all

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def service() -> str:
    return new_service()


@pytest.fixture
def heard(service: str) -> Iterator[Heard]:
    with contextlib.closing(Heard(service)) as heard:
        yield heard


def open_files() -> set[str]:
    """What this process has open, sockets by their number."""
    return {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}


async def test_promise_41_who_stops_while_it_is_being_announced_takes_back_what_was_said(
    service: str, heard: Heard
) -> None:
    async with announcing(service, announcement("a", 8081)) as announcer:
        await eventually(heard)
        assert not announcer.is_announced, "it is said three times"
    lives = [ttl > 0 for _, ttl in heard()]
    assert (lives[0], lives[-1]) == (True, False)
    assert lives == sorted(lives, reverse=True), "the goodbye is the last word"


async def test_promise_41_who_stops_while_it_is_announced_anew_leaves_nothing_at_work(
    service: str, heard: Heard
) -> None:
    now = list(await on_loopback())

    async def interfaces() -> tuple[Interface, ...]:
        return tuple(now)

    tasks = asyncio.all_tasks()
    async with announcing(service, announcement("a"), read_interfaces=interfaces) as announcer:
        await eventually(lambda: announcer.is_announced)
        told = len(heard())
        (loopback,) = now
        moved = ip_interface("127.0.0.5/8")
        now[:] = [Interface(loopback.name, loopback.index, loopback=True, addresses=(moved,))]
        await eventually(lambda: len(heard()) > told)
    assert asyncio.all_tasks() == tasks
    lives = [ttl > 0 for _, ttl in heard()]
    assert lives == sorted(lives, reverse=True), "the goodbye is the last word"
    assert not lives[-1]


async def test_who_is_stopped_twice_leaves_no_socket_open(service: str) -> None:
    before = open_files()
    one = Announcer(service, announcement("a"), QUICK, read_interfaces=on_loopback, clock=lambda: 0.0)
    running = asyncio.create_task(one.run())
    await eventually(lambda: one.is_announced)
    assert open_files() - before
    for _ in range(2):
        running.cancel()
        await asyncio.sleep(0)  # the goodbye has begun
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: open_files() <= before)


async def test_a_goodbye_that_fails_leaves_no_socket_open() -> None:
    class Mute(Responder):
        def generate_unregister_all_services(self) -> DNSOutgoing | None:
            raise OSError("out of memory")

    before = open_files()
    responder = Mute(await on_loopback(), MdnsSettings(), clock=lambda: 0.0)
    await responder.async_wait_for_start()
    assert open_files() - before
    with pytest.raises(OSError, match="out of memory"):
        await responder.end()
    await eventually(lambda: open_files() <= before)


async def test_where_nothing_can_be_said_or_heard_is_told_and_the_others_hear_it(service: str) -> None:
    now = [*await on_loopback(), GONE]

    async def interfaces() -> tuple[Interface, ...]:
        return tuple(now)

    async with (
        looking(service, read_interfaces=interfaces) as looker,
        announcing(service, announcement("a"), read_interfaces=interfaces) as announcer,
    ):
        await eventually(lambda: "a" in looker.found and announcer.is_announced)
        for told in (announcer.trouble, looker.readings[-1].trouble):
            assert str(told).startswith("on gone0 by IPv4: E")
        now.remove(GONE)
        await eventually(lambda: announcer.trouble is None and looker.readings[-1].trouble is None)
        now.append(GONE)
        await eventually(lambda: announcer.trouble is not None)
        assert announcer.is_announced


async def test_where_nothing_can_be_said_anywhere_it_is_not_announced(service: str) -> None:
    async def interfaces() -> tuple[Interface, ...]:
        return (GONE,)

    async with announcing(service, announcement("a"), read_interfaces=interfaces) as announcer:
        await eventually(lambda: announcer.trouble)
        assert str(announcer.trouble).startswith("EADDRNOTAVAIL")
        assert not announcer.is_announced
