"""The tutorial's chain of three with authentication on at each, each with its own credential for the next."""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.auth.keys import shared_secret
from gateway.auth.roles import Role
from gateway.auth.tokens import Mint, TokenRules
from tests.federation import robots
from tests.federation.client import Answer, Client
from tests.federation.gateway import FAST
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.tutorial import STEP_6, Tutorial

USERS = {"eye": "viewer", "ci": "operator", "tuner": "configurator", "boss": "admin"}
"""Who may sign in at every gateway of the chain; everybody's secret is `<gateway>-<user>`."""

ISSUER = "ros2_medkit_gateway"


class SignedIn(Client):
    """Asks one gateway with a token."""

    def __init__(self, gateway: GatewayProcess, token: str) -> None:
        super().__init__(gateway.url, gateway._session)
        self.token = token

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **(options.pop("headers", None) or {})}
        return await super().request(method, path, headers=headers, **options)


class Guarded:
    """The three gateways, their secrets, and the credentials between them: A signs in at B, B has a token for C."""

    def __init__(self, cluster: Cluster, *, policy: str = "all", role_of_b: str = "admin") -> None:
        self._folder = cluster.folder
        self._secrets = {name: secrets.token_hex(32) for name in STEP_6}
        self.role_of_b = role_of_b
        tutorial = Tutorial(cluster)
        self.token_file = self._written("b_at_c", self.mint("gateway_c", "gateway_b", Role.ADMIN))
        self.secret_file = self._written("a_at_b", "gateway_b-gateway_a")
        peers = {
            "gateway_a": [
                {
                    "name": "mid_level",
                    "url": tutorial.url("gateway_b"),
                    "client_id": "gateway_a",
                    "client_secret_file": str(self.secret_file),
                }
            ],
            "gateway_b": [
                {"name": "leaf_system", "url": tutorial.url("gateway_c"), "token_file": str(self.token_file)}
            ],
            "gateway_c": [],
        }
        self.a, self.b, self.c = [
            tutorial.add(
                name,
                command,
                manifest=robots.CHAIN[name],
                settings={**FAST, **self._settings(name, peers[name], policy)},
            )
            for name, command in STEP_6.items()
        ]

    def _written(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(f"{text}\n")
        return path

    def _settings(self, name: str, peers: list[dict[str, Any]], policy: str) -> Mapping[str, Any]:
        above = {"gateway_a": {}, "gateway_b": {"gateway_a": "admin"}, "gateway_c": {"gateway_b": self.role_of_b}}[name]
        return {
            "aggregation.peer_urls": [],
            "aggregation.peer_names": [],
            "aggregation.peers": peers,
            "auth.enabled": True,
            "auth.require_auth_for": policy,
            "auth.jwt_secret_file": str(self._written(f"{name}.secret", self._secrets[name])),
            "auth.clients": [f"{user}:{name}-{user}:{role}" for user, role in {**USERS, **above}.items()],
        }

    def mint(self, gateway: str, client: str, role: Role, *, life_s: int = 3600) -> str:
        """A token that this gateway believes, as `grove token new` makes one."""
        rules = TokenRules(ISSUER, ISSUER)
        mint = Mint(shared_secret(self._secrets[gateway].encode())[0], rules, new_id=lambda: secrets.token_hex(8))
        now = int(time.time())
        return mint.access(client, role, issued=now, expires=now + life_s)

    async def signed_in(self, gateway: GatewayProcess, user: str) -> SignedIn:
        """A user of this gateway, who signed in there."""
        body = {
            "grant_type": "client_credentials",
            "client_id": user,
            "client_secret": f"{gateway.name}-{user}",
        }
        answer = await gateway.request("POST", "/auth/authorize", json=body)
        assert answer.status == 200, answer.json
        return SignedIn(gateway, answer.json["access_token"])

    async def whole(self) -> None:
        """Waits until A has the entities of all three."""
        eye = await self.signed_in(self.a, "eye")
        await eye.lists("components", "control_room", "robot", "torch")
