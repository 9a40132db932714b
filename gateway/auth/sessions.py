"""Who is signed in, and which tokens count no more. Times are Unix seconds; saved and restored as one document.

A sign-in begins a *family* of refresh tokens. Only its newest one is good, and only once: an older one that comes
again was stolen, or stole, and ends the family with all its access tokens. Source: docs/authentication.md, "Renewing".
"""

from collections.abc import Mapping
from math import ceil
from typing import Final

import msgspec

from entities.jsontext import parse_json_as, render_json
from gateway.auth.tokens import LEEWAY_S, Token

MAX_FAMILIES: Final = 64
"""Sign-ins of one client at a time; with one more the oldest can no longer be renewed."""

MAX_REVOKED: Final = 1024
"""Revocations kept of one client; with one more, everything given to it so far is revoked, and the list is empty."""

MAX_STATE_BYTES: Final = 64 * 1024 * 1024
"""Longest document that is restored."""


class Family(msgspec.Struct, frozen=True):
    """One sign-in: whose, which turn's refresh token is good, until when, and how long its access tokens live."""

    client: str
    turn: int
    expires: float
    access_until: float


class _Revoked(msgspec.Struct, frozen=True):
    client: str
    until: float


class _Saved(msgspec.Struct, frozen=True):
    families: dict[str, Family]
    revoked: dict[str, _Revoked]
    not_before: dict[str, float]
    all_not_before: float = 0.0
    secrets: dict[str, str] = {}
    proven: dict[str, list[str]] = {}


class Sessions:
    """All families and revocations."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        """`secrets`: fingerprints of the clients' secrets, by their ids."""
        # Mutable: all of it.
        self.secrets = secrets or {}
        self.proven: dict[str, list[str]] = {}
        """Where clients have proven themselves, see attempts.py."""
        self._families: dict[str, Family] = {}
        self._revoked: dict[str, _Revoked] = {}
        self._not_before: dict[str, float] = {}
        self._all_not_before = 0.0

    def __repr__(self) -> str:
        return f"<Sessions {len(self._families)} families, {len(self._revoked)} revoked>"

    def open(self, family: str, client: str, *, now: float, expires: float, access_until: float) -> None:
        """A client signed in."""
        self._forget(now)
        of_client = [one for one, each in self._families.items() if each.client == client]
        for oldest in of_client[: max(0, len(of_client) - MAX_FAMILIES + 1)]:
            del self._families[oldest]
        self._families[family] = Family(client, 0, expires, access_until)

    def renew(self, token: Token, *, now: float, access_until: float) -> Family | None:
        """The family after a refresh token was used; None if that was not the good one, which ends the family."""
        family = self._families.get(token.family or "")
        if family is None or family.expires <= now or self.is_revoked(token):
            return None
        if family.client != token.subject or token.turn != family.turn:
            self.revoke_family(token, now=now)
            return None
        renewed = Family(family.client, family.turn + 1, family.expires, max(family.access_until, access_until))
        self._families[token.family or ""] = renewed
        return renewed

    def take_back(self, token: Token) -> None:
        """The renewal by this refresh token gave nothing out: it is the good one again, unless more has happened."""
        name = token.family or ""
        family = self._families.get(name)
        if family is not None and family.turn == token.turn + 1:
            self._families[name] = msgspec.structs.replace(family, turn=token.turn)

    def earliest_issue(self, client: str, now: float) -> int:
        """The `iat` of a token made now: later than all that was revoked together."""
        return max(int(now), int(self._not_before_of(client)) + 1)

    def revoke_family(self, token: Token, *, now: float, access_until: float = 0.0) -> None:
        """Ends the family of a refresh token. `access_until`: how long access tokens of it may live at most."""
        family = token.family or ""
        known = self._families.pop(family, None)
        until = max(token.expires, access_until, 0.0 if known is None else known.access_until)
        self._revoke(family, token.subject, until, now)

    def revoke_token(self, token: Token, *, now: float) -> None:
        """Makes one access token count no more."""
        if token.id is not None:
            self._revoke(token.id, token.subject, token.expires, now)

    def is_revoked(self, token: Token) -> bool:
        """Whether a token that is otherwise good counts no more."""
        if token.issued <= self._not_before_of(token.subject):
            return True
        return token.family in self._revoked or token.id in self._revoked

    def _not_before_of(self, client: str) -> float:
        return max(self._all_not_before, self._not_before.get(client, -1.0))

    def _revoke(self, name: str, client: str, until: float, now: float) -> None:
        self._forget(now)
        self._revoked[name] = _Revoked(client, until + 2 * LEEWAY_S)
        mine = [one for one, each in self._revoked.items() if each.client == client]
        if len(mine) > MAX_REVOKED:
            self.revoke_client(client, now=now)

    def revoke_client(self, client: str, *, now: float) -> None:
        """Nothing that was given to it so far counts."""
        self._not_before[client] = float(ceil(now))
        self.proven.pop(client, None)
        self._revoked = {one: each for one, each in self._revoked.items() if each.client != client}
        self._families = {one: each for one, each in self._families.items() if each.client != client}

    def _forget(self, now: float) -> None:
        """What has expired by itself need not be remembered."""
        self._families = {one: each for one, each in self._families.items() if each.expires + LEEWAY_S > now}
        self._revoked = {one: each for one, each in self._revoked.items() if each.until > now}

    def save(self) -> bytes:
        """All of it as a document, without any token."""
        return render_json(
            _Saved(
                self._families, self._revoked, self._not_before, self._all_not_before, dict(self.secrets), self.proven
            )
        )

    def restore(self, body: bytes, *, now: float) -> bool:
        """Takes up what was saved, and revokes all of who is no client any more or has another secret.

        Whether to save it, so that the next start knows these secrets. Raises InvalidJsonError and changes nothing.
        """
        saved = parse_json_as(body, _Saved, max_bytes=MAX_STATE_BYTES)
        self._families = dict(saved.families)
        self._revoked = dict(saved.revoked)
        self._not_before = dict(saved.not_before)
        self._all_not_before = saved.all_not_before
        self.proven = dict(saved.proven)
        signed_in = {family.client: self.secrets.get(family.client) for family in saved.families.values()}
        for client, secret in {**signed_in, **saved.secrets}.items():  # older files have no secrets
            if client not in self.secrets or self.secrets[client] != secret:
                self.revoke_client(client, now=now)
        return saved.secrets != self.secrets

    def revoke_everything(self, *, now: float) -> None:
        """Nothing that was given so far counts: what had been revoked is not known any more."""
        self._all_not_before = float(ceil(now))
        self._families.clear()
        self._revoked.clear()
