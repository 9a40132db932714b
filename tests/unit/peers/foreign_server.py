"""A stand-in upstream gateway in the test's own loop, and a client to it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from discovery.endpoint import PeerEndpoint
from peers.budget import ByteBudget
from peers.client import PeerClient
from peers.resolver import Resolver
from peers.settings import MIB, ResolverSettings, TransportSettings
from tests.federation.standin import Fault
from tests.federation.upstream import UpstreamServer


@asynccontextmanager
async def serving_upstream(spec: Mapping[str, Any], *oddities: Mapping[str, Any]) -> AsyncIterator["ForeignPeer"]:
    """`spec` and `oddities` as tests/federation/upstream.py has them."""
    server = UpstreamServer(spec)
    server.oddities = [Fault(**each) for each in oddities]
    runner = await server.listen(0)
    endpoint = PeerEndpoint("b", f"http://127.0.0.1:{runner.addresses[0][1]}")
    client = PeerClient(
        endpoint, TransportSettings(), resolver=Resolver(ResolverSettings()), budget=ByteBudget(256 * MIB)
    )
    try:
        yield ForeignPeer(server, client)
    finally:
        await client.aclose()
        await runner.cleanup()


class ForeignPeer:
    """The server and the client to it."""

    def __init__(self, server: UpstreamServer, client: PeerClient) -> None:
        self.server = server
        self.client = client

    def asked(self) -> list[str]:
        """The paths asked for so far, below /api/v1."""
        return [request["path"].removeprefix("/api/v1") for request in self.server.requests]
