"""One item of one of our own entities: read, written, cleared."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from entities.model import EntityKind
from gateway.http import errors
from gateway.http.own_operation import READING, OperationRequest, own_operation
from gateway.http.path import API_PREFIX, RESOURCE_COLLECTIONS
from gateway.http.told import Result
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.configuration_store import ResetReport
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
            return own.configurations.item(ref, item)
        case "configurations" if not tail and method == "PUT":
            return await own.configurations.write(ref, item, body)
        case "configurations" if not tail and method == "DELETE":
            return await own.configurations.reset(ref, item)
        case "faults" if not tail and reads:
            return own.faults.detail(ref, item)
        case "faults" if not tail and method == "DELETE":
            return await own.faults.clear(ref, item)
        case "logs" if item == "configuration" and not tail and reads:
            return own.log_configuration(ref)
        case "logs" if item == "configuration" and not tail and method == "PUT":
            return own.write_log_configuration(ref, body)
        case "status" if not tail and method == "PUT" and ref.kind in _WITH_STATUS:
            return await _change_status(own, ref, item)
        case _ if collection in _LISTED_EMPTY and reads:
            return ResourceError(NOT_FOUND, "resource-not-found", "Resource not found", {"entity_id": ref.id})
        case _ if collection in RESOURCE_COLLECTIONS and collection not in _BUILT:
            raise errors.not_implemented(collection)
        case _:
            raise errors.no_route()


_BUILT = frozenset({"data", "operations", "configurations", "faults", "logs", "status"})
_WITH_STATUS = frozenset({EntityKind.APP, EntityKind.COMPONENT})


async def _change_status(own: OwnEntities, ref: EntityRef, word: str) -> ItemAnswer | ResourceError:
    answer = await own.change_status(ref, word)
    match answer:
        case None:
            raise errors.no_route()
        case ResourceError():
            return answer
        case ItemAnswer():
            return replace(answer, headers={"Location": f"{API_PREFIX}/{ref.kind.value}/{ref.id}/status"})


async def change_own(own: OwnEntities, ref: EntityRef, collection: str) -> Result:
    """The faults of an entity of ours cleared, or its configurations reset: what became of that, as one result."""
    match collection:
        case "faults":
            answer = await own.faults.clear_all(ref, ALL_STATUSES)
            failure = {"error": answer.message} if isinstance(answer, ResourceError) else {}
            return {"app_id": ref.id, "node": _node(own, ref), "success": not failure, **failure}
        case "configurations":
            return _reset_result(own, ref, await own.configurations.reset_all(ref))
        case _:
            raise errors.no_route()


def _reset_result(own: OwnEntities, ref: EntityRef, report: ResetReport) -> Result:
    result: Result = {"app_id": ref.id, "node": _node(own, ref), "success": not report.failed}
    if report.failed:
        result["error"] = (
            f"{len(report.failed)} of {report.reset_count + len(report.failed)} configurations were not reset"
        )
        result["details"] = [{"id": failed.id, "error": failed.error} for failed in report.failed]
    return result


def _node(own: OwnEntities, ref: EntityRef) -> str:
    return getattr(own.tree.find(ref.kind, ref.id), "node", None) or ""


def refuse_creation(collection: str) -> errors.ApiError:
    """The answer to a creation, or another change of a collection, that there is not: no route, or not built."""
    is_unbuilt = collection in RESOURCE_COLLECTIONS and collection not in _BUILT
    return errors.not_implemented(collection) if is_unbuilt else errors.no_route()


ALL_STATUSES = frozenset({"PREFAILED", "PREPASSED", "CONFIRMED", "HEALED", "CLEARED"})


def raised(error: ResourceError, addressed: str) -> errors.ApiError:
    """The refusal as an answer; the entity in it is the one that was addressed."""
    parameters = dict(error.parameters)
    if "entity_id" in parameters:
        parameters["entity_id"] = addressed
    headers = [] if error.retry_after_s is None else [("Retry-After", str(error.retry_after_s))]
    return errors.ApiError(error.status, error.vendor_code or error.code, error.message, parameters, headers=headers)


def status_document(
    kind: EntityKind, path: str, *, is_ready: bool, transitions: Sequence[str] = ()
) -> dict[str, str] | None:
    """`GET /{apps|components}/{id}/status`, which is at `path`; Areas and Functions have none."""
    if kind not in _WITH_STATUS:
        return None
    links = {word: f"{path}/{word}" for word in transitions}
    return {"status": "ready" if is_ready else "notReady", **links}
