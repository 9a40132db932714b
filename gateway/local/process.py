"""One program from its start to the end of everything it started. Blocks: it belongs in a thread.

The process group, and what descends from it in groups of its own, is asked to end (SIGTERM) when its time is over or
nobody wants the outcome any more, and killed after a grace. What a program leaves behind in its group when it ends by
itself is killed at once.
"""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import psutil

TERM_GRACE_S: Final = 2.0
"""How long a process group has for its end between SIGTERM and SIGKILL."""

INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""The variables a command has from our own environment, which may hold secrets it shall not see."""

FIRST_LOOK_S: Final = 0.001
LONGEST_LOOK_S: Final = 0.05
"""How often a program that says nothing is looked at: at first soon, then ever less often."""

DISCARD_PAUSE_S: Final = 0.001
"""The rest after each 64 KiB that are thrown away, so that a program that writes without end costs little."""

PIPE_BYTES: Final = 1024 * 1024
"""The most that a pipe holds; what comes beyond it was said after the end, by others."""

_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments; no shell has a part in it unless it is the program.

    `directory`: where it runs, else where we run. `environment`: further variables, by name.
    """

    argv: tuple[str, ...]
    directory: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Exited:
    """It ended by itself. `code` is negative for the signal that ended it; `truncated`: it said more than is kept."""

    code: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class TimedOut:
    """It was ended because its time was over; with what it had said until then."""

    stdout: bytes = b""
    stderr: bytes = b""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """It never ran. `reason` is for a client and names nothing of this machine."""

    reason: str


CommandOutcome = Exited | TimedOut | NotStarted


Heard = Callable[[bytes], None]
"""Called in the thread with each piece of output as it comes, also beyond what is kept."""


class ProcessRun:
    """One run of a command; call it in a thread. `deadline_s` is of `time.monotonic`."""

    def __init__(
        self,
        command: Command,
        stdin: bytes,
        *,
        deadline_s: float,
        grace_s: float,
        limit_bytes: int,
        heard: Heard | None = None,
    ) -> None:
        self._command = command
        self._stdin = stdin
        self._deadline_s = deadline_s
        self._grace_s = grace_s
        self._limit_bytes = limit_bytes
        self._heard = heard
        self._unwanted = threading.Event()
        self._strays: list[psutil.Process] = []  # mutable: descendants in groups of their own, once it is to end

    def stop(self) -> None:
        """Nobody wants the outcome any more: end it soon. From any thread."""
        self._unwanted.set()

    def __call__(self) -> CommandOutcome:
        """Raises nothing that a command could provoke."""
        try:
            process = self._spawn()
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            return NotStarted(_why_not(error, self._command))
        pipes = _Pipes(process, self._stdin, self._limit_bytes, self._heard)
        try:
            in_time = self._attend(process, pipes)
            _signal_group(process, signal.SIGKILL)  # the leader is not reaped yet, so the group is still ours
            pipes.take_rest()
        finally:
            _signal_group(process, signal.SIGKILL)  # or a mistake of ours would wait for its end
            pipes.close()
            process.wait()
        if not in_time:
            _signal_each(self._strays, signal.SIGKILL)
            return TimedOut(pipes.stdout, pipes.stderr)
        return Exited(process.returncode, pipes.stdout, pipes.stderr, pipes.truncated)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - to run what the manifest says is the purpose
            self._command.argv,
            bufsize=0,
            stdin=subprocess.PIPE if self._stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._command.directory,
            env=environment(os.environ, self._command),
            start_new_session=True,
        )

    def _attend(self, process: "subprocess.Popen[bytes]", pipes: "_Pipes") -> bool:
        """Whether the leader ended by itself; else it was asked to end, and may still run."""
        killed_at_s: float | None = None
        look_s = FIRST_LOOK_S
        while not _has_ended(process) or any(map(_lives, self._strays)):
            now_s = time.monotonic()
            if killed_at_s is None and (self._unwanted.is_set() or now_s >= self._deadline_s):
                killed_at_s = now_s + self._grace_s
                self._strays = _descendants(process)  # once their parents have ended, nobody knows whose they are
                _signal_group(process, signal.SIGTERM)
                _signal_each(self._strays, signal.SIGTERM)
            if killed_at_s is not None and now_s >= killed_at_s:
                self._strays += _descendants(process)
                break
            moved = pipes.move(look_s)
            look_s = FIRST_LOOK_S if moved else min(look_s * 2, LONGEST_LOOK_S)
        return killed_at_s is None


