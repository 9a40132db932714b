"""The routes below one operation of one of our own entities: itself, its executions, one of these."""

from dataclasses import dataclass
from typing import Any, Final

from gateway.http import errors
from gateway.local.answers import EntityRef, ItemAnswer, ResourceError
from gateway.local.operation_store import OperationStore

READING: Final = ("GET", "HEAD")
EXECUTIONS: Final = "executions"


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What is asked of the operation `item`; `tail` is what stands below it in the path.

    `patience_s`: how long the client waits for an execution to come to its end.
    """

    ref: EntityRef
    item: str
    method: str
    tail: tuple[str, ...]
    body: Any
    patience_s: float


async def own_operation(operations: OperationStore, asked: OperationRequest) -> ItemAnswer | ResourceError:
    """The answer of ours. Raises ApiError for a route that is none (404)."""
    ref, item, body, patience_s = asked.ref, asked.item, asked.body, asked.patience_s
    match ("GET" if asked.method in READING else asked.method, asked.tail):
        case ("GET", ()):
            return operations.item(ref, item)
        case ("GET", ("executions",)):
            return operations.executions(ref, item)
        case ("POST", ()):
            raise errors.no_route("Resource not found; an operation is started by POST to its /executions")
        case ("POST", ("executions",)):
            return await operations.execute(ref, item, body, patience_s=patience_s)
        case ("GET", ("executions", execution_id)):
            return operations.execution(ref, item, execution_id)
        case ("PUT", ("executions", execution_id)):
            return operations.control(ref, item, execution_id, body)
        case ("DELETE", ("executions", execution_id)):
            return await operations.delete(ref, item, execution_id, patience_s=patience_s)
        case _:
            raise errors.no_route()


def location(answer: ItemAnswer, tail: tuple[str, ...], path: str) -> list[tuple[str, str]]:
    """The `Location` of an execution that was started or is being ended, at `path` as the client knows it."""
    match tail:
        case ("executions",) if answer.status == 202 and answer.body is not None:
            return [("Location", f"{path.rstrip('/')}/{answer.body['id']}")]
        case ("executions", _) if answer.status == 202:
            return [("Location", path)]
        case _:
            return []
