"""Which TLS counts for which peer."""

from discovery.endpoint import FoundBy, PeerEndpoint
from discovery.settings import PeerSetting
from gateway.file_thread import in_file_thread
from gateway.settings import AggregationSettings
from peers.tls import PeerTls, TlsFiles


class PeersTls:
    """The TLS of each peer: a configured one's own where it has any, else one for all, that of the system."""

    def __init__(self, aggregation: AggregationSettings) -> None:
        # Mutable: which files count for which peer, and what was made of them.
        self._files: dict[str, TlsFiles] = {}
        self._made: dict[TlsFiles, PeerTls] = {}
        self.take(aggregation)

    def take(self, aggregation: AggregationSettings) -> None:
        """By these settings from now on. What is as before stays the same object, with the context that it has."""
        self._files = {peer.name: _tls_files(peer) for peer in aggregation.peers}
        self._made = {
            files: self._made.get(files) or PeerTls(files, in_thread=in_file_thread)
            for files in (TlsFiles(), *self._files.values())
        }

    def __call__(self, endpoint: PeerEndpoint) -> PeerTls:
        is_static = endpoint.found_by is FoundBy.STATIC
        return self._made[self._files.get(endpoint.name, TlsFiles()) if is_static else TlsFiles()]


def _tls_files(peer: PeerSetting) -> TlsFiles:
    """What stands in the settings of one peer."""
    return TlsFiles(ca_file=peer.ca_file, cert_file=peer.cert_file, key_file=peer.key_file, pins=peer.pins)
