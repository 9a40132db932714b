"""What is missing from an answer, as it is written into bodies, and whether a client accepts that. Pure."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from peers.errors import PeerReason
from peers.view import FederatedView, Gap

UNAVAILABLE: Final = PeerReason.DESTINATION_UNAVAILABLE.value


def gap_marks(gaps: Sequence[Gap]) -> dict[str, Any]:
    """The members of `x-medkit` that name what is missing; none when nothing is (docs/api.md, "Partial answers")."""
    if not gaps:
        return {}
    return {
        "partial": True,
        "failed_peers": list(dict.fromkeys(gap.label for gap in gaps)),
        "peer_errors": [_peer_error(gap) for gap in gaps],
    }


def _peer_error(gap: Gap) -> dict[str, Any]:
    status = {} if gap.status is None else {"status": gap.status}
    return {"peer": gap.label, "reason": gap.reason, **status, "elapsed_ms": gap.elapsed_ms}


def gaps_among(gaps: Iterable[Gap], instances: Collection[str]) -> tuple[Gap, ...]:
    """The gaps that are gateways of `instances`."""
    return tuple(gap for gap in gaps if gap.instance in instances)


def gap_of(view: FederatedView, instance: str) -> Gap:
    """Why a gateway that is known to be silent cannot be asked. Never a timeout: nobody waited for it now."""
    found = next((gap for gap in view.gaps if gap.instance == instance), None)
    return _not_asked(found or Gap(view.topology.label(instance), UNAVAILABLE, instance))


def gap_of_peer(view: FederatedView, peer: str) -> Gap:
    """The same for one of our own peers by its name, also one that was never reached."""
    return _not_asked(next((gap for gap in view.gaps if gap.label == peer), Gap(peer, UNAVAILABLE)))


def _not_asked(gap: Gap) -> Gap:
    return replace(gap, is_timeout=False)


def wants_strict(prefer: Iterable[str]) -> bool:
    """Whether the `Prefer` headers ask for all or nothing: the first `handling` in them is `strict` (RFC 7240)."""
    for header in prefer:
        for preference in header.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "handling":
                return value.strip().strip('"').lower() == "strict"
    return False
