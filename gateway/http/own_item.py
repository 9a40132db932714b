"""One item of one of our own entities: read, written, cleared."""

from collections.abc import Sequence
from typing import Any

from entities.model import EntityKind
from gateway.http import errors
from gateway.http.own_operation import READING, OperationRequest, own_operation
from gateway.http.path import RESOURCE_COLLECTIONS
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.own import OwnEntities

NOT_FOUND = 404

_LISTED_EMPTY = frozenset({"bulk-data", "triggers", "cyclic-subscriptions"})
"""Collections that no source of ours fills: reading is empty, everything else is not built."""


async def own_item(
    own: OwnEntities,
    ref: EntityRef,
    collection: str,
    *,
    method: str,
    item: str,
    tail: Sequence[str] = (),
    body: Any = None,
    patience_s: float = 0.0,
) -> ItemAnswer | ResourceError:
    """What our entity `ref` answers for an item. Raises ApiError for a route that is none (404) or not built (501).

    `patience_s`: how long the client waits for an execution to come to its end.
    """
    reads = method in READING
    match collection:
        case "operations":
            asked = OperationRequest(ref, item, method, tuple(tail), body, patience_s)
            return await own_operation(own.operations, asked)
        case "data" if not tail and reads:
            return await own.data_item(ref, item)
        case "data" if not tail and method == "PUT":
            return await own.write_data(ref, item, body)
        case "configurations" if not tail and reads:
            return await own.configuration(ref, item)
        case "configurations" if not tail and method == "PUT":
            return await own.write_configuration(ref, item, body)
        case "configurations" if not tail and method == "DELETE":
            return await own.reset_configuration(ref, item)
        case "faults" if not tail and reads:
            return own.fault_detail(ref, item)
        case "faults" if not tail and method == "DELETE":
            return own.clear_fault(ref, item)
        case "logs" if item == "configuration" and not tail and reads:
            return own.log_configuration(ref)
        case "logs" if item == "configuration" and not tail and method == "PUT":
            return own.write_log_configuration(ref, body)
        case _ if collection in _LISTED_EMPTY and reads:
            return ResourceError(NOT_FOUND, "resource-not-found", "Resource not found", {"entity_id": ref.id})
        case _ if collection in RESOURCE_COLLECTIONS and collection not in _BUILT:
            raise errors.not_implemented(collection)
        case _:
            raise errors.no_route()


_BUILT = frozenset({"data", "operations", "configurations", "faults", "logs"})


async def own_collection_change(
    own: OwnEntities, ref: EntityRef, collection: str, *, method: str
) -> ItemAnswer | ResourceError:
    """A collection of ours emptied or reset; anything else is a route that is none (404) or not built (501)."""
    match (collection, method):
        case ("faults", "DELETE"):
            return own.clear_faults(ref, ALL_STATUSES)
        case ("configurations", "DELETE"):
            return await own.reset_all_configurations(ref)
        case _ if collection in RESOURCE_COLLECTIONS and collection not in _BUILT:
            raise errors.not_implemented(collection)
        case _:
            raise errors.no_route()


ALL_STATUSES = frozenset({"PREFAILED", "PREPASSED", "CONFIRMED", "HEALED", "CLEARED"})


def raised(error: ResourceError, addressed: str) -> errors.ApiError:
    """The refusal as an answer; the entity in it is the one that was addressed."""
    parameters = dict(error.parameters)
    if "entity_id" in parameters:
        parameters["entity_id"] = addressed
    headers = [] if error.retry_after_s is None else [("Retry-After", str(error.retry_after_s))]
    return errors.ApiError(error.status, error.vendor_code or error.code, error.message, parameters, headers=headers)


def status_document(kind: EntityKind, *, is_online: bool) -> dict[str, str] | None:
    """`GET /{apps|components}/{id}/status`; Areas and Functions have none."""
    if kind not in (EntityKind.APP, EntityKind.COMPONENT):
        return None
    return {"status": "ready" if is_online else "notReady"}
