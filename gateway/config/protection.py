"""Mistakes in the settings that protect: TLS, authentication, CORS, rate limits, files of peers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from discovery.settings import PeerSetting
from gateway.config.findings import Finding
from gateway.config.limit_rules import limit_mistakes
from gateway.config.problems import may_hide_secret, shown
from gateway.settings import Settings
from peers.tls import PIN_RULE, is_pin

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def protection_mistakes(settings: Settings) -> Iterator[Finding]:
    """Everything wrong with what protects."""
    if settings.server.tls.enabled:
        yield from _tls(settings)
    if settings.auth.enabled:
        yield from _auth(settings)
    yield from _cors(settings)
    yield from limit_mistakes(settings)
    for index, peer in enumerate(settings.aggregation.peers):
        yield from _credential(f"aggregation.peers[{index}]", peer)
        yield from _peer_tls(f"aggregation.peers[{index}]", peer)


def _credential(key: str, peer: PeerSetting) -> Iterator[Finding]:
    yield from _file(f"{key}.token_file", peer.token_file)
    yield from _file(f"{key}.client_secret_file", peer.client_secret_file)
    if peer.token_file is not None and peer.client_id is not None:
        yield Finding((f"{key}.client_id", f"{key}.token_file"), "a client_id beside token_file", "one of the two")
    for given, missing in (("client_id", "client_secret_file"), ("client_secret_file", "client_id")):
        if getattr(peer, given) is not None and getattr(peer, missing) is None:
            yield Finding((f"{key}.{given}",), f"a {given} without {missing}", "both, or neither")


def _peer_tls(key: str, peer: PeerSetting) -> Iterator[Finding]:
    for name, path in (("ca_file", peer.ca_file), ("cert_file", peer.cert_file), ("key_file", peer.key_file)):
        yield from _file(f"{key}.{name}", path)
        if path is not None and not peer.url.lower().startswith("https://"):
            yield Finding((f"{key}.{name}", f"{key}.url"), f"{name} for {shown(peer.url)}", "an https:// URL beside it")
    if peer.key_file is not None and peer.cert_file is None:
        yield Finding((f"{key}.key_file",), "a key_file without cert_file", "both, or neither")
    for index, pin in enumerate(peer.pins):
        if not is_pin(pin):
            yield Finding((f"{key}.pins[{index}]",), shown(pin), PIN_RULE)
        elif not peer.url.lower().startswith("https://"):
            yield Finding((f"{key}.pins[{index}]", f"{key}.url"), f"a pin for {shown(peer.url)}", "an https:// URL")


def _tls(settings: Settings) -> Iterator[Finding]:
    tls = settings.server.tls
    yield from _file("server.tls.cert_file", tls.cert_file, because="server.tls.enabled")
    yield from _file("server.tls.key_file", tls.key_file, because="server.tls.enabled")
    yield from _file("server.tls.ca_file", tls.ca_file)


def _file(key: str, path: Path | None, because: str | None = None) -> Iterator[Finding]:
    """A file that must be there; if `because` is a setting, it must also be named."""
    if path is None and because is not None:
        yield Finding((key, because), "nothing", f"a PEM file, since {because} is true")
    if path is not None and not path.is_file():
        keys = (key,) if because is None else (key, because)
        found = "a path" if may_hide_secret(key) else f"'{path}'"
        yield Finding(keys, f"{found}, where there is no file", "a file that exists")


def _auth(settings: Settings) -> Iterator[Finding]:
    from gateway.auth.loading import AuthMaterial, load_material  # noqa: PLC0415 -- cryptography is loaded only where it is used

    outcome = load_material(settings.auth)
    if isinstance(outcome, AuthMaterial):
        return
    for mistake in outcome:
        yield Finding(mistake.keys, mistake.found, mistake.allowed, mistake.advice)


def _cors(settings: Settings) -> Iterator[Finding]:
    cors = settings.cors
    for index, origin in enumerate(cors.allowed_origins):
        key = f"cors.allowed_origins[{index}]"
        if origin == "*" and cors.allow_credentials:
            yield Finding(
                (key, "cors.allow_credentials"),
                "'*' while cors.allow_credentials is true",
                "the origins by name, or no credentials",
            )
        elif origin != "*" and _ORIGIN.fullmatch(origin) is None:
            yield Finding((key,), shown(origin), "scheme://host[:port] in lower case without a path, or '*' alone")
    for name, words in (("methods", cors.allowed_methods), ("headers", cors.allowed_headers)):
        for index, word in enumerate(words):
            if word == "*" or _TOKEN.fullmatch(word) is None:
                key = f"cors.allowed_{name}[{index}]"
                yield Finding((key,), shown(word), f"one of the {name} by name", "'*' is not supported here")
