"""Tokens: how they are made, and the one way in which they are believed. Pure; clock and keys are handed in.

A token is a JWS in compact form. PyJWT does the cryptography; form, header and claims are judged here, each strictly
and before anything is done with them. Source: docs/authentication.md, "Tokens".
"""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Final

import jwt
import msgspec

from entities.jsontext import InvalidJsonError, parse_json_as, render_json, require_unique_names
from gateway.auth.clients import AuthClient
from gateway.auth.keys import MAX_KEY_ID, Algorithm, SigningKey, VerifyingKeys
from gateway.auth.roles import Role

LEEWAY_S: Final = 30
"""Seconds by which clocks may differ."""

MAX_TOKEN_BYTES: Final = 4096
"""Longest token that is looked at."""

MAX_LIFETIME_S: Final = 31_536_000
"""Seconds from `iat` to `exp`: a token that is to live longer is a mistake, or nobody's."""

MAX_TEXT: Final = 256
"""Characters of `sub`, `jti` and the like."""

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_EPOCH_END: Final = 253_402_300_800  # the year 10000


class TokenKind(StrEnum):
    """What a token is for; it stands in the header's `typ`."""

    ACCESS = "access"
    REFRESH = "refresh"


class BadToken(StrEnum):
    """Why a token is not believed, in words for whoever sent it: no more than they may know."""

    MALFORMED = "it is no token of this gateway"
    UNKNOWN_KEY = "it names a key that is not known here"
    FORGED = "it is not signed by whom this gateway believes"
    FOREIGN = "it was made for, or by, somebody else"
    EXPIRED = "it has expired"
    NOT_YET = "it is not valid yet"
    REVOKED = "it has been revoked"


