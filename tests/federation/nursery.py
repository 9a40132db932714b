"""A process that has loaded a gateway's code and runs none of it: it forks one child for each start it is asked for.

    python -m tests.federation.nursery FD

A child goes on as `python -m <module> <arguments>` would after a second of imports, with the same folder, environment,
standard files, signals and exit. FD is a socket; over it come a Start with the child's standard files, or the pid of a
child whose end was told and is known; over it go the pid of each new child, and each child's end. A child that ended
stays a zombie until then, so that nobody else has its pid while a signal may still be sent to it. When the other side
closes the socket, or dies, all children are killed.
"""

import gc
import importlib
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

LOADED: Final = (
    "asyncio.unix_events",
    "discovery.announce",
    "discovery.dns",
    "discovery.file",
    "discovery.mdns",
    "gateway.cli",
    "gateway.commands.api",
    "gateway.lifecycle",
)
"""What a child finds loaded beside the commands, with all that these import."""

MESSAGE_BYTES: Final = 1 << 17
"""Longer than any Start: less than the kernel takes in one piece."""

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""What may be sent to a child before it is itself; it waits until then."""


class Start(msgspec.Struct, frozen=True, tag=True):
    """One child to be made."""

    module: str
    arguments: Sequence[str]
    folder: str
    env: dict[str, str]


class Bury(msgspec.Struct, frozen=True, tag=True):
    """The end of this child is known."""

    pid: int


class Born(msgspec.Struct, frozen=True, tag=True):
    """The child that was asked for."""

    pid: int


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A child's end; the code is as `subprocess` has it, below zero for a signal."""

    pid: int
    code: int


def load() -> None:
    """Imports what children need, and leaves it alone: what they do not touch they share."""
    from gateway.cli import COMMANDS

    for name in (*LOADED, *COMMANDS.values()):
        importlib.import_module(name)
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"importing {LOADED} has started {threads - 1} threads, which no child would have"
    gc.collect()
    gc.freeze()


class Nursery:
    """Waits for messages and for children that end."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._ended = select.poll()
        self._ended.register(control, select.POLLIN)
        # Mutable state: the children of which no end was told, pid by the descriptor that tells it.
        self._living: dict[int, int] = {}

    def serve(self) -> Start | None:
        """Returns None when it is to end, and in each new child what that is to become."""
        while True:
            for descriptor, _ in self._ended.poll():
                if descriptor in self._living:
                    self._tell_end(descriptor)
                    continue
                data, files, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 3)
                if not data:
                    self._kill_all()
                    return None
                message: Start | Bury = msgspec.json.decode(data, type=Start | Bury)
                match message:
                    case Bury(pid):
                        os.waitpid(pid, 0)
                    case Start():
                        if self._is_child(files):
                            return message

    def _is_child(self, files: Sequence[int]) -> bool:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pid = os.fork()
        if pid == 0:
            for each in self._living:
                os.close(each)
            self._control.close()
            for target, source in enumerate(files):
                os.dup2(source, target)
        for each in files:
            os.close(each)
        if pid == 0:
            return True
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        descriptor = os.pidfd_open(pid)
        self._ended.register(descriptor, select.POLLIN)
        self._living[descriptor] = pid
        self._control.send(msgspec.json.encode(Born(pid)))
        return False

    def _tell_end(self, descriptor: int) -> None:
        pid = self._living.pop(descriptor)
        self._ended.unregister(descriptor)
        os.close(descriptor)
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert end is not None
        code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        self._control.send(msgspec.json.encode(Ended(pid, code)))

    def _kill_all(self) -> None:
        for pid in self._living.values():
            os.kill(pid, signal.SIGKILL)


def become(start: Start) -> None:
    """Makes of this child what an interpreter that was started this way is before it runs the module."""
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.env)
    sys.argv[:] = [start.module, *start.arguments]
    sys.orig_argv[:] = [sys.executable, "-m", start.module, *start.arguments]
    sys.path[0] = start.folder
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def main() -> None:
    """In the first process ends with code 0; in a child as the module ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the tests, which end their processes themselves
    load()
    start = Nursery(socket.socket(fileno=int(sys.argv[1]))).serve()
    if start is not None:
        become(start)
        runpy.run_module(start.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
