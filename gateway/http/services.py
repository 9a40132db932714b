"""What the HTTP layer is given to work with."""

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from discovery.endpoint import RefusedEndpoint
from discovery.manager import SourceStatus
from gateway.auth.caller import Authority
from gateway.http.documents import Documents
from gateway.http.door import Protection
from gateway.http.path import Route
from gateway.http.request import ApiRequest
from peers.candidates import Candidate
from peers.view import FederatedView, PeerStatus, Warned

Dispatch = Callable[[ApiRequest, Route], Awaitable[web.StreamResponse]]


_dice = random.Random()  # noqa: S311 -- an id must be new, not secret; asking the system costs a call per request


def _new_request_id() -> str:
    return f"{_dice.getrandbits(128):032x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedIdentity:
    """Who this gateway says it is. The ids are 22 characters of base64url, `boot_id` is new at every start."""

    instance_id: str
    boot_id: str
    name: str
    namespace: str
    version: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """What discovery knows beside the peers there are."""

    candidates: Sequence[Candidate] = ()
    refused: Sequence[RefusedEndpoint] = ()
    sources: Sequence[SourceStatus] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything handlers need. What changes while the gateway runs is a function, asked once per request."""

    identity: ServedIdentity
    dispatch: Dispatch
    """Answers a request whose path is a route; may raise ApiError."""

    view: Callable[[], FederatedView]
    documents: Callable[[FederatedView], Documents]
    """The documents of a view, made once for the current one."""

    peer_statuses: Callable[[], Sequence[PeerStatus]]
    discovered: Callable[[], Discovered] = Discovered
    """What discovery knows beside the peers there are."""

    passing_warnings: Callable[[FederatedView], Iterable[Warned]] = field(default=lambda _view: ())
    """What is wrong at this moment and stands in no view: with those who read us, with finding peers."""

    draining: Callable[[], bool]
    """Whether the gateway is about to stop."""

    clock_ns: Callable[[], int]
    """Nanoseconds since the epoch."""

    new_request_id: Callable[[], str] = _new_request_id
    aggregation_enabled: bool = False
    discovery_mode: str = "runtime_only"
    capabilities: tuple[str, ...] = ("tree",)
    """What another Grove gateway may use here beyond upstream's API: `tree`, `events`."""

    authority: Authority | None = None
    """Who believes tokens and gives them out; None while authentication is off."""

    protection: Protection = field(default_factory=Protection)
    """What requests pass at first, as it is when the gateway starts."""

    max_body_bytes: int = 1024 * 1024
    """Bytes of a body that is read whole; more is 413."""
