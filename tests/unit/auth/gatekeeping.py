"""A gatekeeper with a clock that the test sets, over keys of minting.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.auth.access import Policy
from gateway.auth.attempts import AttemptLimits, Attempts
from gateway.auth.clients import Clients, parse_clients
from gateway.auth.gatekeeper import FixedKeys, Gatekeeper, Keys
from gateway.auth.keys import SigningKey, VerifyingKeys
from gateway.auth.sessions import Sessions
from gateway.auth.tokens import TokenRules
from tests.unit.auth.minting import NOW, RULES, SIGNING, VERIFYING, new_mint

CLIENTS = ("ci:the secret of ci:operator", "boss:the secret: of boss:admin", "eye:the secret of eye:viewer")

SECRETS = {"ci": "the secret of ci", "boss": "the secret: of boss", "eye": "the secret of eye"}


@dataclass
class Clock:
    """Unix seconds, and monotonic ones, that only the test moves."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


class CountedStore:
    """Counts how often something was to be kept."""

    def __init__(self) -> None:
        self.kept = 0
        self.is_full = False

    async def keep(self) -> bool:
        self.kept += 1
        return not self.is_full


@dataclass
class Gate:
    """What a gatekeeper is made of; `make` makes it anew from the same sessions, as a restart does."""

    policy: Policy = "all"
    clients: tuple[str, ...] = CLIENTS
    rules: TokenRules = RULES
    signing: SigningKey | None = SIGNING
    keys: Keys | VerifyingKeys = VERIFYING
    limits: AttemptLimits = field(default_factory=AttemptLimits)
    clock: Clock = field(default_factory=Clock)
    sessions: Sessions = field(default_factory=Sessions)
    store: CountedStore = field(default_factory=CountedStore)

    def make(self) -> Gatekeeper:
        parsed, mistakes = parse_clients(self.clients)
        assert mistakes == ()
        clients = Clients(parsed)
        return Gatekeeper(
            FixedKeys(self.keys) if isinstance(self.keys, VerifyingKeys) else self.keys,
            self.rules,
            policy=self.policy,
            algorithm="HS256",
            mint=None if self.signing is None else new_mint(self.signing, self.rules),
            clients=clients,
            sessions=self.sessions,
            store=self.store,
            attempts=Attempts(
                self.limits, is_known=clients.__contains__, clock=self.clock, proven=self.sessions.proven
            ),
            wall=self.clock,
            access_s=3600,
            refresh_s=86_400,
        )


def sign_in(client: str, **other: Any) -> Mapping[str, Any]:
    """The body of a sign-in."""
    return {"grant_type": "client_credentials", "client_id": client, "client_secret": SECRETS[client], **other}
