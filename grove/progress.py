"""How a running operation tells how far it is, and hears that it should stop."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any


class Progress:
    """Given to an operation whose function has a parameter of this type. May be used from any thread."""

    def __init__(self, tell: Callable[[Any], None], loop: asyncio.AbstractEventLoop) -> None:
        """`tell` is called on `loop`."""
        self._tell = tell
        self._loop = loop
        self._lock = threading.Lock()
        # Mutable: whether somebody wants it to end; under the lock: what the loop has not been told yet.
        self._stopped = threading.Event()
        self._newest: list[Any] = []

    def __call__(self, told: Any) -> None:
        """Say how far it is: a number of percent, or JSON. The newest counts, however often it is said."""
        with self._lock:
            waits, self._newest = bool(self._newest), [told]
        if not waits:
            try:
                self._loop.call_soon_threadsafe(self._pass_on)
            except RuntimeError:  # the gateway has ended
                self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether the operation was stopped, or ran out of time. A function in a thread cannot be ended from outside:
        one that takes long should look here, and return.
        """
        return self._stopped.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but for being stopped; whether it was. For functions in threads."""
        return self._stopped.wait(seconds)

    def stop(self) -> None:
        """Somebody wants it to end."""
        self._stopped.set()

    def _pass_on(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, []
        self._tell(newest[0])
