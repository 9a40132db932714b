"""Runs commands beside the loop: some at a time, each bounded in time and output, its outcome a value."""

import asyncio
import time
from typing import Final

from gateway.local.daemon_thread import in_daemon_thread
from gateway.local.process import TERM_GRACE_S, Command, CommandOutcome, Heard, NotStarted, ProcessRun, TimedOut

COMMANDS_AT_ONCE: Final = 16
"""Commands of one kind (readings, operations) that run at a time; further ones wait, the first that came first."""

OUTPUT_LIMIT_BYTES: Final = 1024 * 1024
"""Bytes kept of what a command says, of its output and of its errors each."""

KILL_WAIT_S: Final = 1.0
"""How long the end of a killed command is waited for; one that hangs in a dead disk ends when it likes."""

SHELL: Final = "/bin/sh"


def shell_command(line: str, *arguments: str) -> tuple[str, ...]:
    """The argv that has the shell run `line`, where `arguments` are "$1" and so on."""
    return (SHELL, "-c", line, "grove", *arguments)


class Commands:
    """A bulkhead for commands. Whoever calls `run` owns the command: cancelling it ends the command."""

    def __init__(
        self, at_once: int = COMMANDS_AT_ONCE, *, grace_s: float = TERM_GRACE_S, kill_wait_s: float = KILL_WAIT_S
    ) -> None:
        self._at_once = at_once
        self._grace_s = grace_s
        self._end_s = grace_s + kill_wait_s
        # Mutable: free places, and the commands that could not be ended.
        self._places = asyncio.Semaphore(at_once)
        self._stuck: set[Command] = set()

    async def run(
        self,
        command: Command,
        *,
        stdin: bytes = b"",
        timeout_s: float,
        limit_bytes: int = OUTPUT_LIMIT_BYTES,
        heard: Heard | None = None,
    ) -> CommandOutcome:
        """Runs it once. `timeout_s` is for waiting and running together; then its process group is ended.

        `heard` is called with the output as it comes, in the thread of the command.

        Comes back at the latest TERM_GRACE_S and KILL_WAIT_S after that time, or after it was cancelled. A command
        that even then has not ended keeps its place, and is not started again before it ends.
        """
        if command in self._stuck:
            return NotStarted("an earlier run of it cannot be ended")
        deadline_s = time.monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._places.acquire()
        except TimeoutError:
            return NotStarted(f"{self._at_once} other commands are running")
        run = ProcessRun(
            command, stdin, deadline_s=deadline_s, grace_s=self._grace_s, limit_bytes=limit_bytes, heard=heard
        )
        ended = in_daemon_thread(run, "grove-command")
        if ended is None:
            self._places.release()
            return NotStarted("the system has no thread to give")
        ended.add_done_callback(lambda _: self._places.release())
        try:
            await asyncio.wait({ended}, timeout=deadline_s - time.monotonic() + self._end_s)
        except asyncio.CancelledError:
            run.stop()
            await asyncio.wait({ended}, timeout=self._end_s)
            raise
        finally:
            if not ended.done():
                self._stuck.add(command)
                ended.add_done_callback(lambda _: self._stuck.discard(command))
        return ended.result() if ended.done() else TimedOut()
