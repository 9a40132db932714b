"""Tokens that nobody may believe, each with what is wrong with it. All but the forged ones carry a true signature."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import jwt

from tests.unit.auth.minting import NOW, SECRET, claims, ec_key, new_mint, public_pem, rsa_key, segment, signed

GOOD = {"alg": "HS256", "typ": "access"}


def unsigned(header: dict[str, Any], payload: dict[str, Any] | None = None, signature: str = "") -> str:
    return f"{segment(header)}.{segment(claims() if payload is None else payload)}.{signature}"


def bad_tokens() -> dict[str, str]:
    """All of them by what is wrong."""
    found: dict[str, str] = {}
    for group in (_algorithms, _claims, _headers, _encodings, _signatures):
        for name, token in group():
            assert name not in found
            found[name] = token
    return found


def _algorithms() -> Iterator[tuple[str, str]]:
    for word in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {word or 'empty'} without a signature", unsigned({"alg": word, "typ": "access"})
        yield f"alg {word or 'empty'} with a signature", signed(header={"alg": word, "typ": "access"})
    for word in ("HS384", "HS512"):
        yield f"{word} with our secret", signed(algorithm=word)
    for word in ("hs256", "HS256 ", "RS256", "ES256", "PS256", "EdDSA", "unknown"):
        yield f"signed as HS256, alg {word!r}", signed(header={"alg": word, "typ": "access"})
    yield "RS256 by a key of its own", signed(key=rsa_key(name="theirs"), algorithm="RS256")
    yield "ES256 by a key of its own", signed(key=ec_key(name="theirs"), algorithm="ES256")
    yield "alg left out", signed(header={"typ": "access"})
    yield "alg a list", signed(header={"alg": ["HS256"], "typ": "access"})
    yield "alg a number", signed(header={"alg": 256, "typ": "access"})
    yield "HS256 with the public key of some server as its secret", _with_raw_secret(public_pem(rsa_key()))
    yield "HS256 with an empty secret", _with_raw_secret(b"")
    yield "HS256 with the issuer as its secret", _with_raw_secret(b"ros2_medkit_gateway")


def _with_raw_secret(secret: bytes) -> str:
    text = f"{segment(GOOD)}.{segment(claims())}"
    algorithm = jwt.algorithms.get_default_algorithms()["HS256"]
    return f"{text}.{segment(algorithm.sign(text.encode(), secret))}"


def _claims() -> Iterator[tuple[str, str]]:
    for name in ("iss", "sub", "iat", "exp", "jti", "role"):
        yield f"without {name}", signed(claims(**{name: None}))
    yield "expired an hour ago", signed(claims(iat=NOW - 7200, exp=NOW - 3600))
    yield "expired half a minute ago", signed(claims(iat=NOW - 100, exp=NOW - 30))
    yield "not valid before tomorrow", signed(claims(nbf=NOW + 86_400))
    yield "not valid for another 31 seconds", signed(claims(nbf=NOW + 31))
    yield "made tomorrow", signed(claims(iat=NOW + 86_400, exp=NOW + 90_000))
    yield "made after it expires", signed(claims(iat=NOW + 10, exp=NOW + 5))
    yield "made before the epoch", signed(claims(iat=-1))
    yield "good for a hundred years", signed(claims(exp=NOW + 3_155_760_000))
    for name in ("iat", "exp", "nbf"):
        for value in (str(NOW), True, [NOW], {"at": NOW}, 1e300, -1e300):
            yield f"{name} is {value!r:.20}", signed(claims(**{name: value}))
    yield "nbf is null", signed(json.dumps({**claims(), "nbf": None}).encode())
    yield "exp is not a number", signed(json.dumps(claims()).replace(str(NOW + 3600), "NaN").encode())
    yield "exp is infinite", signed(json.dumps(claims()).replace(str(NOW + 3600), "1e999").encode())
    for issuer in ("somebody", "", "ros2_medkit_gateway ", "ROS2_MEDKIT_GATEWAY", ["ros2_medkit_gateway"], 7):
        yield f"issuer {issuer!r}", signed(claims(iss=issuer))
    audiences: tuple[object, ...] = ("somebody", "", [], ["a", "b"], [7], 7, {}, "ros2_medkit_gateway ")
    for audience in audiences:
        yield f"audience {audience!r}", signed(claims(aud=audience))
    yield "audience null", signed(json.dumps({**claims(), "aud": None}).encode())
    for role in ("root", "", "Admin", "admin ", "operator,admin", ["admin"], 4, True, {"admin": True}):
        yield f"role {role!r}", signed(claims(role=role))
    for subject in ("", 7, ["ci"], "c" * 257):
        yield f"subject {subject!r:.12}", signed(claims(sub=subject))
    yield "subject that is no client (any more)", signed(claims(sub="gone"))
    yield "subject in another spelling", signed(claims(sub="CI"))
    yield "jti empty", signed(claims(jti=""))
    yield "jti an object", signed(claims(jti={}))


def _headers() -> Iterator[tuple[str, str]]:
    refresh = new_mint().refresh("ci", _role(), issued=NOW, expires=NOW + 3600, family="f", turn=0)
    yield "a refresh token", refresh
    for typ in ("refresh", "JWT", "at+jwt", "ACCESS", "access ", "", ["access"], 7, None):
        header = {"alg": "HS256", "typ": typ}
        yield f"typ {typ!r}", signed(header=header)
    yield "without typ", signed(header={"alg": "HS256"})
    for kid in (
        *("../../../../etc/passwd", "/dev/null", "file:///dev/null", "key.pem"),
        *("' OR 1=1 --", "x' UNION SELECT 'secret", "http://127.0.0.1:9/key", "https://attacker.example/jwks.json"),
        *("`id`", "$(id)", "%00", "\0", "", "k" * 300, 7, None, ["a"], "ros2_medkit_gateway"),
    ):
        yield f"kid {kid!r:.40}", signed(header={**GOOD, "kid": kid})
    yield "jku", signed(header={**GOOD, "jku": "http://127.0.0.1:9/jwks.json"})
    yield "x5u", signed(header={**GOOD, "x5u": "http://127.0.0.1:9/cert.pem"})
    yield "x5c", signed(header={**GOOD, "x5c": ["MIIB"]})
    yield "jwk of its own", signed(header={**GOOD, "jwk": {"kty": "oct", "k": segment(SECRET.encode())}})
    yield (
        "jwk and RS256",
        signed(
            header={"alg": "RS256", "typ": "access", "jwk": {"kty": "RSA"}},
            key=rsa_key(name="theirs"),
            algorithm="RS256",
        ),
    )
    yield "crit", signed(header={**GOOD, "crit": ["exp"], "exp": NOW})
    yield "unencoded payload", signed(header={**GOOD, "b64": False, "crit": ["b64"]})
    yield "zip", signed(header={**GOOD, "zip": "DEF"})
    yield "cty", signed(header={**GOOD, "cty": "JWT"})
    yield "one more header", signed(header={**GOOD, "x": 1})


def _role() -> Any:
    from gateway.auth.roles import Role

    return Role.OPERATOR


def _encodings() -> Iterator[tuple[str, str]]:
    good = signed()
    head, body, signature = good.split(".")
    yield "two parts", f"{head}.{body}"
    yield "four parts", f"{good}.{signature}"
    yield "five parts, as if encrypted", f"{head}.{body}.{signature}.{body}.{signature}"
    yield "a part left empty", f"{head}..{signature}"
    yield "only dots", ".."
    yield "a word", "opensesame"
    yield "padded", f"{head}.{body}.{signature}="
    yield "in the other alphabet", f"{head}.{body}.{base64.b64encode(bytes(range(224, 256))).decode().rstrip('=')}"
    yield "with a blank in it", f"{head} .{body}.{signature}"
    yield "with a tab in it", f"{head}\t.{body}.{signature}"
    yield "the last letter spelled otherwise", good[:-1] + _same_bits(good[-1])
    yield "one letter more", good + "A"
    yield "quoted", f'"{good}"'
    yield "header that is a list", signed(header=b'["HS256"]')
    yield "header that is no JSON", signed(header=b"alg=HS256")
    yield "header in UTF-16", signed(header=json.dumps(GOOD).encode("utf-16"))
    yield "header with a byte-order mark", signed(header=b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    yield "header nested deep", signed(header=b'{"alg":"HS256","typ":"access","kid":' + b"[" * 500 + b"]" * 500 + b"}")
    yield "payload that is a list", signed(b"[]")
    yield "payload that is no JSON", signed(b"sub=ci")
    yield "header that names its alg twice", signed(header=b'{"alg":"none","alg":"HS256","typ":"access"}')
    yield "payload that names its role twice", signed(json.dumps(claims()).replace("{", '{"role":"viewer",').encode())
    yield "payload that is not UTF-8", signed(json.dumps(claims()).encode() + b"\xff")
    yield "payload with a lone surrogate", signed(json.dumps(claims()).replace('"ci"', '"ci\\ud800"').encode())
    yield "larger than any token", signed(claims(note="x" * 5000))


def _same_bits(letter: str) -> str:
    """Another letter whose first four bits, all that count at the end of 32 bytes, are the same."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) ^ 1]


def _signatures() -> Iterator[tuple[str, str]]:
    head, body, signature = signed().split(".")
    other = signed(claims(role="admin")).split(".")
    yield "claims changed after signing", f"{head}.{other[1]}.{signature}"
    yield "header changed after signing", f"{segment({**GOOD, 'typ': 'access', 'kid': 'x'})}.{body}.{signature}"
    yield "signature cut short", f"{head}.{body}.{signature[:20]}"
    yield "signature of nothing", f"{head}.{body}.{segment(bytes(32))}"
    yield "signed with another secret", signed(key="another secret of thirty-two bytes")
    yield "signed with the secret in capitals", signed(key=SECRET.upper())
