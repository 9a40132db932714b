"""Who asks, as far as it is known, and what the HTTP layer needs of whoever knows. No library behind it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from gateway.auth.access import Policy
from gateway.auth.roles import Role
from peers.view import Warned

if TYPE_CHECKING:
    from gateway.auth.loading import AuthMaterial

SAVE_RETRY_S: Final = 5.0
"""Seconds until what could not be saved is tried again."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token was believed."""

    name: str
    role: Role
    good_s: float
    """Seconds until its token ends."""
    is_revoked: Callable[[], bool] = field(compare=False, repr=False)
    """Whether its token has been revoked since."""


@dataclass(frozen=True, slots=True)
class Disbelieved:
    """A token that was not believed, and why, in words for whoever sent it."""

    why: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens that were given out; the texts are secrets."""

    access: str
    refresh: str
    expires_in: int
    role: Role

    def __repr__(self) -> str:
        return f"<Grant {self.role.word}>"


@dataclass(frozen=True, slots=True)
class Denied:
    """No tokens: whoever asked did not prove what it should."""


@dataclass(frozen=True, slots=True)
class TooMany:
    """No tokens, and nothing was looked at: there were too many failures."""

    retry_after_s: int


@dataclass(frozen=True, slots=True)
class NotHere:
    """No tokens are given out here; `issuer` does."""

    issuer: str


@dataclass(frozen=True, slots=True)
class NotKept:
    """No tokens: that the refresh token is spent could not be saved. It is as good as before."""


Outcome = Grant | Denied | TooMany | NotHere | NotKept


class Authority(Protocol):
    """Believes tokens, and gives them out."""

    policy: Policy
    algorithm: str

    async def caller(self, token: str) -> Caller | Disbelieved:
        """Whose token this is."""

    async def authorize(self, client_id: str, secret: str, address: str) -> Outcome:
        """Tokens for a client that proves itself; `address` is where it asks from."""

    async def renew(self, refresh_token: str) -> Outcome:
        """New tokens for a refresh token that was not used before."""

    async def revoke(self, token: str) -> bool:
        """Makes a token, and of a refresh token its whole family, count no more; nothing for what is no good token.

        Whether that outlives this process; it counts at once in any case, and saving is tried again.
        """


class AuthService(Protocol):
    """An authority with what runs and is saved for it."""

    @property
    def authority(self) -> Authority:
        """Who believes tokens and gives them out."""

    async def take(self, material: "AuthMaterial") -> bool:
        """These keys and clients count from now on, where this gateway has any of its own; whether they are news."""

    async def run(self) -> None:
        """Until cancelled, and then until everything is saved."""

    def warnings(self) -> Iterable[Warned]:
        """What is wrong at this moment."""
