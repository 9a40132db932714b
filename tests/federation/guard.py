"""TLS and tokens for a whole cluster: its tests ask as ever, and everybody must prove who they are."""

import datetime as dt
import itertools
import secrets
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from yarl import URL

from gateway.auth.keys import shared_secret
from gateway.auth.roles import Role
from gateway.auth.tokens import Mint, TokenRules
from tests.faults.authority import Authority

ISSUER: Final = "ros2_medkit_gateway"

TOKEN_LIFE_S: Final = 3600

VALID: Final = dt.timedelta(days=90)
"""So long that no gateway warns of the end."""


@dataclass(frozen=True)
class Certificates:
    """An authority, and what it signed for this host by both of its names."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def signed(cls, folder: Path) -> "Certificates":
        authority = Authority(folder, "authority")
        authority.context("host", host="IP:127.0.0.1,DNS:localhost", ends=VALID)
        return cls(authority.file, authority.certificate("host"), authority.key("host"))

    def trusting(self) -> ssl.SSLContext:
        """For a client that believes this authority alone."""
        return ssl.create_default_context(cafile=self.authority)


class Guard:
    """Who is in one cluster, what they prove it with, and the file that each gateway reads behind its own.

    Every gateway has a secret of its own and knows the tester, as an admin, and each other gateway by another secret.
    Credentials between gateways are in turn a client's secret and a token; a stand-in asks for its token.
    """

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.certificates = certificates
        self._folder = folder / "guard"
        self._folder.mkdir()
        self._keys: dict[str, str] = {}
        self._names: dict[int, str] = {}
        self._standins: dict[int, str] = {}
        self._credentials: dict[tuple[str, int], dict[str, str]] = {}
        self._turns = itertools.cycle([self._client_secret, self._token])
        # Mutable state: gateways by port, their secrets, stand-ins' tokens by port, the credentials made so far.

    def file(self, name: str) -> Path:
        """What this gateway reads behind its own files."""
        return self._folder / f"{name}.yaml"

    def enrol(self, name: str, port: int) -> Mapping[str, str]:
        """Takes a gateway in; the headers with which the tester asks it."""
        self._keys[name] = secrets.token_hex(32)
        self._names[port] = name
        return {"Authorization": f"Bearer {self._minted(name, 'tester')}"}

    def standin(self, port: int) -> Mapping[str, str]:
        """What the spec of a stand-in on this port gets, and its tester must know."""
        self._standins[port] = secrets.token_hex(16)
        return {
            "cert_file": str(self.certificates.certificate),
            "key_file": str(self.certificates.key),
            "token": self._standins[port],
        }

    def write(self, name: str, peers: Iterable[tuple[str, str]]) -> None:
        """The file of this gateway, which has these peers, each by name and address."""
        settings = {
            "server.tls.enabled": True,
            "server.tls.cert_file": str(self.certificates.certificate),
            "server.tls.key_file": str(self.certificates.key),
            "auth.enabled": True,
            "auth.require_auth_for": "all",
            "auth.jwt_secret": self._keys[name],
            "auth.clients": [f"tester:{secrets.token_hex(16)}:admin"]
            + [f"{other}:{self._secret(other, name)}:admin" for other in self._keys if other != name],
            "aggregation.require_tls": True,
            "aggregation.peer_urls": [],
            "aggregation.peer_names": [],
            "aggregation.peers": [self._peer(name, peer, URL(url)) for peer, url in peers],
        }
        self.file(name).write_text(yaml.safe_dump(settings))

    def _peer(self, gateway: str, name: str, url: URL) -> Mapping[str, Any]:
        assert url.port is not None
        return {
            "name": name,
            "url": str(url.with_scheme("https").with_port(url.port)).rstrip("/"),
            "ca_file": str(self.certificates.authority),
            **self._credential(gateway, url.port),
        }

    def _credential(self, gateway: str, port: int) -> Mapping[str, str]:
        """With which this gateway asks whoever is on that port, the same at each start."""
        known = (gateway, port)
        if known not in self._credentials:
            other = self._names.get(port)
            if other is None:  # a stand-in, or nobody at all
                token = self._standins.get(port, "nobody.is.there")
                self._credentials[known] = {"token_file": self._written(f"{gateway}_at_{port}", token)}
            else:
                self._credentials[known] = next(self._turns)(gateway, other)
        return self._credentials[known]

    def _client_secret(self, gateway: str, other: str) -> dict[str, str]:
        file = self._written(f"{gateway}_at_{other}", self._secret(gateway, other))
        return {"client_id": gateway, "client_secret_file": file}

    def _token(self, gateway: str, other: str) -> dict[str, str]:
        return {"token_file": self._written(f"{gateway}_at_{other}", self._minted(other, gateway))}

    def _secret(self, gateway: str, other: str) -> str:
        """Of this gateway as a client of the other."""
        return f"{gateway} at {other}, {self._keys[other][:16]}"

    def _minted(self, gateway: str, client: str) -> str:
        """An admin's token that this gateway believes."""
        rules = TokenRules(ISSUER, ISSUER)
        mint = Mint(shared_secret(self._keys[gateway].encode())[0], rules, new_id=lambda: secrets.token_hex(8))
        now = int(time.time())
        return mint.access(client, Role.ADMIN, issued=now, expires=now + TOKEN_LIFE_S)

    def _written(self, name: str, text: str) -> str:
        path = self._folder / name
        path.write_text(f"{text}\n")
        return str(path)
