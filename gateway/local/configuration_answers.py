"""What is answered when a configuration is not changed, in the shapes of docs/api.md, "Configurations". Pure."""

from typing import Any

from gateway.local.answers import EntityRef, ResourceError
from gateway.local.bindings import Configuration, Refusal
from gateway.local.storage import StorageFailure
from gateway.local.values import MisfitError


def _parameters(ref: EntityRef, item_id: str) -> dict[str, Any]:
    return {"entity_id": ref.id, "id": item_id}


def unknown(ref: EntityRef, item_id: str) -> ResourceError:
    return ResourceError(404, "resource-not-found", "Configuration not found", _parameters(ref, item_id))


def read_only(ref: EntityRef, item: Configuration) -> ResourceError:
    message = f"Configuration '{item.id}' is read-only"
    vendor_code = "x-medkit-ros2-parameter-read-only"
    return ResourceError(403, "vendor-error", message, _parameters(ref, item.id), vendor_code=vendor_code)


def misfit(ref: EntityRef, item: Configuration, error: MisfitError) -> ResourceError:
    message = f"The value does not fit configuration '{item.id}': {error}"
    return ResourceError(400, "invalid-parameter", message, {**_parameters(ref, item.id), "details": str(error)})


def refused(ref: EntityRef, item: Configuration, refusal: Refusal) -> ResourceError:
    parameters = {**_parameters(ref, item.id), "details": refusal.reason}
    if refusal.failed:
        message = f"Configuration '{item.id}' could not be changed: {refusal.reason}"
        return ResourceError(503, "service-unavailable", message, parameters)
    message = f"The value was refused by '{ref.id}': {refusal.reason}"
    return ResourceError(409, "precondition-not-fulfilled", message, parameters)


def busy(ref: EntityRef, item_id: str) -> ResourceError:
    message = f"Configuration '{item_id}' was not changed: other changes of it are under way; try again"
    details = "other changes of it are under way"
    return ResourceError(503, "service-unavailable", message, {**_parameters(ref, item_id), "details": details})


def not_stored(ref: EntityRef, item: Configuration, failure: StorageFailure) -> ResourceError:
    message = f"Configuration '{item.id}' was not changed, for it cannot be stored: {failure.reason}"
    return ResourceError(503, "service-unavailable", message, {**_parameters(ref, item.id), "details": failure.reason})


def perhaps_stored(ref: EntityRef, item: Configuration, failure: StorageFailure) -> ResourceError:
    message = f"Configuration '{item.id}' may not have been changed: {failure.reason}; read it to know"
    parameters = {**_parameters(ref, item.id), "details": failure.reason, "may_have_executed": True}
    return ResourceError(504, "not-responding", message, parameters)
