"""`grove discover` on this machine's loopback, with a service of its own."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys

from discovery.interfaces import interface_names
from tests.federation.eventually import eventually
from tests.federation.process import ROOT
from tests.unit.discovery.network import PORT, announcement, announcing, group_socket, looking, new_service, received
from tests.unit.gateway.command import grove


async def test_it_shows_who_is_there_and_what_admission_says() -> None:
    service = new_service()
    both = announcement("left", 8081), announcement("low", 80)
    async with looking(service) as looker, announcing(service, both[0]), announcing(service, both[1]):
        await eventually(lambda: len(looker.found) == 2)
        ended = await grove("discover", "--service", service, "--interface", "lo", "--seconds", "4")
    assert (ended.code, ended.err) == (0, "")
    head, *rows = [line.strip().split(maxsplit=4) for line in ended.out.splitlines()]
    assert head == ["NAME", "URL", "INSTANCE", "VERSION", "ADMISSION"]
    assert rows == [
        ["left", "http://127.0.0.1:8081", "l" * 22, "0.1.0", "ok"],
        [
            "low",
            "http://127.0.0.1:80",
            "l" * 22,
            "0.1.0",
            "its port is 80, and mDNS may lead to 1024 to 65535 only",
        ],
    ]


async def test_as_json_it_is_a_list() -> None:
    service = new_service()
    async with looking(service) as looker, announcing(service, announcement("left", 8081)):
        await looker.wait_for("left")
        ended = await grove("discover", "--service", service, "--interface", "lo", "--seconds", "4", "-o", "json")
    assert json.loads(ended.out) == [
        {
            "name": "left",
            "url": "http://127.0.0.1:8081",
            "instance": "l" * 22,
            "version": "0.1.0",
            "admission": "ok",
        }
    ]


async def test_nobody_is_said_too() -> None:
    ended = await grove("discover", "--service", new_service(), "--interface", "lo", "--seconds", "0.2")
    assert ended.code == 0
    assert ended.out.startswith("no gateway announced itself on lo within 0.2 s; on the other machine set")


async def test_ctrl_c_ends_it_with_what_was_heard() -> None:
    service = new_service()
    arguments = ["-m", "gateway", "discover", "--service", service, "--interface", "lo", "--seconds", "300"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    asked: set[float] = set()

    def has_asked_twice(ear: socket.socket) -> bool:
        """The first of its questions, a second before, is answered then."""
        for packet, sender in received(ear):
            for question in packet.questions:
                if question.name == f"{service}." and sender[1] != PORT:
                    asked.add(packet.now)
        return len(asked) > 1

    async with announcing(service, announcement("left")) as announcer:
        await eventually(lambda: announcer.is_announced)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=env, stdout=asyncio.subprocess.PIPE
        )
        with contextlib.closing(group_socket()) as ear:
            await eventually(lambda: has_asked_twice(ear), 30)
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert "http://127.0.0.1:8080" in out.decode()


async def test_an_interface_that_is_not_there_is_named_with_those_that_are() -> None:
    ended = await grove("discover", "--interface", "nosuch0", "--seconds", "0.5")
    assert ended.code == 1
    assert f"there is no interface 'nosuch0'; there are {', '.join(interface_names())}" in ended.err


async def test_a_service_that_is_none_is_refused() -> None:
    ended = await grove("discover", "--service", "medkit")
    assert ended.code == 1
    assert "found --service 'medkit'; allowed: an mDNS service such as _medkit._tcp.local" in ended.err
