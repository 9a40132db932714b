"""Free TCP ports for processes that must be told their port before they start."""

import os
import random
import socket

FIRST, LAST = 20_000, 32_000
"""Below the range from which the kernel takes the ports of outgoing connections (32768 on Linux)."""

_chosen: set[int] = set()
# Mutable state: the ports this process has given out, none is given twice.


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens; never the same one twice, nor one of another xdist worker."""
    for port in _candidates():
        if port not in _chosen and _can_listen(port):
            _chosen.add(port)
            return port
    raise OSError(f"no free port between {FIRST} and {LAST}")


def _candidates() -> list[int]:
    """The ports of this xdist worker, from a random one on, so that two test runs at a time rarely meet."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = range(FIRST + mine, LAST, workers)
    start = random.SystemRandom().randrange(len(ports))  # not the seeded one: every run would begin alike
    return [*ports[start:], *ports[:start]]


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
        return True
