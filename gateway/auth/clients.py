"""The clients that may sign in: ids, roles, and digests of their secrets. Pure; secrets are not kept."""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.auth.roles import ROLE_WORDS, Role

CLIENT_RULE: Final = f"id:secret:role with a role of {', '.join(ROLE_WORDS)}"

MAX_CLIENT_ID: Final = 256
"""Characters of a client's id."""


@dataclass(frozen=True, slots=True)
class AuthClient:
    """One client; `digest` is the SHA-256 of its secret."""

    id: str
    role: Role
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientMistake:
    """An entry that is none, counted from 0. `found` quotes ids only, never a secret."""

    index: int
    found: str
    allowed: str


def parse_clients(entries: Iterable[str]) -> tuple[tuple[AuthClient, ...], tuple[ClientMistake, ...]]:
    """The clients of `id:secret:role` entries, and what is wrong with the others. A secret may hold colons."""
    clients: dict[str, AuthClient] = {}
    mistakes: list[ClientMistake] = []
    for index, entry in enumerate(entries):
        client_id, _, rest = entry.partition(":")
        secret, _, word = rest.rpartition(":")
        role = Role.parse(word)
        if not client_id or not secret or role is None or len(client_id) > MAX_CLIENT_ID or not client_id.isprintable():
            mistakes.append(ClientMistake(index, "a client of another form", CLIENT_RULE))
        elif client_id in clients:
            mistakes.append(ClientMistake(index, f"the client {client_id!r} again", "each client once"))
        else:
            clients[client_id] = AuthClient(client_id, role, _digest(secret))
    return tuple(clients.values()), tuple(mistakes)


class Clients:
    """All clients by id. To ask for one that is not there takes as long as for one that is."""

    def __init__(
        self, clients: Iterable[AuthClient], *, is_equal: Callable[[bytes, bytes], bool] = hmac.compare_digest
    ) -> None:
        """`is_equal` compares digests in constant time."""
        self._is_equal = is_equal
        # Mutable: who they are now.
        self._by_id: Mapping[str, AuthClient] = {client.id: client for client in clients}

    def __repr__(self) -> str:
        return f"<Clients {', '.join(self._by_id)}>"

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._by_id

    def take(self, clients: Iterable[AuthClient]) -> Collection[str]:
        """These are all from now on; the ids of those that are gone, or have another secret."""
        before, self._by_id = self._by_id, {client.id: client for client in clients}
        return [
            one.id for one in before.values() if (now := self._by_id.get(one.id)) is None or now.digest != one.digest
        ]

    def are(self, clients: Iterable[AuthClient]) -> bool:
        """Whether these are all, as they are now."""
        return self._by_id == {client.id: client for client in clients}

    def get(self, client_id: str) -> AuthClient | None:
        """The client of this id."""
        return self._by_id.get(client_id)

    def proven(self, client_id: str, secret: str) -> AuthClient | None:
        """The client if the secret is its own; the same work is done whichever half is wrong."""
        client = self._by_id.get(client_id)
        is_right = self._is_equal(_digest(secret), _NOBODY if client is None else client.digest)
        return client if is_right else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


_NOBODY: Final = bytes(32)
"""The digest of no secret that anybody could find."""