def environment(ours: Mapping[str, str], command: Command) -> dict[str, str]:
    """What a command sees: the harmless part of our environment, and its own variables."""
    return {name: ours[name] for name in INHERITED if name in ours} | dict(command.environment)


class _Output:
    """What one pipe said, up to a limit."""

    def __init__(self, pipe: IO[bytes], limit_bytes: int, heard: Heard | None = None) -> None:
        self._descriptor = pipe.fileno()
        self._heard = heard
        self._limit_bytes = limit_bytes
        self.kept = bytearray()
        self.truncated = False
        os.set_blocking(self._descriptor, False)

    def take(self) -> int | None:
        """How many bytes it said; None when it said nothing yet."""
        try:
            chunk = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return None
        room = self._limit_bytes - len(self.kept)
        self.kept += chunk[:room]
        if len(chunk) > room:
            self.truncated = True
        if self._heard is not None and chunk:
            self._heard(chunk)
        return len(chunk)


class _Pipes:
    """The three pipes of a process. Only what a selector reports is touched, so nothing here waits for long."""

    def __init__(self, process: "subprocess.Popen[bytes]", stdin: bytes, limit_bytes: int, heard: Heard | None) -> None:
        assert process.stdout is not None  # noqa: S101 - for the type checker: it was asked for
        assert process.stderr is not None  # noqa: S101 - as above
        self._all = [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe is not None]
        self._stdin = process.stdin
        self._unsent = memoryview(stdin)
        self._out = _Output(process.stdout, limit_bytes, heard)
        self._err = _Output(process.stderr, limit_bytes)
        self._selector = selectors.PollSelector()  # others need a descriptor, and there may be none left
        self._selector.register(process.stdout, selectors.EVENT_READ, self._out)
        self._selector.register(process.stderr, selectors.EVENT_READ, self._err)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE, None)

    @property
    def stdout(self) -> bytes:
        return bytes(self._out.kept)

    @property
    def stderr(self) -> bytes:
        return bytes(self._err.kept)

    @property
    def truncated(self) -> bool:
        return self._out.truncated or self._err.truncated

    def move(self, wait_s: float) -> bool:
        """Read and write what can be, waiting for it at most `wait_s`; whether there was anything."""
        if not self._selector.get_map():
            time.sleep(wait_s)
            return False
        ready = self._selector.select(wait_s)
        for key, _ in ready:
            if key.data is None:
                self._write()
            elif key.data.take() == 0:
                self._selector.unregister(key.fileobj)
        if self.truncated and ready:
            time.sleep(DISCARD_PAUSE_S)
        return bool(ready)

    def take_rest(self) -> None:
        """What was said before the end and is not read yet; no more, for others may still hold the pipes."""
        for output in (self._out, self._err):
            taken = 0
            while taken < PIPE_BYTES and (more := output.take()):
                taken += more

    def _write(self) -> None:
        assert self._stdin is not None  # noqa: S101 - for the type checker: it is registered
        try:
            written = os.write(self._stdin.fileno(), self._unsent[:_CHUNK])
            self._unsent = self._unsent[written:]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not read to the end: its own matter
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._selector.unregister(self._stdin)
            self._stdin.close()

    def close(self) -> None:
        self._selector.close()
        for pipe in self._all:
            pipe.close()


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the leader ended. Where the system can tell without it, it is not reaped: its id stays taken."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # SIGCHLD is ignored in this process, and children vanish
        return True


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # nobody is left, or (macOS) only the dead leader is
        return


def _descendants(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Those outside of its group."""
    try:
        found = psutil.Process(process.pid).children(recursive=True)
    except (psutil.Error, OSError):
        return []
    return [one for one in found if _group_of(one) not in (process.pid, None)]


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except OSError:  # it has ended
        return None


def _lives(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one that nobody reaps does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _signal_each(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error, OSError):  # it has ended; one that has its id by now is left alone
            process.send_signal(number)


def _why_not(error: OSError | ValueError, command: Command) -> str:
    if isinstance(error, OSError):
        what = "working directory" if command.directory and str(error.filename) == str(command.directory) else "program"
        return f"its {what} cannot be used: {error.strerror or 'unknown error'}"
    return "its command cannot be started: it contains a NUL character"
