"""What is shown to which peer: a configured one's own credential, never anything to a discovered one."""

import time

from discovery.endpoint import FoundBy, PeerEndpoint
from discovery.settings import PeerSetting
from gateway.settings import AggregationSettings
from peers.credential import Credential
from peers.sign_in import SignIn
from peers.token_file import TokenFile


class PeerCredentials:
    """One credential for each configured peer that has one; all its clients share it."""

    def __init__(self, aggregation: AggregationSettings) -> None:
        self._passes_on = aggregation.forward_auth
        self._by_name = {
            peer.name: credential for peer in aggregation.peers if (credential := _credential(peer)) is not None
        }

    def of(self, endpoint: PeerEndpoint) -> Credential | None:
        """The credential for a peer at this endpoint."""
        return self._by_name.get(endpoint.name) if endpoint.found_by is FoundBy.STATIC else None

    def passes_on(self, endpoint: PeerEndpoint) -> bool:
        """Whether clients' own `Authorization` goes on to it (`aggregation.forward_auth`): never in the clear."""
        return self._passes_on and endpoint.found_by is FoundBy.STATIC and endpoint.url.startswith("https://")


def _credential(peer: PeerSetting) -> Credential | None:
    if peer.token_file is not None:
        return TokenFile(peer.name, peer.token_file, clock=time.monotonic)
    if peer.client_id is not None and peer.client_secret_file is not None:
        return SignIn(peer.name, peer.client_id, peer.client_secret_file, clock=time.monotonic)
    return None
