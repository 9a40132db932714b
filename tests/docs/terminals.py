"""Runs the steps of a page: each terminal a process, files and ports of its own, outputs awaited."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.docs.pages import Step
from tests.federation.eventually import eventually
from tests.federation.ports import free_port
from tests.federation.process import ROOT

PORTS = ("8080", "8081", "8082")
"""The ports of the pages; each run has others."""

STOP_S = 15.0
OUTPUT_S = 30.0
"""Longest until an output is as the page says; a busy machine starts a gateway slowly."""

ANYTHING = "..."
"""In an output of a page: any text, or any lines."""


class Terminals:
    """One reader at work, in `folder`. Leaving it ends every process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._moved = {port: str(free_port()) for port in PORTS}
        # Mutable: where the reader is, what runs in which terminal, what was typed last.
        self._at = folder
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._typed = ""
        (folder / "bin").mkdir()
        for program, arguments in (("grove", " -m gateway"), ("python", "")):
            (folder / "bin" / program).write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
            (folder / "bin" / program).chmod(0o755)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for name in list(self._running):
            await self.stop(name)

    @property
    def ports(self) -> Sequence[int]:
        """The ports that stand for those of the page."""
        return [int(self._moved[port]) for port in PORTS]

    async def follow(self, steps: Sequence[Step]) -> None:
        """Does what the steps say, one after the other."""
        for step in steps:
            match step.action:
                case "folder":
                    self._at = Path(shutil.copytree(ROOT / "examples" / step.name, self.folder / step.name))
                    for file in self._at.glob("*.yaml"):
                        file.write_text(self.ported(file.read_text()))
                case "file":
                    assert (self._at / step.name).read_text() == self.ported(step.body) + "\n", step.name
                case "save":
                    (self._at / step.name).write_text(self.ported(step.body) + "\n")
                case "terminal":
                    await self.start(step.name, ["/bin/sh", "-c", f"exec {self.ported(step.body)}"])
                case "stop":
                    assert await self.stop(step.name) == 0, f"{step.name} did not end well"
                case "run":
                    self._typed = self.ported(step.body)
                case "output":
                    await self._awaits(self.ported(step.body))
                case _:
                    raise AssertionError(f"no marker is called {step.action}")

    async def start(self, terminal: str, command: Sequence[str]) -> None:
        """Runs `command` in a terminal until it ends or is stopped; its output goes to `<terminal>.log`."""
        assert terminal not in self._running, f"something runs in terminal {terminal} already"
        with (self.folder / f"{terminal}.log").open("ab") as log:
            self._running[terminal] = await asyncio.create_subprocess_exec(
                *command,
                cwd=self._at,
                env=self._environ(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def stop(self, terminal: str) -> int:
        """Ctrl-C in a terminal; the exit code."""
        process = self._running.pop(terminal)
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        try:
            return await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            return await process.wait()

    def log(self, terminal: str) -> str:
        """What stands in a terminal."""
        return (self.folder / f"{terminal}.log").read_text(errors="replace")

    async def _awaits(self, output: str) -> None:
        """Types what was to be typed until it says what the page says."""
        wanted = as_pattern(output)
        said = ""

        async def says_so() -> bool:
            nonlocal said
            said = await self._type()
            return wanted.fullmatch(said) is not None

        try:
            await eventually(says_so, OUTPUT_S)
        except AssertionError:
            logs = "\n".join(f"----- {name}\n{self.log(name)}" for name in self._running)
            raise AssertionError(f"{self._typed}\nsays\n{said}\ninstead of\n{output}\n{logs}") from None

    async def _type(self) -> str:
        shell = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", self._typed),
            cwd=self._at,
            env=self._environ(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await shell.communicate()
        return out.decode()

    def ported(self, text: str) -> str:
        """A text of the page with the ports of this run."""
        return re.sub(r"\b808[0-2]\b", lambda port: self._moved[port[0]], text)

    def _environ(self) -> dict[str, str]:
        """A reader's: nothing of Grove's is set, and `grove` is the program beside these tests."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("GROVE_")}
        return {
            **inherited,
            "PATH": f"{self.folder / 'bin'}:{inherited.get('PATH', os.defpath)}",
            "PYTHONPATH": str(ROOT),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "LC_ALL": "C.UTF-8",
        }


def as_pattern(output: str) -> re.Pattern[str]:
    """An output of a page as a pattern: `...` is anything, blanks at the ends of lines do not count."""
    lines = [".*".join(map(re.escape, line.rstrip().split(ANYTHING))) for line in output.splitlines()]
    parts = [r"(?:.*\n)*" if line == ".*" else line + r"[ \t]*\n" for line in lines]
    return re.compile("".join(parts))
