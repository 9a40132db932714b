"""What `grove run` prints when it is up: who we are, where we listen, how to stop. Pure."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from discovery.static import static_endpoints
from gateway.settings import Settings

_ALL_ADDRESSES = ("0.0.0.0", "::")
_WIDTH = 11


def banner(
    settings: Settings,
    *,
    port: int,
    version: str,
    files: Sequence[Path],
    state_dir: Path,
    instance_id: str,
    ephemeral: bool = False,
) -> str:
    """The banner, without a final newline.

    `port` is the real one (`settings.server.port` may be 0); `ephemeral`: the state directory is
    a temporary one, and with it the identity.
    """
    rows = [
        ("name", settings.name),
        ("namespace", settings.namespace),
        ("config", ", ".join(map(str, files)) or "defaults"),
        ("api", api_url(settings, port)),
        ("state", f"{state_dir} (temporary)" if ephemeral else str(state_dir)),
        ("instance", instance_id),
        *_peer_rows(settings),
        ("stop", "Ctrl-C, or SIGTERM"),
    ]
    return "\n".join([f"grove {version}", *(f"  {label:<{_WIDTH}}{value}" for label, value in rows)])


def api_url(settings: Settings, port: int) -> str:
    """The URL of the API as a user of this machine types it."""
    scheme = "https" if settings.server.tls.enabled else "http"
    host = settings.server.host
    if host in _ALL_ADDRESSES:
        return f"{scheme}://localhost:{port}/api/v1 (and every other address of this machine)"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/api/v1"


def _peer_rows(settings: Settings) -> Iterator[tuple[str, str]]:
    endpoints = static_endpoints(settings.aggregation)
    if not settings.aggregation.enabled:
        yield "peers", "off (aggregation.enabled is false)"
    elif not endpoints:
        yield "peers", "those that are found" if settings.aggregation.looks_for_peers else "none"
    else:
        for index, endpoint in enumerate(endpoints):
            yield "" if index else "peers", f"{endpoint.name} {endpoint.url}"
