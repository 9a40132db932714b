"""What a gateway's process uses of the machine, as the kernel counts it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from tests.federation.gateways import Gateway
from tests.soak.mesh import NAMES

RESTING_SOCKETS = 1 + 2 + 4 * (len(NAMES) - 1)
"""A gateway listens, has a pair for signals, and to and from every peer a connection for events and one for probes."""

FEW_THREADS = 16
"""The pool of the event loop makes them when they are needed, and keeps them."""


@dataclass(frozen=True, slots=True)
class Use:
    """The program tells nobody its tasks; one that is left over holds a connection, a thread or memory."""

    files: int
    sockets: int
    threads: int
    rss_bytes: int

    @classmethod
    def of(cls, gateway: Gateway) -> Self:
        process = psutil.Process(gateway.process.pid)
        opened = [*_open(process.pid)]
        sockets = sum(target.startswith("socket:") for target in opened)
        return cls(len(opened) - sockets, sockets, process.num_threads(), process.memory_info().rss)

    def __str__(self) -> str:
        mebibytes = self.rss_bytes / 1024 / 1024
        return f"{self.files} files, {self.sockets} sockets, {self.threads} threads, {mebibytes:.1f} MiB"

    def is_back(self, before: Self) -> bool:
        """Nothing is open that was not before there were clients. Sockets of requests stay for a while."""
        rests = self.sockets <= RESTING_SOCKETS and self.threads <= FEW_THREADS
        return rests and self.files <= before.files


def _open(pid: int) -> Iterator[str]:
    """What each file descriptor is, such as `socket:[4711]`."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield str(descriptor.readlink())
        except FileNotFoundError:  # closed meanwhile
            continue
