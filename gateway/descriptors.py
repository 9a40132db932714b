"""Open files: how many this process may have, and what part of them clients may take.

Source: docs/configuration.md, "Limits". A process that has none left can neither accept nor dial nor save.
"""

import resource
from typing import Final

import structlog

from gateway.http.connections import ConnectionLimits
from gateway.http.pace import PaceRule
from gateway.settings import Settings

MOST: Final = 65_536
"""Open files that are asked for; beyond that the machine is the limit."""

OWN_FILES: Final = 32
"""Open files that are not for connections: the log, the state, the libraries, what is read just now."""

FEWEST: Final = 16
"""Open files that are for connections at least, however few there are."""

CLIENTS_SHARE: Final = 0.8
"""The part of those for connections that clients may take."""

HANDSHAKE_SHARE: Final = 0.5
"""The part of those for clients that may be in their TLS handshake at a time."""

SPARE_SHARE: Final = 0.05
"""The part kept for connections beyond, on which `/health` is answered."""

_log = structlog.get_logger("gateway")


def files_for_connections() -> int:
    """Has the limit of open files raised; how many of them connections may take."""
    return max(FEWEST, raise_limit() - OWN_FILES)


def raise_limit() -> int:
    """As many open files as this process may have without asking anybody; how many it may have now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(MOST, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        _log.info("limit of open files stays", files=soft, why=str(error))
        return soft
    return wanted


def connection_limits(settings: Settings, files: int) -> ConnectionLimits:
    """What clients may use, in a process in which connections may take `files`."""
    server = settings.server
    share = max(1, int(files * CLIENTS_SHARE))
    grace_s, idle_s = server.body_grace_ms / 1000, settings.aggregation.stream_idle_ms / 1000
    most, spare = min(share, server.max_connections or share), max(4, int(files * SPARE_SHARE))
    return ConnectionLimits(
        most=most,
        spare=spare,
        handshakes=max(spare, int(most * HANDSHAKE_SHARE)),
        head_bytes=server.max_header_bytes,
        head_s=server.header_timeout_ms / 1000,
        keep_alive_s=server.keep_alive_ms / 1000,
        body=PaceRule(grace_s, server.body_bytes_per_s, max(grace_s, idle_s)),
        sending=PaceRule(idle_s, server.body_bytes_per_s, idle_s),
    )
