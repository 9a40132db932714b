"""Routes of the gateway itself: the root document, `/version-info`, `/health`, `/x-medkit-peers`, `/docs`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from aiohttp import hdrs, web

from entities.model import EntityKind
from gateway.http import errors
from gateway.http.answer import WholeAnswer, json_answer
from gateway.http.entity_json import CAPABILITIES
from gateway.http.health import health_document
from gateway.http.path import API_PREFIX, ServerPath, relation_names
from gateway.http.peers_page import peers_document
from gateway.http.request import ApiRequest
from gateway.http.services import ServedIdentity, Services
from peers.view import FederatedView

SOVD_VERSION: Final = "1.0.0"
VENDOR: Final = "grove"

READABLE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})

_SERVER_ENDPOINTS: Final = (
    "GET /api/v1/",
    "GET /api/v1/health",
    "GET /api/v1/version-info",
    "GET /api/v1/faults",
    "GET /api/v1/faults/stream",
    "DELETE /api/v1/faults",
    "GET /api/v1/x-medkit-tree",
    "GET /api/v1/x-medkit-events",
    "GET /api/v1/x-medkit-route/{entity_id}",
    "GET /api/v1/x-medkit-peers",
    "POST /api/v1/auth/authorize",
    "POST /api/v1/auth/token",
    "POST /api/v1/auth/revoke",
)

_RESOURCE_ENDPOINTS: Final = (
    "GET {entity}/data",
    "GET {entity}/data/{{data_id}}",
    "PUT {entity}/data/{{data_id}}",
    "GET {entity}/operations",
    "GET {entity}/operations/{{operation_id}}",
    "GET {entity}/operations/{{operation_id}}/executions",
    "POST {entity}/operations/{{operation_id}}/executions",
    "GET {entity}/operations/{{operation_id}}/executions/{{execution_id}}",
    "PUT {entity}/operations/{{operation_id}}/executions/{{execution_id}}",
    "DELETE {entity}/operations/{{operation_id}}/executions/{{execution_id}}",
    "GET {entity}/configurations",
    "DELETE {entity}/configurations",
    "GET {entity}/configurations/{{config_id}}",
    "PUT {entity}/configurations/{{config_id}}",
    "DELETE {entity}/configurations/{{config_id}}",
    "GET {entity}/faults",
    "DELETE {entity}/faults",
    "GET {entity}/faults/{{fault_code}}",
    "DELETE {entity}/faults/{{fault_code}}",
    "GET {entity}/logs",
    "GET {entity}/logs/configuration",
    "PUT {entity}/logs/configuration",
)


async def answer_server(
    request: ApiRequest, services: Services, parsed: ServerPath, view: FederatedView
) -> web.StreamResponse:
    """One of these documents; of `/version-info` our own entry alone. Raises ApiError for everything else."""
    if request.method not in READABLE or parsed.rest:
        raise errors.no_route()
    match parsed.name:
        case "":
            return json_answer(root_document(services))
        case "version-info":
            return json_answer({"items": [version_entry(services.identity)]})
        case "health":
            return _answer_health(services, view, shows_peers=request.sees_peers)
        case "x-medkit-peers":
            return json_answer(peers_document(services.peer_statuses(), services.discovered()))
        case "docs":
            raise errors.not_implemented("docs")
        case _:
            raise errors.no_route()


def version_entry(identity: ServedIdentity) -> dict[str, Any]:
    """Our item of `/version-info`; the web UI and clients read `vendor_info`."""
    return {
        "version": SOVD_VERSION,
        "base_uri": API_PREFIX,
        "vendor_info": {"name": VENDOR, "version": identity.version},
        "x-medkit": {"name": identity.name, "namespace": identity.namespace},
    }


def root_document(services: Services) -> dict[str, Any]:
    """The entry point: what this gateway can do, and its routes."""
    return {
        "name": "Grove",
        "version": services.identity.version,
        "api_base": API_PREFIX,
        "endpoints": list(_endpoints()),
        "capabilities": {
            "discovery": True,
            "data_access": True,
            "operations": True,
            "async_actions": True,
            "configurations": True,
            "faults": True,
            "logs": True,
            "bulk_data": False,
            "cyclic_subscriptions": False,
            "locking": False,
            "triggers": False,
            "updates": False,
            "authentication": services.authority is not None,
            "tls": False,
            "scripts": False,
            "aggregation": services.aggregation_enabled,
            "vendor_extensions": True,
        },
        **_auth(services),
    }


def _auth(services: Services) -> dict[str, Any]:
    """What a client must know to get in; upstream leaves it out while authentication is off."""
    authority = services.authority
    if authority is None:
        return {}
    return {"auth": {"enabled": True, "algorithm": authority.algorithm, "require_auth_for": authority.policy}}


def _endpoints() -> Iterator[str]:
    yield from _SERVER_ENDPOINTS
    for kind in EntityKind:
        collection = f"{API_PREFIX}/{kind.value}"
        entity = f"{collection}/{{{kind.singular}_id}}"
        yield f"GET {collection}"
        yield f"GET {entity}"
        yield from (f"GET {entity}/{name}" for name in relation_names(kind))
        if "status" in CAPABILITIES[kind]:
            yield f"GET {entity}/status"
            yield f"PUT {entity}/status/{{transition}}"
        yield from (endpoint.format(entity=entity) for endpoint in _RESOURCE_ENDPOINTS)


def _answer_health(services: Services, view: FederatedView, *, shows_peers: bool) -> WholeAnswer:
    draining = services.draining()
    document = health_document(
        replace(view, warnings=(*view.warnings, *services.passing_warnings(view))),
        services.identity,
        listed=services.documents(view).listed,
        timestamp_ns=services.clock_ns(),
        discovery_mode=services.discovery_mode,
        capabilities=services.capabilities,
        peers=services.peer_statuses() if services.aggregation_enabled else None,
        draining=draining,
        shows_peers=shows_peers,
    )
    return json_answer(document, 503 if draining else 200)
