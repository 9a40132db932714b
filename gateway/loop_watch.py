"""Watches that the event loop moves: a beat on the loop, and a thread that says where it stands when it does not.

A loop that stands still serves nobody, and takes healthy peers for silent ones.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from peers.view import Warned

MAX_FRAMES: Final = 20
"""Innermost calls of a loop that stands still that are logged."""

log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class LoopWatchSettings:
    """When the loop is called late; seconds."""

    beat_s: float = 0.25
    """Between two beats."""
    stall_s: float = 1.0
    """Without a beat, after which the loop stands still."""
    told_s: float = 60.0
    """For which `/health` warns of a stall that is over."""


class LoopWatch:
    """One for the loop that runs it."""

    def __init__(
        self,
        late: Callable[[float], None],
        settings: LoopWatchSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`late` is told by how many seconds each beat was late, on the loop."""
        self._late = late
        self._settings = settings or LoopWatchSettings()
        self._clock = clock
        # Mutable: the last beat, whether the thread is to end, and the last stall: when it was over, how long it took.
        self._beat = clock()
        self._over = threading.Event()
        self._stalled: tuple[float, float] | None = None

    def warnings(self) -> Iterator[Warned]:
        """Whether the loop stood still lately."""
        if self._stalled is not None and self._clock() - self._stalled[0] < self._settings.told_s:
            message = (
                f"this gateway stood still for {self._stalled[1]:.1f} s lately, the log says where; it had too little "
                "processor time, or something of its own blocked it"
            )
            yield Warned("loop_stalled", message)

    async def run(self) -> None:
        """Beats until cancelled; the thread that listens ends with it."""
        loop_thread = threading.get_ident()
        self._over.clear()
        self._beat = self._clock()
        listener = threading.Thread(target=self._listen, args=(loop_thread,), name="loop watch", daemon=True)
        listener.start()
        try:
            while True:
                due = self._clock() + self._settings.beat_s
                await asyncio.sleep(self._settings.beat_s)
                self._note(self._clock() - due)
        finally:
            self._over.set()

    def _note(self, late_s: float) -> None:
        self._beat = self._clock()
        self._late(late_s)
        if late_s >= self._settings.stall_s:
            self._stalled = self._beat, late_s
            log.warning("event loop goes on", stood_still_s=round(late_s, 1))

    def _listen(self, loop_thread: int) -> None:
        """What the thread does: once per stall, the stack of the loop."""
        pause_s = self._settings.stall_s / 2
        told_of: float | None = None
        while True:
            slept_at = self._clock()
            if self._over.wait(pause_s):
                return
            now, beat = self._clock(), self._beat
            if now - slept_at > pause_s + self._settings.stall_s / 2:
                continue  # it was not the loop that stood still, but the whole process
            if now - beat > self._settings.beat_s + self._settings.stall_s and beat != told_of:
                told_of = beat
                log.warning("event loop stands still", stack=_stack_of(loop_thread))


def _stack_of(thread: int) -> str:
    """Where this thread is now, the innermost call last."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 -- documented, and the only way
    return "" if frame is None else "".join(traceback.format_stack(frame)[-MAX_FRAMES:])
