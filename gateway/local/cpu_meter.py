"""How busy the processors are. Blocks."""

import time
from typing import Final

import psutil

FIRST_CPU_SAMPLE_S: Final = 0.1
"""The load is a difference; the first one is taken over this time."""


class CpuMeter:
    """The share of time all CPUs were busy since it was last asked, in percent.

    psutil's own `cpu_percent` remembers the last time per thread, and every reading here has a new thread.
    """

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None  # mutable: busy and total when it was last asked

    def percent(self) -> float:
        """0 to 100; the first time it measures for FIRST_CPU_SAMPLE_S."""
        if self._last is None:
            self._last = self._busy_and_total()
            time.sleep(FIRST_CPU_SAMPLE_S)
        busy, total = self._busy_and_total()
        last_busy, last_total = self._last
        self._last = busy, total
        share = (busy - last_busy) / (total - last_total) if total > last_total else 0.0
        return round(min(max(share, 0.0), 1.0) * 100, 1)

    def _busy_and_total(self) -> tuple[float, float]:
        times = psutil.cpu_times()._asdict()
        # Linux counts the time of guests in `user` and `nice` already.
        total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
        return total - times["idle"] - times.get("iowait", 0.0), total
