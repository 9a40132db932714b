"""The time by which something must have happened on a connection."""

import asyncio
import math
from collections.abc import Callable

from peers.framing import Failure


class OverdueWatch:
    """One due time, moved as often as one likes: the timer behind it is left running and looks when it fires.

    Setting a timer for every request and cancelling it again would cost more than reading its answer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, overdue: Callable[[Failure], None]) -> None:
        self._loop = loop
        self._overdue = overdue
        # Mutable state: what is due when, and the timer that will look.
        self._due = math.inf
        self._failure: Failure | None = None
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, due: float, failure: Failure) -> None:
        """Report `failure` once, when the loop's time reaches `due`, unless told otherwise before."""
        self._due, self._failure = due, failure
        if self._timer is None or due < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._look)

    def clear(self) -> None:
        """Expect nothing any more."""
        self._failure = None

    def stop(self) -> None:
        """Clear, and take the timer back too."""
        self._failure = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        failure = self._failure
        if failure is None:
            return
        if self._loop.time() < self._due:
            self.expect(self._due, failure)
        else:
            self._failure = None
            self._overdue(failure)
