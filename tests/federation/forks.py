"""Children that are forked from a process which has the code loaded (nursery.py): a start without its imports."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tests.federation.nursery import MESSAGE_BYTES, Born, Bury, Ended, Start

NURSERIES: Final = 2
"""So that gateways of one test are not all alike in the order of their sets, which comes with the process."""

LOAD_TIMEOUT_S: Final = 60.0
"""Until a nursery answers: on a busy machine it takes a while to load everything."""

CLOSE_TIMEOUT_S: Final = 10.0

LOOKED_AT_EARLY: Final = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "TZ", "AIOHTTP_", "UVLOOP_", "OPENSSL_", "SSL_")
"""How variables begin that count when an interpreter starts or a library is loaded."""


class NurseryError(Exception):
    """A nursery is not there any more, or children were left in it."""


@dataclass(slots=True)
class _Life:
    """What is known of a child. Mutable: its exit code, once it has ended."""

    name: str
    code: int | None = None


class Forked:
    """A child of a nursery, as `subprocess.Popen` has its own."""

    def __init__(self, pid: int, life: _Life, nursery: "Nursery") -> None:
        self.pid = pid
        self._life = life
        self._nursery = nursery

    def __del__(self) -> None:
        if self._life.code is None and self.poll() is None:
            warnings.warn(f"{self._life.name} is still running", ResourceWarning, source=self, stacklevel=2)

    @property
    def returncode(self) -> int | None:
        """As far as it is known: `poll` asks."""
        return self._life.code

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        if self._life.code is None:
            self._nursery.hear()
        return self._life.code

    def send_signal(self, sig: int) -> None:
        """Nothing happens when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """One process that forks others, started when this is made."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._early = early(env)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by `close`
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.federation.nursery", str(theirs.fileno())],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
            )
        # Mutable state: the children whose end was not told yet, by pid.
        self._living: dict[int, _Life] = {}

    def fits(self, env: Mapping[str, str]) -> bool:
        """Whether a child with this environment is as an interpreter that was started with it."""
        return early(env) == self._early

    def fork(self, start: Start, files: Sequence[int]) -> Forked:
        """A new child; `files` become its standard input, output and error."""
        self._control.settimeout(LOAD_TIMEOUT_S)
        try:
            socket.send_fds(self._control, [msgspec.json.encode(start)], files)
            while not isinstance(message := self._receive(), Born):
                self._note(message)
        except OSError as error:
            raise self._lost() from error
        life = self._living[message.pid] = _Life(f"{start.module} in {start.folder}, pid {message.pid}")
        return Forked(message.pid, life, self)

    def hear(self) -> None:
        """Takes in which children have ended."""
        self._control.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while self._living and isinstance(message := self._receive(), Ended):
                self._note(message)

    def close(self) -> None:
        """Ends it. Raises NurseryError when children still run, which are killed, or when it ended badly itself."""
        left: Sequence[_Life] = ()
        with contextlib.suppress(NurseryError), self._control:
            self.hear()
            left = [*self._living.values()]
        for life in left:
            life.code = -signal.SIGKILL
        code = self._process.wait(CLOSE_TIMEOUT_S)
        with self._said:
            if left:
                raise NurseryError(f"left running: {'; '.join(life.name for life in left)}")
            if code:
                raise self._lost()

    def _receive(self) -> Born | Ended:
        data = self._control.recv(MESSAGE_BYTES)
        if not data:
            raise self._lost()
        message: Born | Ended = msgspec.json.decode(data, type=Born | Ended)
        return message

    def _note(self, ended: Ended) -> None:
        self._living.pop(ended.pid).code = ended.code
        self._control.send(msgspec.json.encode(Bury(ended.pid)))

    def _lost(self) -> NurseryError:
        self._said.seek(0)
        said = self._said.read().decode(errors="replace")
        return NurseryError(f"the process that forks gateways is gone (exit code {self._process.poll()}): {said}")


class Nurseries:
    """Several that take turns, each started when its first turn comes."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """`env`: as most of the children have it."""
        self._env = env
        # Mutable state: those that run, and whose turn it is.
        self._nurseries: list[Nursery] = []
        self._turn = itertools.cycle(range(NURSERIES))

    def fork(self, start: Start, files: Sequence[int]) -> Forked | None:
        """None when no nursery can make such a child."""
        if sys.platform != "linux":  # elsewhere what libraries of the system hold does not outlive a fork
            return None
        turn = next(self._turn)
        if turn == len(self._nurseries):
            self._nurseries.append(Nursery(self._env))
        nursery = self._nurseries[turn]
        return nursery.fork(start, files) if nursery.fits(start.env) else None

    def close(self) -> None:
        """Ends them all; raises what any of them raised."""
        with contextlib.ExitStack() as stack:
            for nursery in self._nurseries:
                stack.callback(nursery.close)


def early(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that count before a module runs."""
    return {name: value for name, value in env.items() if name.startswith(LOOKED_AT_EARLY)}
