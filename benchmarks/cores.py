"""Which processor core each part of a measurement runs on, so that load and gateway do not push each other about."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cores:
    """Numbers of cores; equal where there are too few, None where this system cannot say."""

    load: int | None
    """The load generator's."""
    peers: int | None
    """That of the stand-ins behind the gateway."""
    gateway: int | None
    """Grove's, and in turn each rival's."""

    def __str__(self) -> str:
        if self.gateway is None:
            return "not pinned, this system cannot"
        return f"load {self.load}, peers {self.peers}, Grove and rivals {self.gateway}"


def choose_cores(usable: Sequence[int] | None = None) -> Cores:
    """From the cores this process may use, the gateway's first."""
    if usable is None:
        usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if not usable:
        return Cores(None, None, None)
    load, gateway = usable[0], usable[-1]
    return Cores(load, usable[1] if len(usable) > 2 else load, gateway)


def pin(pid: int, core: int | None) -> None:
    """All threads of a process; those it starts later follow. Nothing where there are no cores to choose from."""
    if core is None:
        return
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
