"""Which TLS counts for which peer."""

from discovery.endpoint import FoundBy, PeerEndpoint
from discovery.settings import PeerSetting
from gateway.settings import AggregationSettings
from peers.tls import PeerTls, TlsFiles


class PeersTls:
    """The TLS of each peer: a configured one's own where it has any, else one for all, that of the system."""

    def __init__(self, aggregation: AggregationSettings) -> None:
        self._shared = PeerTls()
        self._own = {peer.name: PeerTls(_tls_files(peer)) for peer in aggregation.peers if _has_tls(peer)}

    def __call__(self, endpoint: PeerEndpoint) -> PeerTls:
        is_static = endpoint.found_by is FoundBy.STATIC
        return (self._own.get(endpoint.name) if is_static else None) or self._shared


def _has_tls(peer: PeerSetting) -> bool:
    """Whether its TLS differs from everybody's."""
    return bool(peer.ca_file or peer.cert_file or peer.pins)


def _tls_files(peer: PeerSetting) -> TlsFiles:
    """What stands in the settings of one peer."""
    return TlsFiles(ca_file=peer.ca_file, cert_file=peer.cert_file, key_file=peer.key_file, pins=peer.pins)
