"""The limits this package keeps to, each with its unit. Figures: docs/configuration.md, "Limits"."""

from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Ge, Le

Milliseconds = Annotated[int, Ge(1), Le(3_600_000)]
Bytes = Annotated[int, Ge(1024), Le(16 * 1024**3)]
Count = Annotated[int, Ge(1), Le(65_536)]

KIB: Final = 1024
MIB: Final = 1024 * 1024

RETIRE_S: Final = 30.0
"""Seconds that requests under way to a peer that was removed, or is at another place now, may take to end."""

THREAD_BYTES: Final = 256 * KIB
"""From this size on what a peer answered is parsed in a thread, so that the loop stays free."""


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How one peer is talked to: its connections, deadlines and caps."""

    connect_timeout_ms: Milliseconds = 500
    """Milliseconds for name, TCP and TLS together; the request's own deadline may be earlier."""

    stream_idle_ms: Milliseconds = 60_000
    """Milliseconds a streamed body (either way) may rest; there is no total."""

    max_requests: Count = 256
    """Requests in flight to one peer; more wait for a slot until their deadline."""

    max_streams: Count = 64
    """Streams open to one peer, counted apart so that they never take a request's slot."""

    max_idle: Count = 256
    """Connections kept for reuse. As many as requests: a burst that closed the rest would dial them again."""

    idle_keep_ms: Milliseconds = 15_000
    """Milliseconds an unused connection is kept: well below the 75 s after which common servers close theirs."""

    window_bytes: Bytes = 64 * KIB
    """Bytes of a streamed body held for a slow reader before the socket is no longer read."""

    max_header_bytes: Bytes = 32 * KIB
    """Bytes of all header lines of one answer together, interim answers and trailers included."""

    max_headers: Count = 128
    """Header lines of one answer, interim answers and trailers included."""

    max_informational: Count = 8
    """Interim answers (1xx) before the real one."""

    combined_body_bytes: Bytes = 10 * MIB
    """Bytes of one answer that is combined with others."""

    tree_body_bytes: Bytes = 64 * MIB
    """Bytes of one tree document."""

    peer_budget_bytes: Bytes = 72 * MIB
    """Bytes of unfinished answers held of one peer's requests, and again of its trees: the others keep their room."""

    total_budget_bytes: Bytes = 256 * MIB
    """Bytes of unfinished answers held in this process, all peers together."""


UPSTREAM_TRANSPORT: Final = TransportSettings(max_requests=2, max_streams=1, max_idle=2, idle_keep_ms=4_000)
"""Towards a C++ gateway: it has six workers, one per connection, and drops idle connections after 5 s."""

UPSTREAM_CONTROL: Final = TransportSettings(max_requests=1, max_streams=1, max_idle=1, idle_keep_ms=4_000)
"""For its probes, so that they never wait for requests; no stream is ever opened on it. Four connections in all."""


@dataclass(frozen=True, slots=True)
class ForeignSettings:
    """How a C++ gateway is read.

    The limits of entities and of one answer are its own: what exceeds them it could not have read itself.
    """

    request_timeout_ms: Milliseconds = 2_000
    """Milliseconds of one request (`aggregation.timeout_ms`)."""

    walk_timeout_ms: Milliseconds = 60_000
    """Milliseconds of all requests of one reading together."""

    parallel: Count = 2
    """Requests of a reading under way at once; those of clients are served between them."""

    max_collection: Count = 1_000
    """Entities in one collection."""

    max_entities: Count = 10_000
    """Entities altogether."""

    body_bytes: Bytes = 10 * MIB
    """Bytes of one answer."""

    thread_entities: Count = 1_000
    """From this many entities on, what was read is made a tree of in a thread."""

    walk_bytes: Bytes = 64 * MIB
    """Bytes of all answers of one reading."""

    echo_timeout_ms: Milliseconds = 500
    """Milliseconds that asking a peer whether it reads us may take."""

    echo_pause_ms: Milliseconds = 5_000
    """Milliseconds for which a peer is not asked that again for the sake of the same reader, unless it changed."""


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """How names of peers become addresses."""

    name_ttl_ms: Milliseconds = 30_000
    """Milliseconds an answer is used before the name is looked up again."""

    name_retry_ms: Milliseconds = 1_000
    """Milliseconds a failed lookup is remembered, so that an unknown name does not cost one per request."""

    max_lookups: Count = 64
    """Lookups under way at once, one per name; each may hold a thread for as long as the system's resolver likes."""

    max_names: Count = 1024
    """Names remembered; beyond, the one looked up longest ago is forgotten."""
