"""Names everything that is known and silent: no answer may miss it without saying so. Pure."""

from collections.abc import Mapping

from entities.routes import Topology
from peers.errors import PeerReason
from peers.view import Gap


def standing_gaps(topology: Topology, reasons: Mapping[str, str]) -> tuple[Gap, ...]:
    """A gap for every known gateway that is not live, and for every link nobody has identified.

    `reasons`: our own peer's name -> the reason word of its health.
    """
    gaps = [
        Gap(
            label=way.label(),
            reason=_reason(way.peers, reasons),
            instance=instance,
            is_timeout=_reason(way.peers, reasons).endswith("timeout"),
        )
        for instance, way in topology.configured.items()
        if instance not in topology.live
    ]
    gaps.extend(
        Gap(
            label="/".join(peers),
            reason=_reason(peers, reasons),
            is_timeout=_reason(peers, reasons).endswith("timeout"),
        )
        for peers in topology.unidentified()
    )
    return tuple(sorted(gaps, key=lambda gap: gap.label))


def _reason(peers: tuple[str, ...], reasons: Mapping[str, str]) -> str:
    """Our own peer's health tells why; of gateways behind it we only know that they are silent."""
    unavailable = PeerReason.DESTINATION_UNAVAILABLE.value
    return reasons.get(peers[0], unavailable) if len(peers) == 1 else unavailable
