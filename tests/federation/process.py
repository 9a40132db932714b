"""A child Python process with its own folder and log file: started, watched, stopped, killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil

from tests.federation.forks import Forked, Nurseries
from tests.federation.nursery import Start

ROOT = Path(__file__).parents[2]

START_TIMEOUT_S = 60.0
"""Until a process answers: on a busy machine it takes a while to load Python."""

STOP_TIMEOUT_S = 30.0
"""Longer than any drain; a process that needs more is hung."""

END_POLL_S = 0.005


Child = subprocess.Popen[bytes] | Forked


class EndedError(Exception):
    """The process is not there any more; no use in waiting for it."""


class Process:
    """One child at a time, run as `python <arguments>` in `folder`; it may be started again.

    Standard output and error go to `<folder>/log.txt`, to which each start appends. Inside `forking`, what would be run
    as `python -m` is forked (forks.py), unless it is to be `fresh`.
    """

    def __init__(self, name: str, arguments: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.arguments = arguments
        self.folder = folder
        self.log_file = folder / "log.txt"
        self.env = dict(env or {})
        self.prefix: Sequence[str] = ()
        """What the command is run by, such as `ip netns exec host`."""
        self.fresh = False
        """Whether it shall be started from nothing, not forked."""
        self._child: Child | None = None
        # Mutable state: the child.
        folder.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"<Process {self.name}: {f'pid {self.pid}' if self.is_running else 'not running'}>"

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Starts the child and returns at once."""
        assert not self.is_running, f"{self.name} is already running"
        with self.log_file.open("ab") as log:
            self._child = begin(
                self.arguments,
                folder=self.folder,
                env=environment(self.env),
                out=log,
                err=log,
                prefix=self.prefix,
                fresh=self.fresh,
            )

    async def stop(self, sig: signal.Signals = signal.SIGINT) -> int:
        """Sends `sig` and returns the exit code; a child that does not end is killed and fails the test."""
        child = self._running()
        child.send_signal(sig)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while child.poll() is None:
            if time.monotonic() > deadline:
                await self.kill()
                raise AssertionError(
                    f"{self.name} did not end within {STOP_TIMEOUT_S} s of {sig.name}\n{self.log_text()}"
                )
            await asyncio.sleep(END_POLL_S)
        assert child.returncode is not None
        return child.returncode

    def send(self, sig: signal.Signals) -> None:
        """Sends `sig` and returns at once."""
        self._running().send_signal(sig)

    async def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        child = self._running()
        child.kill()
        while child.poll() is None:
            await asyncio.sleep(END_POLL_S)

    def check_running(self) -> None:
        """Raises EndedError, with the log, when the child has ended by itself."""
        if not self.is_running:
            code = self._child.returncode if self._child else None
            raise EndedError(f"{self.name} ended with exit code {code}\n{self.log_text()}")

    def rss_bytes(self) -> int:
        """Resident memory of the child."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def open_fds(self) -> int:
        """Open file descriptors of the child."""
        return int(psutil.Process(self.pid).num_fds())

    def log_text(self) -> str:
        """Everything the child has printed, over all its starts."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _running(self) -> Child:
        assert self._child is not None, f"{self.name} was never started"
        assert self._child.poll() is None, f"{self.name} is not running"
        return self._child


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """Ours without the settings of any gateway, and `own`; the code beside these tests goes before an installed one."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GROVE_")}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **own}


_nurseries: list[Nurseries] = []
# Mutable state: at most one, which tests have and benchmarks have not.


@contextmanager
def forking() -> Iterator[None]:
    """Meanwhile processes are forked where that makes no difference. Raises NurseryError if one is left at the end."""
    assert not _nurseries, "processes are forked already"
    nurseries = Nurseries(environment({}))
    _nurseries.append(nurseries)
    try:
        yield
    finally:
        _nurseries.remove(nurseries)
        nurseries.close()


def begin(
    arguments: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    out: BinaryIO,
    err: BinaryIO,
    prefix: Sequence[str] = (),
    fresh: bool = False,
) -> Child:
    """`python <arguments>` in `folder`, without standard input; `fresh`: in any case started, not forked."""
    with Path(os.devnull).open("rb") as nothing:
        if _nurseries and not fresh and not prefix and arguments[0] == "-m":
            start = Start(arguments[1], arguments[2:], str(folder), {**env})
            forked = _nurseries[0].fork(start, [nothing.fileno(), out.fileno(), err.fileno()])
            if forked is not None:
                return forked
        command = [*prefix, sys.executable, *arguments]
        return subprocess.Popen(command, cwd=folder, env=env, stdin=nothing, stdout=out, stderr=err)
