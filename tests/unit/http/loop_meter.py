"""How long an event loop is busy between two looks at its sockets: for so long it serves nobody else."""

import asyncio
import gc
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.lifecycle import YOUNG_OBJECTS


class LoopMeter(selectors.DefaultSelector):
    """The selector of one loop. Processor time of the loop's own thread counts, so a busy machine does not."""

    def __init__(self) -> None:
        super().__init__()
        # Mutable: when the turn of the loop began, and the longest one since the last `reset`; seconds.
        self._began_s: float | None = None
        self.longest_s = 0.0

    def reset(self) -> None:
        """From the next turn on."""
        self._began_s = None
        self.longest_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._began_s is not None:
            self.longest_s = max(self.longest_s, time.thread_time() - self._began_s)
        ready = super().select(timeout)
        self._began_s = time.thread_time()
        return ready


def run_metered(work: Callable[[LoopMeter], Coroutine[Any, Any, None]]) -> None:
    """Runs `work` on a loop with a meter, with the garbage collector set as a gateway sets it."""
    meter, threshold = LoopMeter(), gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(meter)) as runner:
            runner.run(work(meter))
    finally:
        gc.set_threshold(*threshold)
