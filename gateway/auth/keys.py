"""The keys that sign and verify tokens: one algorithm, one type of key. Pure; what is no good key is a KeyMistake.

Source: docs/authentication.md, "Keys".
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from jwt.algorithms import get_default_algorithms

Algorithm = Literal["HS256", "RS256", "ES256"]

MIN_SECRET_BYTES: Final = 32
"""Shortest secret for HS256, in bytes: as long as its digest (RFC 7518, section 3.2)."""

MIN_RSA_BITS: Final = 2048
"""Shortest RSA key, in bits (RFC 7518, section 3.3)."""

MAX_KEYS: Final = 64
"""Most entries of a published set, whether or not they are keys for us."""

MAX_KEY_ID: Final = 256
"""Characters of a key's id."""

_USES: Final = (None, "sig")
_UNKNOWN: Final = "a key of an unknown kind"


class KeyMistake(Exception):  # noqa: N818 -- a mistake of the user's, as the configuration calls it
    """What is given is no key that may be used; the message says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What tokens are signed with."""

    algorithm: Algorithm
    key: Any = field(repr=False)

    def fingerprint(self, of: bytes) -> str:
        """By which something is known again, and which tells nothing to who has not this key."""
        key = self.key
        if not isinstance(key, bytes):
            key = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return hmac.digest(key, b"fingerprint:" + of, "sha256").hex()


@dataclass(frozen=True, slots=True)
class VerifyingKeys:
    """What tokens are verified with: keys of one algorithm by their ids; a key without an id stands under None."""

    algorithm: Algorithm
    by_id: Mapping[str | None, Any] = field(repr=False)

    def find(self, key_id: str | None) -> Any | None:
        """The key that a token names; a token that names none is meant for the only one."""
        if key_id is None and len(self.by_id) == 1:
            return next(iter(self.by_id.values()))
        return self.by_id.get(key_id)


def shared_secret(secret: bytes) -> tuple[SigningKey, VerifyingKeys]:
    """The keys of HS256. Raises KeyMistake."""
    if len(secret) < MIN_SECRET_BYTES:
        raise KeyMistake(f"{len(secret)} bytes")
    try:
        get_default_algorithms()["HS256"].prepare_key(secret)
    except jwt.InvalidKeyError:
        raise KeyMistake("a key pair or certificate, which is no shared secret") from None
    return SigningKey("HS256", secret), VerifyingKeys("HS256", {None: secret})


def key_pair(algorithm: Algorithm, private_pem: bytes, public_pem: bytes) -> tuple[SigningKey, VerifyingKeys]:
    """The keys of RS256 and ES256. Raises KeyMistake."""
    private = private_key(algorithm, private_pem)
    public = public_key(algorithm, public_pem)
    if private.key.public_key() != public:
        raise KeyMistake("the public key of another private key")
    return private, VerifyingKeys(algorithm, {None: public})


def private_key(algorithm: Algorithm, pem: bytes) -> SigningKey:
    """The private key in `pem`. Raises KeyMistake."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyMistake("a private key with a password") from None
    except ValueError:
        raise KeyMistake("no private key in PEM") from None
    except UnsupportedAlgorithm:  # a curve or a cipher that the library does not know
        raise KeyMistake(_UNKNOWN) from None
    _require(algorithm, key.public_key())
    return SigningKey(algorithm, key)


def public_key(algorithm: Algorithm, pem: bytes) -> Any:
    """The public key in `pem`. Raises KeyMistake."""
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        raise KeyMistake("no public key in PEM") from None
    except UnsupportedAlgorithm:
        raise KeyMistake(_UNKNOWN) from None
    _require(algorithm, key)
    return key


def published_keys(algorithm: Algorithm, keys: Iterable[object]) -> VerifyingKeys:
    """The usable keys of a published set: of this algorithm, for signatures, each with an id of its own.

    Raises KeyMistake when there is none, or, before any is looked at, when it has more than MAX_KEYS entries.
    """
    listed = [*islice(keys, MAX_KEYS + 1)]
    if len(listed) > MAX_KEYS:
        raise KeyMistake(f"more than {MAX_KEYS} keys")
    found: dict[str | None, Any] = {}
    twice: set[str | None] = set()
    for told in listed:
        key = _published_key(algorithm, told)
        if key is None or not isinstance(told, dict):
            continue
        key_id = told.get("kid")
        if key_id in found:
            twice.add(key_id)
        found[key_id] = key
    usable = {key_id: key for key_id, key in found.items() if key_id not in twice}
    if not usable:
        raise KeyMistake(f"no key for {algorithm}")
    return VerifyingKeys(algorithm, usable)


def _published_key(algorithm: Algorithm, told: object) -> Any | None:
    """The key that one entry of a set describes; None where it is none of ours to use."""
    if not isinstance(told, dict) or told.get("use") not in _USES or told.get("alg") not in (None, algorithm):
        return None
    key_id = told.get("kid")
    if not (key_id is None or (isinstance(key_id, str) and 0 < len(key_id) <= MAX_KEY_ID)):
        return None
    if told.get("kty") == "oct" or "d" in told:  # a secret that is published is none
        return None
    try:
        key = jwt.PyJWK(told, algorithm).key
        _require(algorithm, key)
    except (jwt.PyJWTError, KeyMistake, TypeError, ValueError, UnsupportedAlgorithm):
        return None
    return key


def _require(algorithm: Algorithm, key: object) -> None:
    """Raises KeyMistake unless the public key is one for `algorithm`."""
    match algorithm, key:
        case "RS256", rsa.RSAPublicKey(key_size=bits):
            if bits < MIN_RSA_BITS:
                raise KeyMistake(f"an RSA key of {bits} bits")
        case "ES256", ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            pass
        case _:
            raise KeyMistake(f"a key of another type than {KEY_RULES[algorithm]}")


KEY_RULES: Final[Mapping[Algorithm, str]] = {
    "HS256": f"at least {MIN_SECRET_BYTES} bytes for HS256",
    "RS256": f"an RSA key of at least {MIN_RSA_BITS} bits in PEM",
    "ES256": "a key on the curve P-256 in PEM",
}
