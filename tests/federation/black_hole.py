"""A port on which a connection is never completed, as behind a firewall that drops what it does not like."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager

FILLERS = 4
"""More connections than a queue of length 0 takes."""


@contextmanager
def black_hole(port: int = 0) -> Iterator[int]:
    """The port, 0 being any free one: it listens, and its queue is full."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        taken: int = listener.getsockname()[1]
        for _ in range(FILLERS):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", taken))
        yield taken
