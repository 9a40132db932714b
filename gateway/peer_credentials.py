"""What is shown to which peer: a configured one's own credential, never anything to a discovered one."""

import time

from discovery.endpoint import FoundBy, PeerEndpoint
from discovery.settings import PeerSetting
from gateway.file_thread import in_file_thread
from gateway.settings import AggregationSettings
from peers.credential import Credential
from peers.sign_in import SignIn
from peers.token_file import TokenFile


class PeerCredentials:
    """One credential for each configured peer that has one; all its clients share it."""

    def __init__(self, aggregation: AggregationSettings) -> None:
        # Mutable: whether clients' own goes on, and what was made for whom.
        self._passes_on = False
        self._made: dict[PeerSetting, Credential] = {}
        self._by_name: dict[str, Credential] = {}
        self.take(aggregation)

    def take(self, aggregation: AggregationSettings) -> None:
        """By these settings from now on. What is as before stays the same object, with the token that it has."""
        self._passes_on = aggregation.forward_auth
        self._made = {
            terms: credential
            for terms in map(_terms, aggregation.peers)
            if (credential := self._made.get(terms) or _credential(terms)) is not None
        }
        self._by_name = {terms.name: credential for terms, credential in self._made.items()}

    def of(self, endpoint: PeerEndpoint) -> Credential | None:
        """The credential for a peer at this endpoint."""
        return self._by_name.get(endpoint.name) if endpoint.found_by is FoundBy.STATIC else None

    def passes_on(self, endpoint: PeerEndpoint) -> bool:
        """Whether clients' own `Authorization` goes on to it (`aggregation.forward_auth`): never in the clear."""
        return self._passes_on and endpoint.found_by is FoundBy.STATIC and endpoint.url.startswith("https://")


def _terms(peer: PeerSetting) -> PeerSetting:
    """As much of it as its credential depends on."""
    return PeerSetting(
        name=peer.name,
        url=peer.url,
        token_file=peer.token_file,
        client_id=peer.client_id,
        client_secret_file=peer.client_secret_file,
    )


def _credential(peer: PeerSetting) -> Credential | None:
    name, secret_file = peer.name, peer.client_secret_file
    if peer.token_file is not None:
        return TokenFile(name, peer.token_file, clock=time.monotonic, in_thread=in_file_thread)
    if peer.client_id is not None and secret_file is not None:
        return SignIn(name, peer.client_id, secret_file, clock=time.monotonic, in_thread=in_file_thread)
    return None
