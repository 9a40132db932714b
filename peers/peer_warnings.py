"""What users must be told of one peer in `/health`. Pure. Source: docs/api.md, "Warnings"."""

from collections.abc import Iterator

from entities.codec import MAX_NAME
from peers.peer import Peer, Refusal
from peers.view import Warned


def warnings_about(peer: Peer) -> Iterator[Warned]:
    """Refused, unreadable, too large, with entities left out, or in a place where it cannot work as it should."""
    if peer.refusal is not None and not peer.is_misplaced:
        yield _refused(peer, peer.refusal)
    if peer.unreadable is not None:
        message = f"the tree of peer {peer.name} cannot be read, its last one is used: {peer.unreadable}"
        if peer.exceeds_limits:
            yield Warned("peer_limit_exceeded", message, (), (peer.name,))
        else:
            yield Warned("peer_tree_unreadable", message, (), (peer.name,))
    if peer.held is not None and peer.held.dropped:
        message = (
            f"{peer.held.dropped} entities of peer {peer.name} are left out: "
            "their ids are repeated or not [A-Za-z0-9_-]{1,256}, "
            f"or their names have more than {MAX_NAME} characters"
        )
        yield Warned("peer_entities_dropped", message, (), (peer.name,))
    if (why := _misplaced(peer)) is not None:
        yield Warned("foreign_peer_misplaced", f"peer {peer.name} {why}", (), (peer.name,))


def _refused(peer: Peer, refusal: Refusal) -> Warned:
    message = f"peer {peer.name} is refused: {refusal.why}"
    match refusal.reason:
        case "not_grove":
            return Warned("peer_refused", message, (), (peer.name,))
        case "identity_changed":
            return Warned("identity_changed", message, (), (peer.name,))
        case _:
            return Warned("duplicate_instance_id", message, (), (peer.name,))


def _misplaced(peer: Peer) -> str | None:
    """Supported is an upstream gateway without peers, or one whose only peer we are."""
    if peer.upstream is None:
        return None
    if peer.may_read_us:
        return (
            "is an upstream gateway that lists entities of this federation, but was not seen to read them here: what "
            "it contributes itself is withheld from all upstream gateways that read this one; let it read this "
            "gateway and no other of the federation, or none"
        )
    others = sum(one.is_online for one in peer.upstream.peers) - bool(peer.reads_us_from)
    if others <= 0:
        return None
    return (
        f"is an upstream gateway that reads {others} more of its own: their entities count as its, and what it "
        "leaves out of combined answers cannot be named; list them as peers of this gateway instead"
    )