class Token(msgspec.Struct, frozen=True):
    """What a believed token says. `family`: the sign-in it comes from, if it comes from one.

    `id`: its `jti`, or a digest where the identity provider gives none.
    `turn`: of a refresh token, how often its family was renewed before it.
    """

    kind: TokenKind
    subject: str
    role: Role
    issued: float
    valid_from: float
    expires: float
    id: str | None = None
    family: str | None = None
    turn: int = 0


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a header may have: no `jku`, no `x5u`, no `jwk`, no `crit`."""

    alg: str
    typ: str
    kid: str | msgspec.UnsetType = msgspec.UNSET


class _Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    iss: str
    sub: str
    iat: int | float
    exp: int | float
    role: str
    aud: str | list[str] | msgspec.UnsetType = msgspec.UNSET
    nbf: int | float | msgspec.UnsetType = msgspec.UNSET
    jti: str | msgspec.UnsetType = msgspec.UNSET
    refresh_token_id: str | msgspec.UnsetType = msgspec.UNSET


class TokenRules(msgspec.Struct, frozen=True):
    """Whom tokens are from and for. `needs_audience`: one without `aud` is not believed.

    `from_elsewhere`: they are made by an identity provider, which writes its own `typ`, and no refresh tokens.
    """

    issuer: str
    audience: str
    needs_audience: bool = False
    from_elsewhere: bool = False


_TYPES_ELSEWHERE: Final = frozenset({"jwt", "at+jwt", "access"})


def key_id_of(text: str) -> str | BadToken | None:
    """The key id that a well-formed token names, or None; nothing of it is believed yet."""
    header = _header(text)
    if isinstance(header, BadToken):
        return header
    return None if header.kid is msgspec.UNSET else header.kid


def verify(text: str, keys: VerifyingKeys, rules: TokenRules, *, now: float) -> Token | BadToken:
    """What a token says, or why it is not believed. `now`: Unix seconds."""
    header = _header(text)
    if isinstance(header, BadToken):
        return header
    kind = _kind(header.typ, rules)
    if header.alg != keys.algorithm or kind is None:
        return BadToken.MALFORMED
    key = keys.find(None if header.kid is msgspec.UNSET else header.kid)
    if key is None:
        return BadToken.UNKNOWN_KEY
    try:
        payload = _signer(keys.algorithm).decode(text, key, algorithms=[keys.algorithm])
    except jwt.PyJWTError:
        return BadToken.FORGED
    try:
        claims = parse_json_as(payload, _Claims, max_bytes=MAX_TOKEN_BYTES)
        require_unique_names(payload)
    except InvalidJsonError:
        return BadToken.MALFORMED
    found = _judged(claims, kind, rules, now)
    if isinstance(found, Token) and found.id is None:
        return msgspec.structs.replace(found, id=_digest(text))
    return found


def _digest(text: str) -> str:
    """What names a token that has no id. Of what is signed alone: one ECDSA signature can be written as another."""
    return "sha256:" + sha256(text.rpartition(".")[0].encode()).hexdigest()


def _header(text: str) -> _Header | BadToken:
    parts = _COMPACT.fullmatch(text) if len(text) <= MAX_TOKEN_BYTES else None
    if parts is None or not all(map(_is_canonical, parts.groups())):
        return BadToken.MALFORMED
    try:
        text_of_header = jwt.utils.base64url_decode(parts[1])
        header = parse_json_as(text_of_header, _Header, max_bytes=MAX_TOKEN_BYTES)
        require_unique_names(text_of_header)
    except InvalidJsonError:
        return BadToken.MALFORMED
    is_named = header.kid is msgspec.UNSET or 0 < len(header.kid) <= MAX_KEY_ID
    return header if is_named else BadToken.MALFORMED


def _is_canonical(part: str) -> bool:
    """Whether it is base64url in its only spelling: two texts must never be one token."""
    if len(part) % 4 == 1:
        return False
    return jwt.utils.base64url_encode(jwt.utils.base64url_decode(part)).decode() == part


def _kind(typ: str, rules: TokenRules) -> TokenKind | None:
    if rules.from_elsewhere:
        return TokenKind.ACCESS if typ.lower() in _TYPES_ELSEWHERE else None
    return next((kind for kind in TokenKind if kind.value == typ), None)


def _judged(claims: _Claims, kind: TokenKind, rules: TokenRules, now: float) -> Token | BadToken:
    role = Role.parse(claims.role)
    if role is None or not _are_texts(claims.sub, claims.jti, claims.refresh_token_id):
        return BadToken.MALFORMED
    if claims.iss != rules.issuer or not _is_for(claims.aud, rules):
        return BadToken.FOREIGN
    not_before = claims.iat if claims.nbf is msgspec.UNSET else claims.nbf
    if not all(0 <= moment < _EPOCH_END for moment in (claims.iat, claims.exp, not_before)):
        return BadToken.MALFORMED
    if not 0 < claims.exp - claims.iat <= MAX_LIFETIME_S:
        return BadToken.MALFORMED
    if now >= claims.exp + LEEWAY_S:
        return BadToken.EXPIRED
    if max(claims.iat, not_before) > now + LEEWAY_S:
        return BadToken.NOT_YET
    return _read(claims, kind, role, rules, valid_from=max(claims.iat, not_before))


def _are_texts(*texts: str | msgspec.UnsetType) -> bool:
    return all(text is msgspec.UNSET or 0 < len(text) <= MAX_TEXT for text in texts)


def _is_for(audience: str | list[str] | msgspec.UnsetType, rules: TokenRules) -> bool:
    if audience is msgspec.UNSET:
        return not rules.needs_audience
    return rules.audience in ([audience] if isinstance(audience, str) else audience)


def _read(claims: _Claims, kind: TokenKind, role: Role, rules: TokenRules, *, valid_from: float) -> Token | BadToken:
    token_id = None if claims.jti is msgspec.UNSET else claims.jti
    family = None if claims.refresh_token_id is msgspec.UNSET else claims.refresh_token_id
    if token_id is None and not rules.from_elsewhere:
        return BadToken.MALFORMED
    turn = 0
    if kind is TokenKind.REFRESH:
        family, _, counted = (token_id or "").partition(".")
        if not family or not (counted.isascii() and counted.isdigit() and len(counted) <= 9):
            return BadToken.MALFORMED
        turn = int(counted)
    return Token(kind, claims.sub, role, claims.iat, valid_from, claims.exp, token_id, family, turn)


@cache
def _signer(algorithm: Algorithm) -> jwt.PyJWS:
    """PyJWT, knowing one algorithm and no other."""
    return jwt.PyJWS(algorithms=[algorithm])


class Mint:
    """Makes tokens in the form of ros2_medkit, with an audience besides."""

    def __init__(self, key: SigningKey, rules: TokenRules, *, new_id: Callable[[], str]) -> None:
        """`new_id`: an unguessable text without a dot."""
        self._key = key
        self._rules = rules
        self.new_id = new_id

    def __repr__(self) -> str:
        return f"<Mint {self._rules.issuer}>"

    def fingerprints(self, clients: Iterable[AuthClient]) -> dict[str, str]:
        """Of the clients' secrets, by their ids."""
        return {client.id: self._key.fingerprint(client.digest) for client in clients}

    def access(self, subject: str, role: Role, *, issued: int, expires: int, family: str | None = None) -> str:
        """An access token; Unix seconds."""
        claims = _Claims(
            iss=self._rules.issuer,
            sub=subject,
            iat=issued,
            exp=expires,
            role=role.word,
            aud=self._rules.audience,
            jti=self.new_id(),
            refresh_token_id=msgspec.UNSET if family is None else family,
        )
        return self._sign(claims, TokenKind.ACCESS)

    def refresh(self, subject: str, role: Role, *, issued: int, expires: int, family: str, turn: int) -> str:
        """A refresh token, the one that the family has from this turn on."""
        claims = _Claims(
            iss=self._rules.issuer,
            sub=subject,
            iat=issued,
            exp=expires,
            role=role.word,
            aud=self._rules.audience,
            jti=f"{family}.{turn}",
        )
        return self._sign(claims, TokenKind.REFRESH)

    def _sign(self, claims: _Claims, kind: TokenKind) -> str:
        key = self._key
        return _signer(key.algorithm).encode(
            render_json(claims), key.key, algorithm=key.algorithm, headers={"typ": kind.value}
        )
