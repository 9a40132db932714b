"""All settings of a gateway as frozen values; `gateway.config.reader` reads them.

The defaults stand here, every figure with its unit; docs/configuration.md explains the keys.
A field with `repr=False` is a secret: it is neither printed nor quoted in a message.
"""

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from annotated_types import Ge, Le, MinLen, Predicate, doc

from discovery.settings import FindingSettings
from gateway.local.settings import LocalSettings

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_NAMESPACE: Final = re.compile(r"/|(/[A-Za-z0-9_]+)+")
_HOST: Final = re.compile(r"[A-Za-z0-9_.:%-]+")


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _is_namespace(text: str) -> bool:
    return _NAMESPACE.fullmatch(text) is not None


def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None


def _is_port(number: int) -> bool:
    return number == 0 or 1024 <= number <= 65535


def _host_name() -> str:
    return socket.gethostname() or "grove"


Name = Annotated[str, Predicate(_is_name), doc("1 to 128 letters, digits, '.', '_' and '-', not beginning with '.'")]
Namespace = Annotated[str, Predicate(_is_namespace), doc("/ or /words/of/letters_and_digits")]
Host = Annotated[str, Predicate(_is_host), doc("an address or name of this machine, such as 127.0.0.1")]
Port = Annotated[int, Predicate(_is_port), doc("1024 to 65535, or 0 for any free port")]
Interval = Annotated[int, Ge(100), Le(60_000)]
Milliseconds = Annotated[int, Ge(10), Le(600_000)]
Seconds = Annotated[int, Ge(1), Le(31_536_000)]
PerMinute = Annotated[int, Ge(1), Le(10_000_000)]
Bytes = Annotated[int, Ge(1024), Le(1024**3)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """HTTPS of our own server."""

    enabled: bool = False
    """Whether the API is served over https only."""

    cert_file: Path | None = None
    """PEM certificate chain."""

    key_file: Path | None = None
    """PEM private key."""

    ca_file: Path | None = None
    """PEM certificates that clients' certificates are checked against; none: not asked for."""

    min_version: Literal["1.2", "1.3"] = "1.2"
    """Oldest TLS version accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where and within which limits we listen."""

    host: Host = "127.0.0.1"
    """Address to bind; anything but loopback opens the API to the network."""

    port: Port = 8080
    """TCP port; 0 takes any free one, which is printed and announced."""

    state_dir: Path | None = None
    """Directory of identity and names; none: `$XDG_STATE_HOME/grove/<name>-<port>`."""

    tls: TlsSettings = field(default_factory=TlsSettings)

    max_body_bytes: Bytes = 1024 * 1024
    """Bytes of a request body that is read whole (JSON); streamed uploads are not counted."""

    max_header_bytes: Bytes = 32 * 1024
    """Bytes of all header lines of one request together."""

    header_timeout_ms: Milliseconds = 10_000
    """Milliseconds for the whole head of a request, and before the first byte on a new connection."""

    keep_alive_ms: Milliseconds = 75_000
    """Milliseconds an idle connection of a client is kept; longer than peers keep theirs, so that they close first."""

    body_grace_ms: Milliseconds = 5000
    """Milliseconds that the body of a request may lag behind `body_bytes_per_s`."""

    body_bytes_per_s: Annotated[int, Ge(1), Le(1024**3)] = 1024
    """Bytes of a body that a client must send in a second."""

    max_connections: Annotated[int, Ge(0), Le(1_000_000)] = 0
    """Connections of clients that are served at a time; 0: four fifths of the open files allowed."""

    allowed_hosts: tuple[str, ...] = ()
    """Names and addresses in `Host` that are answered, without port; none: any."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies whose word on the client's address is believed."""

    client_address_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The header in which they say it; the other one is never read."""

    lame_duck_ms: Annotated[int, Ge(0), Le(600_000)] = 1000
    """Milliseconds in which new requests are still taken after SIGTERM, while `/health` says `draining`."""

    drain_ms: Milliseconds = 5000
    """Milliseconds that requests under way may take to finish when the gateway stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregationSettings(FindingSettings):
    """Everything about peers: who they are (`FindingSettings`) and how they are treated."""

    enabled: bool = False
    """Whether this gateway has peers at all."""

    timeout_ms: Milliseconds = 2000
    """Milliseconds for one client request, connect to first byte, and for a refresh or fan-out as a whole."""

    write_timeout_ms: Milliseconds = 30_000
    """Milliseconds for a write or an execution."""

    connect_timeout_ms: Milliseconds = 500
    """Milliseconds of these for name, TCP and TLS together."""

    stream_idle_ms: Milliseconds = 60_000
    """Milliseconds a stream may rest once it flows; it has no total."""

    idle_keep_ms: Milliseconds = 15_000
    """Milliseconds an unused connection to a peer is kept."""

    forward_auth: bool = False
    """Whether clients' `Authorization` is passed on to peers."""

    retain_offline: Literal["none", "declared", "all"] = "none"
    """Which entities of silent gateways stay listed, marked as not available."""

    max_peer_entities: Annotated[int, Ge(1), Le(10_000_000)] = 100_000
    """Most entities taken from one peer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverySettings:
    """Upstream's names for the sources of our own entities; `local` is the same in our words."""

    mode: Literal["runtime_only", "manifest_only", "hybrid"] = "runtime_only"
    """runtime_only: this machine; manifest_only: the manifest; hybrid: both."""

    manifest_path: Path | None = None
    """The manifest of manifest_only and hybrid."""

    manifest_strict_validation: bool = True
    """Whether warnings about the manifest refuse it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """Who may do what: JWT and roles (interoperable with upstream's)."""

    enabled: bool = False
    """Whether requests are authenticated."""

    jwt_secret: str = field(default="", repr=False)
    """HS256: the shared secret, at least 32 bytes; RS256, ES256: path of the private key."""

    jwt_secret_file: Path | None = None
    """The same in a file: HS256: one that holds the secret; RS256, ES256: the private key, PEM."""

    jwt_public_key: Path | None = None
    """RS256, ES256: the public key, PEM."""

    jwt_algorithm: Literal["HS256", "RS256", "ES256"] = "HS256"
    """The one signature algorithm accepted."""

    jwks_url: str = ""
    """Where an identity provider publishes its keys; then its tokens count here, and none are given out."""

    token_expiry_seconds: Seconds = 3600
    """Seconds an access token is valid."""

    refresh_token_expiry_seconds: Seconds = 86_400
    """Seconds a refresh token is valid; not less than an access token."""

    require_auth_for: Literal["none", "write", "all"] = "write"
    """Which requests need a token."""

    issuer: Annotated[str, MinLen(1), doc("text, not empty")] = "ros2_medkit_gateway"
    """The `iss` claim given and demanded."""

    audience: str = ""
    """The `aud` claim given and demanded; empty: `issuer` is given, and tokens without any are taken too."""

    clients: tuple[str, ...] = field(default=(), repr=False)
    """Clients as `id:secret:role`; roles viewer, operator, configurator, admin."""

    clients_file: Path | None = None
    """Further clients, one a line in the same form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsSettings:
    """Which web pages of other origins may use the API in a browser."""

    allowed_origins: tuple[str, ...] = ()
    """Origins as scheme://host[:port], or `*`; empty: CORS is off."""

    allowed_methods: tuple[str, ...] = ("GET", "PUT", "POST", "DELETE", "OPTIONS")
    """Methods such pages may use."""

    allowed_headers: tuple[str, ...] = ("Content-Type", "Accept")
    """Request headers such pages may send; each by name."""

    allow_credentials: bool = False
    """Whether such pages may send cookies and `Authorization`; not with `*`."""

    max_age_seconds: Annotated[int, Ge(0), Le(31_536_000)] = 86_400
    """Seconds a browser may keep the answer to a preflight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitingSettings:
    """How many requests are answered."""

    enabled: bool = False
    """Whether requests are counted and refused beyond the limits."""

    global_requests_per_minute: PerMinute = 600
    """Requests a minute of all clients together."""

    client_requests_per_minute: PerMinute = 60
    """Requests a minute of one client address."""

    endpoint_limits: tuple[str, ...] = ()
    """Further limits as `pattern:requests_per_minute`, `*` standing for one path segment."""

    exempt_clients: tuple[str, ...] = ()
    """Addresses and networks that are not counted, such as those of one's own gateways."""

    client_cleanup_interval_seconds: Seconds = 300
    """Seconds between looks for clients to forget."""

    client_max_idle_seconds: Seconds = 600
    """Seconds after which a silent client is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SseSettings:
    """Event streams to clients; the event links of peers are not counted."""

    max_clients: Annotated[int, Ge(1), Le(100_000)] = 1000
    """Streams open at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole: what `grove run` runs with."""

    name: Name = field(default_factory=_host_name)
    """What this gateway is called in the banner, `/health` and `/version-info`."""

    namespace: Namespace = "/"
    """Shown beside the name."""

    refresh_interval_ms: Interval = 10_000
    """Milliseconds between periodic refreshes of peers."""

    health_interval_ms: Interval = 1000
    """Milliseconds between health probes of a peer."""

    server: ServerSettings = field(default_factory=ServerSettings)
    aggregation: AggregationSettings = field(default_factory=AggregationSettings)
    discovery: DiscoverySettings = field(default_factory=DiscoverySettings)
    local: LocalSettings = field(default_factory=LocalSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    cors: CorsSettings = field(default_factory=CorsSettings)
    rate_limiting: RateLimitingSettings = field(default_factory=RateLimitingSettings)
    sse: SseSettings = field(default_factory=SseSettings)
