"""Puts the authority of a gateway together from its settings; and what of it runs."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from gateway.auth.attempts import AttemptLimits, Attempts
from gateway.auth.caller import AuthService
from gateway.auth.clients import Clients
from gateway.auth.gatekeeper import FixedKeys, Gatekeeper
from gateway.auth.jwks import PublishedKeys
from gateway.auth.loading import AuthMaterial
from gateway.auth.session_file import SessionFile, restore_sessions
from gateway.auth.sessions import Sessions
from gateway.auth.tokens import Mint, TokenRules
from gateway.settings import AuthSettings
from gateway.state_dir import StateDir
from peers.view import Warned

log = structlog.get_logger("auth")


@dataclass(frozen=True, slots=True)
class AuthParts:
    """The authority, and what lifecycle runs and ends for it."""

    authority: Gatekeeper
    rules: TokenRules
    sessions: SessionFile
    published: PublishedKeys | None

    async def take(self, material: AuthMaterial) -> bool:
        """These keys and clients count from now on; whether they differ from those before."""
        if material.signing is None or material.verifying is None:
            return False
        mint = Mint(material.signing, self.rules, new_id=new_id)
        is_new = await self.authority.take(material.verifying, mint, material.clients)
        if is_new:
            log.info("clients and keys read again", clients=len(material.clients))
        return is_new

    async def run(self) -> None:
        """Until cancelled: keeps keys and what is saved current; then waits for what is being saved."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.sessions.run(), name="save tokens again")
                if self.published is not None:
                    group.create_task(self.published.run(), name="published keys")
        finally:
            await self.sessions.aclose()

    def warnings(self) -> Iterator[Warned]:
        """What is wrong at this moment."""
        yield from self.sessions.warnings()
        if self.published is not None and self.published.trouble is not None:
            yield Warned(
                "jwks_unavailable",
                f"the keys at auth.jwks_url cannot be fetched ({self.published.trouble}); the last ones count, if any, "
                "and it is tried again",
            )


def token_rules(auth: AuthSettings) -> TokenRules:
    """Whose tokens count, and for whom they must be."""
    return TokenRules(
        issuer=auth.issuer,
        audience=auth.audience or auth.issuer,
        needs_audience=bool(auth.audience),
        from_elsewhere=bool(auth.jwks_url),
    )


def new_id() -> str:
    """An unguessable text without a dot."""
    return secrets.token_hex(16)


def make_authority(auth: AuthSettings, material: AuthMaterial, state: StateDir) -> AuthParts:
    """The authority that these settings ask for, with the sessions of the last run. Reads the state, so it blocks."""
    rules = token_rules(auth)
    mint = None if material.signing is None else Mint(material.signing, rules, new_id=new_id)
    sessions = Sessions(None if mint is None else mint.fingerprints(material.clients))
    restore_sessions(state, sessions, now=time.time())
    keys: FixedKeys | PublishedKeys
    if material.verifying is None:
        keys = PublishedKeys(auth.jwks_url, auth.jwt_algorithm, clock=time.monotonic)
    else:
        keys = FixedKeys(material.verifying)
    store = SessionFile(state, sessions)
    clients = Clients(material.clients)
    gatekeeper = Gatekeeper(
        keys,
        rules,
        policy=auth.require_auth_for,
        algorithm=auth.jwt_algorithm,
        mint=mint,
        clients=clients,
        sessions=sessions,
        store=store,
        attempts=Attempts(AttemptLimits(), is_known=clients.__contains__, clock=time.monotonic, proven=sessions.proven),
        wall=time.time,
        access_s=auth.token_expiry_seconds,
        refresh_s=auth.refresh_token_expiry_seconds,
    )
    return AuthParts(gatekeeper, rules, store, keys if isinstance(keys, PublishedKeys) else None)


_: type[AuthService] = AuthParts
