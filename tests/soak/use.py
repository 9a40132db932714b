"""What a gateway's process uses of the machine, as the kernel counts it."""

from dataclasses import dataclass
from typing import Self

import psutil

from tests.federation.gateways import Gateway


@dataclass(frozen=True, slots=True)
class Use:
    """The program tells nobody its tasks; one that is left over holds a connection, a thread or memory."""

    fds: int
    sockets: int
    threads: int
    rss_bytes: int

    @classmethod
    def of(cls, gateway: Gateway) -> Self:
        process = psutil.Process(gateway.process.pid)
        sockets = len(process.net_connections(kind="tcp"))
        return cls(process.num_fds(), sockets, process.num_threads(), process.memory_info().rss)

    def __str__(self) -> str:
        return f"{self.fds} fds, {self.sockets} sockets, {self.threads} threads, {self.rss_bytes / 1024 / 1024:.1f} MiB"
