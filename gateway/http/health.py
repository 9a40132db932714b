"""The body of `/health`. Pure; monitoring systems, upstream gateways and the web UI read it.

Source: docs/api.md, "Health". `warnings` and `warning_schema_version` are always there, `peers` only with aggregation.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from entities.model import EntityKind
from gateway.http.services import ServedIdentity
from peers.view import FederatedView, PeerStatus, Warned

WARNING_SCHEMA_VERSION: Final = 2

STRATEGIES: Final[Mapping[str, str]] = {
    "runtime_only": "host",
    "manifest_only": "manifest",
    "hybrid": "host+manifest",
}
"""`discovery.strategy` by `discovery.mode`: where our own entities come from."""


def health_document(
    view: FederatedView,
    identity: ServedIdentity,
    *,
    listed: Mapping[EntityKind, int],
    timestamp_ns: int,
    discovery_mode: str,
    capabilities: Sequence[str],
    peers: Sequence[PeerStatus] | None,
    draining: bool = False,
    shows_peers: bool = True,
) -> dict[str, Any]:
    """The document; `peers` is None when aggregation is off, `timestamp_ns` counts from the epoch.

    `listed`: entities of each kind that clients see in `view`. `shows_peers`: otherwise nobody is named in it, but
    this gateway.
    """
    document: dict[str, Any] = {
        "status": "draining" if draining else "healthy",
        "timestamp": timestamp_ns,
        "warning_schema_version": WARNING_SCHEMA_VERSION,
        "warnings": [_warning(warned) for warned in view.warnings] if shows_peers else _codes(view.warnings),
        "discovery": {"mode": discovery_mode, "strategy": STRATEGIES[discovery_mode]},
        # Upstream's preallocated cache may overflow ("grew"); a tree here always has just the size it needs.
        "x-medkit-entity-cache": {
            "capacity": sum(listed.values()),
            **{kind.value: count for kind, count in listed.items()},
            "generation": view.generation,
            "grew": False,
        },
        "x-medkit": {
            "instance_id": identity.instance_id,
            "boot_id": identity.boot_id,
            "name": identity.name,
            "namespace": identity.namespace,
            "version": identity.version,
            "generation": view.generation,
            "capabilities": list(capabilities),
            **(_missing(view) if shows_peers else {}),
        },
    }
    if peers is not None and shows_peers:
        document["peers"] = [peer_item(status) for status in peers]
    return document


def _missing(view: FederatedView) -> dict[str, list[str]]:
    """Every gateway that is known and silent, however far away: what the lists lack."""
    labels = dict.fromkeys(gap.label for gap in view.gaps)
    return {"failed_peers": list(labels)} if labels else {}


def _codes(warnings: Sequence[Warned]) -> list[dict[str, Any]]:
    """What is wrong, without whom it concerns; each code once."""
    codes = dict.fromkeys(warned.code for warned in warnings)
    return [_warning(Warned(code, "Send a token to read this warning")) for code in codes]


def _warning(warned: Warned) -> dict[str, Any]:
    return {
        "code": warned.code,
        "message": warned.message,
        "entity_ids": list(warned.entity_ids),
        "ros_node_fqns": [],
        "peer_names": list(warned.peer_names),
    }


def peer_item(status: PeerStatus) -> dict[str, Any]:
    """One item of `peers`."""
    told = {
        "state": status.state,
        "since": status.since,
        "reason": status.reason,
        "last_ok": status.last_ok,
        "rtt_ms": status.rtt_ms,
        "entities": status.entities,
        "instance_id": status.instance_id,
        "found_by": status.found_by,
        "foreign": status.foreign or None,
    }
    return {
        "name": status.name,
        "url": status.url,
        "status": "online" if status.online else "offline",
        "x-medkit": {name: value for name, value in told.items() if value is not None},
    }
