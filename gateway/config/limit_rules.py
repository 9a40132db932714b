"""Mistakes in the settings of rate limits, of proxies and of the names we answer to."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.config.findings import Finding
from gateway.config.problems import shown
from gateway.http.client_address import parse_network
from gateway.http.path import API_PREFIX
from gateway.settings import Settings

_LIMIT: Final = re.compile(API_PREFIX + r"(/[^\s/]+)+:[1-9][0-9]{0,7}")
_HOST: Final = re.compile(r"[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,64}\]")


def limit_mistakes(settings: Settings) -> Iterator[Finding]:
    """All of them, whether or not anything is switched on."""
    for index, limit in enumerate(settings.rate_limiting.endpoint_limits):
        if _LIMIT.fullmatch(limit) is None:
            key = f"rate_limiting.endpoint_limits[{index}]"
            yield Finding((key,), shown(limit), f"{API_PREFIX}/path/with/*/segments:requests_per_minute")
    for name, texts in (
        ("rate_limiting.exempt_clients", settings.rate_limiting.exempt_clients),
        ("server.trusted_proxies", settings.server.trusted_proxies),
    ):
        for index, text in enumerate(texts):
            if parse_network(text) is None:
                yield Finding((f"{name}[{index}]",), shown(text), "ADDRESS, or ADDRESS/LENGTH without bits of a host")
    for index, host in enumerate(settings.server.allowed_hosts):
        if _HOST.fullmatch(host) is None:
            key = f"server.allowed_hosts[{index}]"
            yield Finding((key,), shown(host), "a name or an address without port, IPv6 in brackets")
