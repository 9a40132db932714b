"""From settings to keys and clients: everything that authentication needs of files, at the start and when they change.

What is wrong is told by setting, all at once, without a word of any secret.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from gateway.auth.clients import CLIENT_RULE, AuthClient, parse_clients
from gateway.auth.keys import KEY_RULES, KeyMistake, SigningKey, VerifyingKeys, key_pair, shared_secret
from gateway.local.regular_file import open_regular
from gateway.settings import AuthSettings

MAX_FILE_BYTES: Final = 64 * 1024
"""Longest file with a secret, a key or clients."""

JWKS_RULE: Final = "https://HOST[:PORT]/PATH without credentials; http:// only for an address of this machine"


@dataclass(frozen=True, slots=True)
class AuthMistake:
    """What is wrong with a setting of `auth`; `keys` are dotted, the first is the mistaken one."""

    keys: tuple[str, ...]
    found: str
    allowed: str
    advice: str = ""


class AuthMaterial(NamedTuple):
    """What tokens are made and believed with. Without keys of its own the gateway takes those at `auth.jwks_url`."""

    signing: SigningKey | None
    verifying: VerifyingKeys | None
    clients: tuple[AuthClient, ...]

    def __repr__(self) -> str:
        return f"<AuthMaterial {len(self.clients)} clients>"


class _Mistaken(Exception):  # noqa: N818 -- carries mistakes out of a nested read
    def __init__(self, *mistakes: AuthMistake) -> None:
        super().__init__()
        self.mistakes = mistakes


def load_material(auth: AuthSettings) -> AuthMaterial | tuple[AuthMistake, ...]:
    """Keys and clients, or everything that is wrong. Reads files, so it blocks."""
    mistakes = list(_lifetimes(auth))
    signing, verifying = None, None
    clients: tuple[AuthClient, ...] = ()
    if auth.jwks_url:
        mistakes.extend(_jwks(auth))
    else:
        try:
            signing, verifying = _keys(auth)
        except _Mistaken as mistaken:
            mistakes.extend(mistaken.mistakes)
        clients, wrong = _clients(auth)
        mistakes.extend(wrong)
    return tuple(mistakes) if mistakes else AuthMaterial(signing, verifying, clients)


def files_of(auth: AuthSettings) -> tuple[Path, ...]:
    """The files that `load_material` reads."""
    private = None if auth.jwt_algorithm == "HS256" or not auth.jwt_secret else Path(auth.jwt_secret)
    named = (auth.clients_file, auth.jwt_secret_file, auth.jwt_public_key, private)
    return tuple(path for path in named if path is not None)


def _lifetimes(auth: AuthSettings) -> Iterator[AuthMistake]:
    if auth.refresh_token_expiry_seconds < auth.token_expiry_seconds:
        yield AuthMistake(
            ("auth.refresh_token_expiry_seconds", "auth.token_expiry_seconds"),
            str(auth.refresh_token_expiry_seconds),
            f"at least auth.token_expiry_seconds, which is {auth.token_expiry_seconds}",
        )


def _jwks(auth: AuthSettings) -> Iterator[AuthMistake]:
    if not _is_jwks_url(auth.jwks_url):
        yield AuthMistake(("auth.jwks_url",), "another URL", JWKS_RULE)
    if auth.jwt_algorithm == "HS256":
        yield AuthMistake(
            ("auth.jwt_algorithm", "auth.jwks_url"),
            "HS256 together with auth.jwks_url",
            "RS256 or ES256, for a secret is never published",
        )
    if not auth.audience:
        yield AuthMistake(
            ("auth.audience", "auth.jwks_url"),
            "nothing together with auth.jwks_url",
            "what the provider writes into `aud` of tokens for this gateway",
            "without it, tokens made for any other service of the provider would count here",
        )
    for key in ("jwt_secret", "jwt_secret_file", "jwt_public_key", "clients", "clients_file"):
        if getattr(auth, key):
            yield AuthMistake(
                (f"auth.{key}", "auth.jwks_url"),
                "a value together with auth.jwks_url",
                "one of the two: this gateway gives out tokens, or believes those of a provider",
            )


def _is_jwks_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        parts.port  # noqa: B018 -- raises when it is none
    except ValueError:
        return False
    if not text.isascii() or not text.isprintable() or " " in text or "@" in parts.netloc or parts.fragment or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _keys(auth: AuthSettings) -> tuple[SigningKey, VerifyingKeys]:
    if auth.jwt_secret and auth.jwt_secret_file is not None:
        raise _mistaken("auth.jwt_secret_file", "a file together with auth.jwt_secret", "one of the two")
    where = "auth.jwt_secret" if auth.jwt_secret_file is None else "auth.jwt_secret_file"
    try:
        if auth.jwt_algorithm == "HS256":
            return shared_secret(_shared(auth))
        return key_pair(auth.jwt_algorithm, *_pems(auth, where))
    except KeyMistake as mistake:
        advice = _ADVICE if auth.jwt_algorithm == "HS256" else ""
        raise _mistaken(where, str(mistake), KEY_RULES[auth.jwt_algorithm], advice) from None


_ADVICE: Final = "set GROVE_AUTH__JWT_SECRET or auth.jwt_secret_file, so that the secret is in no settings file"


def _shared(auth: AuthSettings) -> bytes:
    if auth.jwt_secret_file is None:
        return auth.jwt_secret.encode("utf-8", "surrogatepass")
    return _read("auth.jwt_secret_file", auth.jwt_secret_file).strip()


def _pems(auth: AuthSettings, where: str) -> tuple[bytes, bytes]:
    """The private and the public key as they stand in their files."""
    wanted = (
        (where, auth.jwt_secret_file or Path(auth.jwt_secret), "the path of the private key"),
        ("auth.jwt_public_key", auth.jwt_public_key, "the path of the public key"),
    )
    found: list[bytes] = []
    mistakes: list[AuthMistake] = []
    for key, path, rule in wanted:
        try:
            if path is None or not path.is_file():
                raise _mistaken(key, "no file", f"{rule} for {auth.jwt_algorithm}")
            found.append(_read(key, path))
        except _Mistaken as mistaken:
            mistakes.extend(mistaken.mistakes)
    if mistakes:
        raise _Mistaken(*mistakes)
    private, public = found
    return private, public


def _mistaken(key: str, found: str, allowed: str, advice: str = "") -> _Mistaken:
    return _Mistaken(AuthMistake((key, "auth.enabled"), found, allowed, advice))


def _read(key: str, path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            body = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _mistaken(key, f"no file that can be read ({error.strerror})", "a file") from None
    if len(body) > MAX_FILE_BYTES:
        raise _mistaken(key, f"more than {MAX_FILE_BYTES} bytes", f"a file of at most {MAX_FILE_BYTES} bytes")
    return body


def _clients(auth: AuthSettings) -> tuple[tuple[AuthClient, ...], list[AuthMistake]]:
    places = [(f"auth.clients[{index}]", "", entry) for index, entry in enumerate(auth.clients)]
    if auth.clients_file is not None:
        try:
            text = _read("auth.clients_file", auth.clients_file).decode("utf-8-sig")
        except _Mistaken as mistaken:
            return (), [*mistaken.mistakes]
        except UnicodeDecodeError:
            return (), [AuthMistake(("auth.clients_file", "auth.enabled"), "bytes that are not UTF-8", "UTF-8")]
        lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
        entries = ((number, line) for number, line in lines if line and not line.startswith("#"))
        places += [("auth.clients_file", f"in line {number} ", line) for number, line in entries]
    if not places:
        empty = AuthMistake(
            ("auth.clients", "auth.enabled"),
            "an empty list",
            f"one client or more as {CLIENT_RULE}, or auth.clients_file",
        )
        return (), [empty]
    clients, wrong = parse_clients(entry for _, _, entry in places)
    mistakes = [
        AuthMistake((places[one.index][0], "auth.enabled"), places[one.index][1] + one.found, one.allowed)
        for one in wrong
    ]
    return clients, mistakes
