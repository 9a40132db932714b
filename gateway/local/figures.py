"""What is told of a running program: its data items, and what one look at the machine says of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import psutil

from gateway.local.bindings import DataSpec
from gateway.local.values import DataType

FIGURES: Final = (
    DataSpec("pid_count", "Processes", DataType.INT),
    DataSpec("cpu_percent", "CPU load, of one CPU", DataType.DOUBLE, unit="%"),
    DataSpec("memory", "Memory", DataType.INT, unit="B"),
    DataSpec("threads", "Threads", DataType.INT),
    DataSpec("uptime", "Uptime", DataType.DOUBLE, unit="s"),
    DataSpec("restarts", "Restarts", DataType.INT),
)
"""The data items of every program; a stopped one has nothing of them but its restarts."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look says of a program. `values`: by the ids of data items; what cannot be told is left out."""

    is_online: bool
    values: Mapping[str, Any]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Unseen:
    """Nothing could be seen of a program, in words for a client. Whether it runs is as it was last."""

    reason: str


Looks = Mapping[str, Look | Unseen]
"""By the ids of Apps."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is an App: what is known of it without looking. `journal`: the unit whose journal is its log."""

    app_id: str
    name: str
    specs: Sequence[DataSpec]
    unit: str | None = None


class Programs(Protocol):
    """Programs that are looked at together."""

    @property
    def all(self) -> Sequence[Program]:
        """Those there are; never changes."""

    def look(self) -> Looks:
        """Look at all of them. Blocks, and is called in one thread at a time; raises nothing that can be foreseen."""


class ProcessMeter:
    """Figures of the processes of one program, from look to look."""

    def __init__(self) -> None:
        # Mutable: when was looked last, and the CPU seconds of each process then.
        self._looked_s = 0.0
        self._cpu_s: Mapping[tuple[int, float], float] = {}

    def figures(self, processes: Sequence[psutil.Process]) -> dict[str, Any]:
        """Those of the processes that are still there, `restarts` apart."""
        now_s, began_s = time.monotonic(), time.time()
        cpu_s: dict[tuple[int, float], float] = {}
        memory = threads = 0
        for process in processes:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    cpu_s[process.pid, process.create_time()] = times.user + times.system
                    memory += process.memory_info().rss
                    threads += process.num_threads()
            except psutil.Error:
                continue  # it has just ended, or is nobody's to look at
        share = self._share(cpu_s, now_s)
        self._looked_s, self._cpu_s = now_s, cpu_s
        oldest_s = min((created for _, created in cpu_s), default=began_s)
        return {
            "pid_count": len(processes),
            "cpu_percent": round(share * 100, 1),
            "memory": memory,
            "threads": threads,
            "uptime": round(max(0.0, began_s - oldest_s), 1),
        }

    def _share(self, cpu_s: Mapping[tuple[int, float], float], now_s: float) -> float:
        """CPU seconds per second since the last look; of a process that is new, nothing yet."""
        spent_s = sum(max(0.0, used - self._cpu_s[key]) for key, used in cpu_s.items() if key in self._cpu_s)
        passed_s = now_s - self._looked_s
        return spent_s / passed_s if self._cpu_s and passed_s > 0 else 0.0
