"""How each peer is talked to, by the settings that are in force: TLS and credentials."""

from discovery.endpoint import PeerEndpoint
from gateway.peer_credentials import PeerCredentials
from gateway.peers_tls import PeersTls
from gateway.settings import AggregationSettings
from peers.credential import Credential
from peers.tls import PeerTls


class PeerTerms:
    """Asked for every client that is made."""

    def __init__(self, aggregation: AggregationSettings) -> None:
        """By these settings."""
        self._tls = PeersTls(aggregation)
        self._credentials = PeerCredentials(aggregation)

    def take(self, aggregation: AggregationSettings) -> None:
        """By these settings from now on; clients that are there keep what they have."""
        self._tls.take(aggregation)
        self._credentials.take(aggregation)

    def tls(self, endpoint: PeerEndpoint) -> PeerTls:
        """The TLS of a peer at this endpoint."""
        return self._tls(endpoint)

    def credential(self, endpoint: PeerEndpoint) -> Credential | None:
        """What is shown to it."""
        return self._credentials.of(endpoint)

    def passes_on(self, endpoint: PeerEndpoint) -> bool:
        """Whether clients' own `Authorization` goes on to it."""
        return self._credentials.passes_on(endpoint)
