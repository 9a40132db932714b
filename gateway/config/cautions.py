"""Warnings: settings that are allowed and rarely meant."""

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from discovery.static import static_endpoints
from gateway.config.keys import KEYS
from gateway.config.problems import Flag, Place, SettingsWarning
from gateway.http.path import API_PREFIX, RESOURCE_COLLECTIONS
from gateway.settings import Settings


def warnings_about(settings: Settings, places: Mapping[str, Place]) -> tuple[SettingsWarning, ...]:
    """Everything to be said once at the start of settings without mistakes, and of the places where they stand."""
    return (
        *_about_the_network(settings),
        *_about_secrets(settings, places),
        *_about_limits(settings),
        *_about_peers(settings),
    )


def is_loopback(host: str) -> bool:
    """Whether binding `host` keeps the API on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _about_the_network(settings: Settings) -> Iterator[SettingsWarning]:
    host = settings.server.host
    asks_nobody = not settings.auth.enabled or settings.auth.require_auth_for == "none"
    if not is_loopback(host) and asks_nobody:
        yield SettingsWarning(
            "open_to_network",
            f"server.host is {host}: everybody who reaches this machine may read and write without authentication; "
            "bind 127.0.0.1, or let only a reverse proxy that authenticates reach the port",
        )
    if settings.auth.enabled and not settings.server.tls.enabled and not is_loopback(host):
        yield SettingsWarning(
            "cleartext_tokens",
            f"server.host is {host} and server.tls is off: secrets and tokens of clients travel in clear text; switch "
            "server.tls on, or let only a reverse proxy with https reach the port",
        )
    local = settings.local
    if local.allow_control and asks_nobody and (local.processes or local.units):
        yield SettingsWarning(
            "open_to_control",
            "local.allow_control is true: whoever reaches the API may stop programs of this machine without "
            "authentication; set auth.enabled to true",
        )


def _about_secrets(settings: Settings, places: Mapping[str, Place]) -> Iterator[SettingsWarning]:
    keys = [key for key in KEYS if KEYS[key].secret and isinstance(places.get(key), Flag)]
    if settings.auth.jwt_algorithm != "HS256" and "auth.jwt_secret" in keys:
        keys.remove("auth.jwt_secret")  # it is the path of a key
    if keys:
        yield SettingsWarning(
            "secret_on_command_line",
            f"{', '.join(keys)} came by the command line, which every user of this machine can read in its list of "
            "processes: use a file (auth.jwt_secret_file, auth.clients_file, or -c), or the environment",
        )


def _about_limits(settings: Settings) -> Iterator[SettingsWarning]:
    if not settings.rate_limiting.enabled:
        return
    for text in settings.rate_limiting.endpoint_limits:
        pattern, _, limit = text.rpartition(":")
        kind, name, *rest = (*pattern.removeprefix(f"{API_PREFIX}/").split("/"), "")
        if name in RESOURCE_COLLECTIONS:
            meant = "/".join([API_PREFIX, kind, "*", name, *rest[:-1]])
            yield SettingsWarning(
                "limit_without_effect",
                f"rate_limiting.endpoint_limits has {pattern}, where {name} stands in the place of an entity's id: "
                f"{meant}:{limit} is meant, most likely",
            )


def _about_peers(settings: Settings) -> Iterator[SettingsWarning]:
    aggregation = settings.aggregation
    endpoints = static_endpoints(aggregation)
    if not aggregation.enabled:
        if aggregation.looks_for_peers and not endpoints:
            yield SettingsWarning(
                "peers_not_enabled",
                "peers are to be found (aggregation.discover, peer_files, peer_dns) and nobody looks: set "
                "aggregation.enabled to true",
            )
        if endpoints:
            names = ", ".join(endpoint.name for endpoint in endpoints)
            yield SettingsWarning(
                "peers_not_enabled",
                f"peers are configured ({names}) and not used: set aggregation.enabled to true",
            )
        return
    if not endpoints and not aggregation.looks_for_peers:
        yield SettingsWarning(
            "no_peers",
            "aggregation.enabled is true without any peer: add aggregation.peers, or where to find peers "
            "(aggregation.discover, aggregation.peer_files, aggregation.peer_dns)",
        )
    cleartext = [
        endpoint.name
        for endpoint in endpoints
        if endpoint.url.startswith("http://") and not is_loopback(urlsplit(endpoint.url).hostname or "")
    ]
    if cleartext:
        yield SettingsWarning(
            "cleartext_peers",
            f"peers are spoken to in clear text ({', '.join(cleartext)}): use https:// URLs and set "
            "aggregation.require_tls to true where the network is not trusted",
        )
