"""A command is bounded in time, output and number, and leaves nothing behind whatever it does."""

import asyncio
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gateway.local.command import Commands, shell_command
from gateway.local.process import TERM_GRACE_S, Command, CommandOutcome, Exited, NotStarted, ProcessRun, TimedOut
from tests.federation.eventually import eventually

LONG_S = 60.0
SHORT_S = 0.2
HANGING_S = 2.0
"""Enough for a shell to come to where it hangs, on a busy machine too."""
MOST_FILES = 10
"""Descriptors that suffice to start a command."""


@pytest.fixture
async def commands() -> AsyncIterator[Commands]:
    yield Commands(grace_s=0.3)


def shell(line: str, *arguments: str) -> Command:
    return Command(shell_command(line, *arguments))


async def run(commands: Commands, line: str, *, timeout_s: float = LONG_S, limit_bytes: int = 1000) -> CommandOutcome:
    return await commands.run(shell(line), timeout_s=timeout_s, limit_bytes=limit_bytes)


def is_gone(pid: int) -> bool:
    """Whether no process has this id, or it is dead and only waits for init."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


async def written_pid(path: Path) -> int:
    async def pid() -> int:
        return int(path.read_text())

    async def there() -> bool:
        return path.exists() and path.read_text().endswith("\n")

    await eventually(there)
    return await pid()


async def test_what_it_says_and_how_it_ended_is_told(commands: Commands) -> None:
    assert await run(commands, "echo out; echo err >&2; exit 3") == Exited(3, b"out\n", b"err\n")


async def test_a_signal_is_a_negative_code(commands: Commands) -> None:
    assert await run(commands, "kill -9 $$") == Exited(-signal.SIGKILL, b"", b"")


async def test_binary_output_comes_as_it_is(commands: Commands) -> None:
    assert await run(commands, r"printf '\000\377\n\200'") == Exited(0, b"\x00\xff\n\x80", b"")


async def test_arguments_are_no_shell_text(commands: Commands, tmp_path: Path) -> None:
    nasty = "$(touch pwned); `touch pwned` 'x\" *"
    command = Command(("printf", "%s", nasty), tmp_path)
    assert await commands.run(command, timeout_s=LONG_S) == Exited(0, nasty.encode(), b"")
    in_shell = Command(shell_command('printf %s "$1"', nasty), tmp_path)
    assert await commands.run(in_shell, timeout_s=LONG_S) == Exited(0, nasty.encode(), b"")
    assert list(tmp_path.iterdir()) == []


async def test_it_runs_in_its_directory_with_its_variables(commands: Commands, tmp_path: Path) -> None:
    command = Command(shell_command('pwd; echo "$COLOUR"'), tmp_path, (("COLOUR", "red"),))
    assert await commands.run(command, timeout_s=LONG_S) == Exited(0, f"{tmp_path}\nred\n".encode(), b"")


async def test_our_secrets_are_not_in_its_environment(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROVE_AUTH__SECRET", "hunter2")
    outcome = await run(commands, "env", limit_bytes=100_000)
    assert isinstance(outcome, Exited)
    assert b"PATH=" in outcome.stdout
    assert b"hunter2" not in outcome.stdout


async def test_it_gets_what_is_meant_for_its_input(commands: Commands) -> None:
    text = os.urandom(1_000_000)
    outcome = await commands.run(Command(("cat",)), stdin=text, timeout_s=LONG_S)
    assert outcome == Exited(0, text, b"")


async def test_input_that_nobody_reads_is_no_mistake(commands: Commands) -> None:
    assert await commands.run(shell("exit 0"), stdin=b"x" * 1_000_000, timeout_s=LONG_S) == Exited(0, b"", b"")


async def test_without_input_it_reads_the_end_at_once(commands: Commands) -> None:
    assert await run(commands, "cat") == Exited(0, b"", b"")


async def test_one_that_hangs_is_ended_with_its_children(commands: Commands, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    outcome = await run(commands, f"sleep 1000 & echo $! > {pids}; echo so far; wait", timeout_s=HANGING_S)
    assert outcome == TimedOut(b"so far\n")
    assert await eventually(lambda: is_gone(int(pids.read_text())))


async def test_children_in_sessions_of_their_own_are_ended_with_it(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "tidy").write_text("echo $$ >> pids; exec sleep 1000")
    (tmp_path / "deaf").write_text("trap '' TERM; echo $$ >> pids; while :; do sleep 0.1; done")
    command = Command(shell_command("setsid sh ./tidy & setsid sh ./deaf & wait"), tmp_path)
    assert isinstance(await commands.run(command, timeout_s=HANGING_S), TimedOut)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    assert await eventually(lambda: all(map(is_gone, pids)))


async def test_one_that_ignores_the_request_to_end_is_killed(commands: Commands, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    outcome = await run(commands, f"trap '' TERM; echo $$ > {pids}; while :; do sleep 1; done", timeout_s=HANGING_S)
    assert isinstance(outcome, TimedOut)
    assert is_gone(int(pids.read_text()))


async def test_one_that_ends_in_the_grace_may_tidy_up(tmp_path: Path) -> None:
    line = f"trap 'echo tidy > {tmp_path}/tidied; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    outcome = await run(Commands(grace_s=LONG_S), line, timeout_s=HANGING_S)
    assert isinstance(outcome, TimedOut)
    assert outcome.stdout == b"ready\n"
    assert (tmp_path / "tidied").read_text() == "tidy\n"


async def test_a_child_in_a_session_of_its_own_may_tidy_up_though_its_parent_ended_at_once(tmp_path: Path) -> None:
    (tmp_path / "tidy").write_text("trap 'sleep 0.5; echo tidy > tidied; exit 0' TERM; while :; do sleep 0.01; done")
    command = Command(shell_command("setsid sh ./tidy & wait"), tmp_path)
    assert isinstance(await Commands(grace_s=LONG_S).run(command, timeout_s=HANGING_S), TimedOut)
    assert (tmp_path / "tidied").read_text() == "tidy\n"


async def test_what_it_leaves_behind_is_ended(commands: Commands) -> None:
    outcome = await run(commands, "sleep 1000 & echo $!")
    assert isinstance(outcome, Exited)
    assert await eventually(lambda: is_gone(int(outcome.stdout)))


async def test_nobody_waits_for_one_that_went_away_with_the_pipes(commands: Commands) -> None:
    outcome = await run(commands, "setsid sleep 30 & echo $!; exit 0")
    assert isinstance(outcome, Exited)
    assert outcome.stdout.strip().isdigit()


async def test_output_beyond_the_limit_is_cut_and_the_command_goes_on(commands: Commands) -> None:
    outcome = await run(commands, "head -c 3000000 /dev/zero; echo done >&2; exit 4")
    assert outcome == Exited(4, bytes(1000), b"done\n", truncated=True)


async def test_output_without_end_is_bounded_in_time(commands: Commands) -> None:
    outcome = await run(commands, "exec yes", timeout_s=HANGING_S)
    assert outcome == TimedOut(b"y\n" * 500)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("/nowhere/to/be/found",), "its program cannot be used: No such file or directory"),
        (("no-such-program-anywhere",), "its program cannot be used: No such file or directory"),
        (("/etc/passwd",), "its program cannot be used: Permission denied"),
        (("echo", "a\0b"), "its command cannot be started: it contains a NUL character"),
    ],
)
async def test_one_that_cannot_be_started_says_why(commands: Commands, argv: tuple[str, ...], words: str) -> None:
    assert await commands.run(Command(argv), timeout_s=LONG_S) == NotStarted(words)


async def test_a_missing_working_directory_is_named_as_such(commands: Commands, tmp_path: Path) -> None:
    outcome = await commands.run(Command(("true",), tmp_path / "gone"), timeout_s=LONG_S)
    assert outcome == NotStarted("its working directory cannot be used: No such file or directory")


async def test_to_cancel_it_is_to_end_it(commands: Commands, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = asyncio.create_task(run(commands, f"echo $$ > {pids}; exec sleep 1000"))
    pid = await written_pid(pids)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert is_gone(pid)


async def test_only_some_run_at_once_and_the_others_in_their_order(tmp_path: Path) -> None:
    commands = Commands(2)
    line = 'mkdir "$1" && ls -d slot* | wc -l; echo "$1" >> order; sleep 0.05; rmdir "$1"'
    calls = [
        commands.run(Command(shell_command(line, f"slot{number}"), tmp_path), timeout_s=LONG_S) for number in range(8)
    ]
    outcomes = await asyncio.gather(*calls)
    counts = [int(outcome.stdout) for outcome in outcomes if isinstance(outcome, Exited)]
    assert len(counts) == 8
    assert max(counts) == 2
    order = [int(word.removeprefix("slot")) for word in (tmp_path / "order").read_text().split()]
    assert all(abs(number - place) <= 1 for place, number in enumerate(order))


async def test_one_that_gets_no_place_in_time_is_not_started(tmp_path: Path) -> None:
    commands = Commands(1)
    task = asyncio.create_task(run(commands, f"echo $$ > {tmp_path}/pid; exec sleep 1000"))
    await written_pid(tmp_path / "pid")
    assert await run(commands, "echo hello", timeout_s=SHORT_S) == NotStarted("1 other commands are running")
    task.cancel()
    await asyncio.wait({task})
    assert await run(commands, "echo hello") == Exited(0, b"hello\n", b"")


async def test_one_that_cannot_be_ended_keeps_its_place_and_is_not_started_again(tmp_path: Path) -> None:
    """Commands gives up before the process is killed, as it does when a kill takes no effect."""
    commands = Commands(2, grace_s=TERM_GRACE_S, kill_wait_s=-TERM_GRACE_S)
    stubborn = f"echo $$ > {tmp_path}/pid; trap '' TERM; while :; do sleep 0.1; done"
    assert await run(commands, stubborn, timeout_s=HANGING_S) == TimedOut()
    assert not is_gone(await written_pid(tmp_path / "pid"))
    assert await run(commands, stubborn) == NotStarted("an earlier run of it cannot be ended")
    assert await run(commands, "echo another") == Exited(0, b"another\n", b"")

    async def startable() -> bool:
        return isinstance(await run(commands, stubborn, timeout_s=0.01), TimedOut)

    assert await eventually(startable)


class Crowded(ProcessRun):
    """Others take all descriptors that are left at the moment at which the process was started."""

    def _spawn(self) -> "subprocess.Popen[bytes]":
        process = super()._spawn()
        with suppress(OSError):
            while True:
                self.taken.append(os.dup(0))
        return process

    def __call__(self) -> CommandOutcome:
        self.taken: list[int] = []
        try:
            return super().__call__()
        finally:
            for descriptor in self.taken:
                os.close(descriptor)


@contextmanager
def files_left(count: int) -> Iterator[None]:
    """So many more files can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(open_files())
    taken = [os.dup(0) for _ in range(highest + 1 - len(open_files()))]  # so that the limit counts what is left
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


def open_files() -> set[int]:
    """With the one that is open to find out."""
    return {int(file.name) for file in Path("/dev/fd").iterdir()}


def test_without_a_descriptor_a_command_runs_or_says_why_and_nothing_is_left() -> None:
    while any(thread.name == "grove-command" for thread in threading.enumerate()):
        time.sleep(0.01)  # what other tests have left, which is being ended
    before = open_files()
    command, done = shell("echo out; echo err >&2"), Exited(0, b"out\n", b"err\n")
    for count in range(MOST_FILES + 2):
        for kind in (ProcessRun, Crowded):
            run = kind(command, b"", deadline_s=time.monotonic() + LONG_S, grace_s=0.1, limit_bytes=1000)
            with files_left(count):
                outcome = run()
            assert outcome == (done if count > MOST_FILES else outcome)
            assert outcome in (done, NotStarted("its program cannot be used: Too many open files"))
            assert open_files() <= before  # others may have closed some of theirs
