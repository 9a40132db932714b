"""Keys, a mint, and tokens of any form for the tests of authentication."""

import base64
import itertools
import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.auth.keys import SigningKey, VerifyingKeys, shared_secret
from gateway.auth.tokens import Mint, TokenRules

SECRET = "a secret of more than thirty-two bytes"
NOW = 1_800_000_000
RULES = TokenRules("ros2_medkit_gateway", "ros2_medkit_gateway")

SIGNING, VERIFYING = shared_secret(SECRET.encode())


def new_mint(key: SigningKey = SIGNING, rules: TokenRules = RULES) -> Mint:
    """A mint whose ids are counted."""
    count = itertools.count()
    return Mint(key, rules, new_id=lambda: f"id{next(count)}")


def claims(**other: Any) -> dict[str, Any]:
    """The claims of a good access token; None leaves one out."""
    told = {
        "iss": "ros2_medkit_gateway",
        "sub": "ci",
        "iat": NOW,
        "exp": NOW + 3600,
        "jti": "one",
        "role": "operator",
        "aud": "ros2_medkit_gateway",
        **other,
    }
    return {name: value for name, value in told.items() if value is not None}


def segment(value: bytes | dict[str, Any]) -> str:
    """One part of a token; bytes as they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def signed(
    payload: dict[str, Any] | bytes | None = None,
    header: dict[str, Any] | bytes | None = None,
    *,
    key: Any = SECRET,
    algorithm: str = "HS256",
) -> str:
    """A token with a true signature over whatever header and payload; `algorithm`: how it is signed."""
    told = {"alg": algorithm, "typ": "access"} if header is None else header
    text = f"{segment(told)}.{segment(claims() if payload is None else payload)}"
    method = jwt.algorithms.get_default_algorithms()[algorithm]
    prepared = key.encode() if isinstance(key, str) else key
    signature = method.sign(text.encode(), prepared if algorithm.startswith("HS") else method.prepare_key(key))
    return f"{text}.{segment(signature)}"


def rsa_key(bits: int = 2048, name: str = "") -> rsa.RSAPrivateKey:
    """An RSA key of a test run; another name is another key."""
    return _rsa_key(bits, name)


def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1, name: str = "") -> ec.EllipticCurvePrivateKey:
    """A key on a curve; another name is another key."""
    return _ec_key(curve, name)


@cache
def _rsa_key(bits: int, _name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def _ec_key(curve: type[ec.EllipticCurve], _name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def private_pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[no-any-return]  # the key is of any type


def public_pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[no-any-return]  # the key is of any type


def verifying(key: Any, algorithm: Any) -> VerifyingKeys:
    return VerifyingKeys(algorithm, {None: key.public_key()})
