"""The authority of a gateway: believes tokens, gives them out, and remembers what was revoked."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Final, Protocol

import structlog

from gateway.auth.access import Policy
from gateway.auth.attempts import Attempts
from gateway.auth.caller import Authority, Caller, Denied, Disbelieved, Grant, NotHere, NotKept, Outcome, TooMany
from gateway.auth.clients import MAX_CLIENT_ID, AuthClient, Clients
from gateway.auth.keys import VerifyingKeys
from gateway.auth.roles import Role
from gateway.auth.sessions import Sessions
from gateway.auth.tokens import LEEWAY_S, BadToken, Mint, Token, TokenKind, TokenRules, verify

log = structlog.get_logger("auth")

REMEMBERED_TOKENS: Final = 1024
"""Tokens whose signature is not computed again with every request."""


class Keys(Protocol):
    """Where the keys are that tokens are verified with."""

    def current(self) -> VerifyingKeys | None:
        """The keys now; None if none were had yet."""

    async def with_key(self, token: str) -> VerifyingKeys | None:
        """The keys, looked for anew if they lack the one that `token` names."""


class FixedKeys:
    """Keys that stay as they are."""

    def __init__(self, keys: VerifyingKeys) -> None:
        self._keys = keys

    def current(self) -> VerifyingKeys:
        return self._keys

    async def with_key(self, token: str) -> VerifyingKeys:  # noqa: ARG002 -- there are no others
        return self._keys


class SessionStore(Protocol):
    """Where sessions are kept."""

    async def keep(self) -> bool:
        """Whether what the sessions are now is kept; where it is not, that is told, and tried again."""


class Gatekeeper:
    """See `Authority`. With a mint it gives out tokens, to its clients; without, it only believes those of others."""

    def __init__(
        self,
        keys: Keys,
        rules: TokenRules,
        *,
        policy: Policy,
        algorithm: str,
        mint: Mint | None,
        clients: Clients,
        sessions: Sessions,
        store: SessionStore,
        attempts: Attempts,
        wall: Callable[[], float],
        access_s: int,
        refresh_s: int,
    ) -> None:
        """`wall`: Unix seconds; `access_s`, `refresh_s`: seconds that tokens are good."""
        self.policy: Policy = policy
        self.algorithm = algorithm
        self._keys = keys
        self._rules = rules
        self._mint = mint
        self._clients = clients
        self._sessions = sessions
        self._store = store
        self._attempts = attempts
        self._wall = wall
        self._access_s = access_s
        self._refresh_s = refresh_s
        # Mutable: keys, mint and clients, see `take`; digests of tokens whose signature is known to be good, with the
        # keys it was good for.
        self._good: OrderedDict[bytes, tuple[VerifyingKeys, Token]] = OrderedDict()

    async def take(self, keys: VerifyingKeys, mint: Mint, clients: Collection[AuthClient]) -> bool:
        """With these from now on. What was given out with another key, or to a client that is gone or has another
        secret, counts no more. Whether anything differs from before.
        """
        is_new = self._keys.current() != keys or not self._clients.are(clients)
        for client in self._clients.take(clients):
            self._sessions.revoke_client(client, now=self._wall())
            self._attempts.forget_places(client)
        if self._keys.current() != keys:
            self._keys, self._mint = FixedKeys(keys), mint
        self._sessions.secrets = mint.fingerprints(clients)
        await self._store.keep()
        return is_new

    async def caller(self, token: str) -> Caller | Disbelieved:
        believed = await self._believed(token)
        if isinstance(believed, BadToken):
            return Disbelieved(believed.value)
        if believed.kind is not TokenKind.ACCESS:
            return Disbelieved(BadToken.FOREIGN.value)
        return self._known(believed)

    def _known(self, token: Token) -> Caller | Disbelieved:
        """The caller as it stands now: a client that is no more has no rights, one that was demoted has fewer."""
        good_s = token.expires + LEEWAY_S - self._wall()

        keys = self._keys

        def is_revoked() -> bool:
            return self._keys is not keys or self._sessions.is_revoked(token)

        if self._rules.from_elsewhere:
            return Caller(token.subject, token.role, good_s, is_revoked)
        client = self._clients.get(token.subject)
        if client is None:
            return Disbelieved(BadToken.REVOKED.value)
        return Caller(token.subject, min(token.role, client.role), good_s, is_revoked)

    async def _believed(self, text: str) -> Token | BadToken:
        found = self._verified(text, self._keys.current())
        if found is BadToken.UNKNOWN_KEY:
            found = self._verified(text, await self._keys.with_key(text))
        if isinstance(found, Token) and self._sessions.is_revoked(found):
            return BadToken.REVOKED
        return found

    def _verified(self, text: str, keys: VerifyingKeys | None) -> Token | BadToken:
        if keys is None:
            return BadToken.UNKNOWN_KEY
        now = self._wall()
        digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
        known = self._good.get(digest)
        if known is not None and known[0] is keys:
            token = known[1]
            if token.valid_from <= now + LEEWAY_S and now < token.expires + LEEWAY_S:
                self._good.move_to_end(digest)
                return token
        found = verify(text, keys, self._rules, now=now)
        if isinstance(found, Token):
            self._good[digest] = (keys, found)
            while len(self._good) > REMEMBERED_TOKENS:
                self._good.popitem(last=False)
        return found

    async def authorize(self, client_id: str, secret: str, address: str) -> Outcome:
        if self._mint is None:
            return NotHere(self._rules.issuer)
        name = client_id[: MAX_CLIENT_ID + 1]
        hearing = self._attempts.hear(name, address)
        client = self._clients.proven(client_id, secret) if hearing.is_heard else None
        if client is None:
            if hearing.is_heard:
                self._note_failure(client_id, name, address)
            return TooMany(hearing.wait_s) if hearing.wait_s else Denied()
        self._sessions.proven[client.id] = self._attempts.succeeded(client.id, address)
        log.info("signed in", client=client.id, role=client.role.word, address=address)
        return await self._opened(self._mint, client)

    def _note_failure(self, client_id: str, name: str, address: str) -> None:
        # The id is not logged unless it is one: people paste secrets into the wrong field.
        shown = client_id if self._clients.get(client_id) else None
        log.warning("sign-in failed", client=shown, address=address)  # no flood: only those that are heard come here
        if self._attempts.failed(name, address):
            log.warning("sign-ins refused for a while after too many failures", client=shown, address=address)

    async def _opened(self, mint: Mint, client: AuthClient) -> Grant:
        now = self._wall()
        issued = self._sessions.earliest_issue(client.id, now)
        family, expires, access_until = mint.new_id(), issued + self._refresh_s, issued + self._access_s
        self._sessions.open(family, client.id, now=now, expires=expires, access_until=access_until)
        grant = self._grant(mint, client.id, client.role, family, turn=0, issued=issued, expires=expires)
        await self._store.keep()
        return grant

    async def renew(self, refresh_token: str) -> Outcome:
        if self._mint is None:
            return NotHere(self._rules.issuer)
        token = await self._believed(refresh_token)
        if isinstance(token, BadToken) or token.kind is not TokenKind.REFRESH:
            return Denied()
        client = self._clients.get(token.subject)
        now = self._wall()
        issued = self._sessions.earliest_issue(token.subject, now)
        family = self._sessions.renew(token, now=now, access_until=issued + self._access_s)
        if client is None or family is None or token.family is None:
            log.info("refresh token refused, its sign-in is over", client=token.subject)
            await self._store.keep()
            return Denied()
        grant = self._grant(
            self._mint,
            client.id,
            client.role,
            token.family,
            turn=family.turn,
            issued=issued,
            expires=int(family.expires),
        )
        if not await self._store.keep():
            self._sessions.take_back(token)
            return NotKept()
        return grant

    def _grant(
        self, mint: Mint, subject: str, role: Role, family: str, *, turn: int, issued: int, expires: int
    ) -> Grant:
        access = mint.access(subject, role, issued=issued, expires=issued + self._access_s, family=family)
        refresh = mint.refresh(subject, role, issued=issued, expires=expires, family=family, turn=turn)
        return Grant(access, refresh, self._access_s, role)

    async def revoke(self, token: str) -> bool:
        believed = await self._believed(token)
        if isinstance(believed, BadToken):
            # One that was revoked before is told to be only if that is kept.
            return believed is not BadToken.REVOKED or await self._store.keep()
        now = self._wall()
        if believed.kind is TokenKind.REFRESH:
            self._sessions.revoke_family(believed, now=now, access_until=now + self._access_s)
        else:
            self._sessions.revoke_token(believed, now=now)
        log.info("token revoked", client=believed.subject, kind=believed.kind.value)
        return await self._store.keep()


_: type[Authority] = Gatekeeper


class NoStore:
    """Sessions that last as long as the process."""

    async def keep(self) -> bool:
        await asyncio.sleep(0)
        return True
