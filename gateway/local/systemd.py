"""What systemd's own programs print: `journalctl`, `systemctl`. Blocks: for threads."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.local.process import Command, Exited, NotStarted, ProcessRun, TimedOut

END_GRACE_S: Final = 0.5
"""Seconds a program that takes too long has to end before it is killed."""

_PLAIN: Final = (("LC_ALL", "C"), ("SYSTEMD_COLORS", "0"), ("SYSTEMD_PAGER", ""))


@dataclass(frozen=True, slots=True)
class Printed:
    """What a program printed, and what it complained about. `code`: how it ended."""

    output: bytes
    complaint: str
    code: int


@dataclass(frozen=True, slots=True)
class NothingPrinted:
    """Why there is nothing, in words for a client."""

    reason: str


def systemd_command(program: str, arguments: Sequence[str]) -> Command:
    """A program of systemd, by name or path, that prints nothing but what it is asked for."""
    return Command((program, *arguments), environment=_PLAIN)


def ask_systemd(
    program: str, arguments: Sequence[str], *, timeout_s: float, limit_bytes: int
) -> Printed | NothingPrinted:
    """What it prints, up to `limit_bytes`."""
    name = program.rpartition("/")[2]
    if shutil.which(program) is None:
        return NothingPrinted(f"{name} is not installed on this machine")
    deadline_s = time.monotonic() + timeout_s
    run = ProcessRun(
        systemd_command(program, arguments), b"", deadline_s=deadline_s, grace_s=END_GRACE_S, limit_bytes=limit_bytes
    )
    match run():
        case Exited(code, stdout, stderr):
            return Printed(stdout, stderr.decode(errors="replace").strip(), code)
        case TimedOut():
            return NothingPrinted(f"{name} takes too long")
        case NotStarted():
            return NothingPrinted(f"{name} cannot be run")
