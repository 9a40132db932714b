"""The types of what routes of operations answer: exactly these fields (docs/api.md, "Operations")."""

from typing import Annotated, Any, Literal

import msgspec


class Struct(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly these fields."""


class ServiceTypes(Struct):
    request: dict[str, Any]
    response: dict[str, Any]


class ActionTypes(Struct):
    goal: dict[str, Any]
    feedback: dict[str, Any]
    result: dict[str, Any]


class OperationMarks(Struct, rename={"schema_": "schema"}):
    entity_id: str
    source: Annotated[str, msgspec.Meta(pattern="^(grove|peer:.+)$")]
    type_info: dict[str, Any]
    timeout_s: float
    schema_: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    confirm: str | msgspec.UnsetType = msgspec.UNSET
    member_ids: list[str] | msgspec.UnsetType = msgspec.UNSET


class OperationItem(Struct, rename={"medkit": "x-medkit"}):
    id: str
    name: str
    proximity_proof_required: Literal[False]
    asynchronous_execution: bool
    medkit: OperationMarks
    description: str | msgspec.UnsetType = msgspec.UNSET


class OperationList(Struct):
    items: list[OperationItem]


class OperationDetail(Struct):
    item: OperationItem


class Result(Struct):
    parameters: dict[str, Any]


class Started(Struct):
    id: str
    status: Literal["running", "completed", "failed"]


class Named(Struct):
    id: str


class ExecutionList(Struct):
    items: list[Named]


class ErrorBody(Struct):
    error_code: str
    message: str
    parameters: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    vendor_code: str | msgspec.UnsetType = msgspec.UNSET


class ExecutionMarks(Struct):
    entity_id: str
    started_at: str
    finished_at: str | msgspec.UnsetType = msgspec.UNSET
    progress: float | msgspec.UnsetType = msgspec.UNSET
    stopping: Literal[True] | msgspec.UnsetType = msgspec.UNSET
    error: ErrorBody | msgspec.UnsetType = msgspec.UNSET


class Detail(Struct, rename={"medkit": "x-medkit"}):
    status: Literal["running", "completed", "failed"]
    capability: Literal["execute"]
    medkit: ExecutionMarks
    parameters: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
