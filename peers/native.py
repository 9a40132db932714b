"""Reads a Grove peer: who answers there, and its tree document, in one conditional request each."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from entities.codec import DecodedTree, OtherFormat, TooManyEntitiesError, parse_document, require_limits
from entities.history import apply_diff
from entities.identity import is_instance_id
from entities.jsontext import InvalidJsonError, parse_json
from entities.records import TreeDocument
from peers.client import PeerClient
from peers.errors import PeerError, PeerReason
from peers.foreign_health import UpstreamHealth, read_upstream_health
from peers.request import PeerRequest
from peers.settings import THREAD_BYTES

HEALTH_BYTES: Final = 1024 * 1024
"""Most of a `/health` answer that is read."""

MAX_VERSION: Final = 64
"""Characters of a peer's version that are kept."""

_HEALTH: Final = "/api/v1/health"
_TREE: Final = "/api/v1/x-medkit-tree"


@dataclass(frozen=True, slots=True)
class Probed:
    """Somebody healthy answered. The ids are None where it is no Grove gateway, `upstream` where it is none at all."""

    asked: float
    """Loop time at which the probe was sent."""
    rtt_ms: float
    instance_id: str | None = None
    boot_id: str | None = None
    generation: int | None = None
    has_events: bool = False
    upstream: UpstreamHealth | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class HeldTree:
    """The document we hold of a peer, and the ETag it came with."""

    document: TreeDocument
    etag: str | None
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The document we hold is the current one (304)."""


async def probe(client: PeerClient, *, deadline: float) -> Probed | PeerError:
    """One health check. Any answer but a readable 200 is a failure."""
    asked = asyncio.get_running_loop().time()
    fetched = await client.fetch(PeerRequest("GET", _HEALTH), deadline=deadline, cap=HEALTH_BYTES)
    if isinstance(fetched, PeerError):
        return fetched
    if fetched.status == 503 and _says_draining(fetched.body):
        return PeerError(PeerReason.DRAINING, "it is about to stop", fetched.elapsed_ms, 503)
    if fetched.status != 200:
        reason = PeerReason.AUTH if fetched.status in (401, 403) else PeerReason.HTTP_REQUEST_ERROR
        return PeerError(reason, f"/health answered {fetched.status}", fetched.elapsed_ms, fetched.status)
    try:
        body = parse_json(fetched.body, max_bytes=HEALTH_BYTES)
    except InvalidJsonError as error:
        return PeerError(PeerReason.INVALID_JSON, f"/health: {error}", fetched.elapsed_ms, 200)
    return _probed(body, asked, fetched.elapsed_ms)


def _says_draining(body: bytes) -> bool:
    try:
        told = parse_json(body, max_bytes=HEALTH_BYTES)
    except InvalidJsonError:
        return False
    return isinstance(told, dict) and told.get("status") == "draining"


def _probed(body: Any, asked: float, elapsed_ms: float) -> Probed:
    upstream = read_upstream_health(body)
    told = body.get("x-medkit") if isinstance(body, dict) else None
    medkit = told if isinstance(told, dict) else {}
    instance, boot, generation, version = (
        medkit.get(key) for key in ("instance_id", "boot_id", "generation", "version")
    )
    capabilities = medkit.get("capabilities")
    if not (
        is_instance_id(instance) and is_instance_id(boot) and isinstance(capabilities, list) and "tree" in capabilities
    ):
        # Upstream gateways have no such id: one that is malformed is a broken Grove, not one of them.
        return Probed(asked, elapsed_ms, upstream=None if "instance_id" in medkit else upstream)
    return Probed(
        asked,
        elapsed_ms,
        instance,
        boot,
        generation if type(generation) is int else None,
        "events" in capabilities,
        upstream,
        version[:MAX_VERSION] if isinstance(version, str) else None,
    )


async def _parse(body: bytes, *, max_bytes: int, max_entities: int) -> DecodedTree | OtherFormat:
    """As `parse_document`; a large document is parsed in a thread, so that the loop stays free."""
    if len(body) < THREAD_BYTES:
        return parse_document(body, max_bytes=max_bytes, max_entities=max_entities)
    return await asyncio.to_thread(parse_document, body, max_bytes=max_bytes, max_entities=max_entities)


async def read_tree(
    client: PeerClient, held: HeldTree | None, *, deadline: float, max_bytes: int, max_entities: int
) -> HeldTree | Unchanged | OtherFormat | PeerError:
    """The peer's current document; only what changed since `held` travels.

    A document with entities left out is read whole: of a diff nobody could tell how many are still left out.
    """
    headers: tuple[tuple[str, str], ...] = ()
    target = _TREE
    if held is not None:
        if not held.dropped:
            target = f"{_TREE}?since={held.document.boot_id}:{held.document.generation}"
        if held.etag is not None:
            headers = (("If-None-Match", held.etag),)
    fetched = await client.fetch(PeerRequest("GET", target, headers), deadline=deadline, cap=max_bytes)
    if isinstance(fetched, PeerError):
        return fetched
    if fetched.status == 304 and held is not None:
        return Unchanged()
    if fetched.status in (404, 501):
        return OtherFormat(f"{_TREE} answered {fetched.status}")
    if fetched.status != 200:
        reason = PeerReason.AUTH if fetched.status in (401, 403) else PeerReason.HTTP_REQUEST_ERROR
        return PeerError(reason, f"{_TREE} answered {fetched.status}", fetched.elapsed_ms, fetched.status)
    try:
        decoded = await _parse(fetched.body, max_bytes=max_bytes, max_entities=max_entities)
    except InvalidJsonError as error:
        return _refused_document(error, fetched.elapsed_ms)
    if isinstance(decoded, OtherFormat):
        return decoded
    etag = fetched.header("etag")
    if decoded.document.since is None:
        return HeldTree(decoded.document, etag, decoded.dropped)
    whole = None if held is None else apply_diff(held.document, decoded.document)
    if held is None or whole is None:
        return PeerError(PeerReason.INVALID_JSON, f"{_TREE}: a diff of another state", fetched.elapsed_ms, 200)
    whole = msgspec.structs.replace(whole, since=None)
    try:
        require_limits(whole, max_entities=max_entities)
    except InvalidJsonError as error:
        return _refused_document(error, fetched.elapsed_ms)
    return HeldTree(whole, etag, held.dropped + decoded.dropped)


def _refused_document(error: InvalidJsonError, elapsed_ms: int) -> PeerError:
    is_full = isinstance(error, TooManyEntitiesError)
    reason = PeerReason.PEER_LIMIT_EXCEEDED if is_full else PeerReason.INVALID_JSON
    return PeerError(reason, f"{_TREE}: {error}", elapsed_ms, 200)
