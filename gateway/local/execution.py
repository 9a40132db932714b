"""One execution of an operation, and its shapes on the wire (docs/api.md, "Operations")."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from entities.jsontext import parse_json, render_json
from gateway.local.answers import EntityRef, ResourceError
from gateway.local.moments import iso_time
from gateway.local.operations import Completed, Failed, OperationSpec, Outcome

RESULT_LIMIT_BYTES: Final = 1024 * 1024
"""JSON of an execution's result; a larger one is a failure."""

FEEDBACK_LIMIT_BYTES: Final = 16 * 1024
"""JSON of what an execution tells while it runs; more is not taken."""


class ExecutionStatus(StrEnum):
    """Where an execution is; the wire also knows `pending`, and nothing waits here."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Execution:
    """An execution from its start on; what stands below `ended` changes until that is done.

    `feedback` and `result`: JSON of what it told last and of what came of it. `error`: why it failed, as the one
    who waits for it is told.
    """

    id: str
    ref: EntityRef
    spec: OperationSpec
    started_ns: int
    ended: asyncio.Future[None]
    finished_ns: int | None = None
    feedback: bytes | None = None
    result: bytes = b"{}"
    error: ResourceError | None = None
    stopped: ResourceError | None = None
    """Why somebody wants it to end; it may yet come to its own end first."""

    @property
    def status(self) -> ExecutionStatus:
        if self.finished_ns is None:
            return ExecutionStatus.RUNNING
        return ExecutionStatus.COMPLETED if self.error is None else ExecutionStatus.FAILED

    def note(self, told: Any) -> bool:
        """Take what it tells of itself; whether it was taken. Only the newest counts, nothing after the end."""
        feedback = told if isinstance(told, Mapping) else {"progress" if _is_number(told) else "feedback": told}
        if self.finished_ns is not None:
            return False
        try:
            self.feedback = _json(feedback, FEEDBACK_LIMIT_BYTES)
        except ValueError:
            return False
        return True

    def end(self, outcome: Outcome | ResourceError, now_ns: int) -> None:
        """It has come to its end; called once."""
        match outcome:
            case Completed(result):
                self._complete(result)
            case Failed(reason, details):
                self.error = self.failure(reason, details)
            case ResourceError():
                self.error = outcome
            case _:
                assert_never(outcome)
        self.finished_ns = now_ns
        self.ended.set_result(None)

    def _complete(self, result: Any) -> None:
        told = {} if result is None else result if isinstance(result, Mapping) else {"result": result}
        try:
            self.result = _json(told, RESULT_LIMIT_BYTES)
        except ValueError as error:
            self.error = self.failure(f"its result cannot be told: {error}", {})

    def failure(self, reason: str, details: Mapping[str, Any]) -> ResourceError:
        """The answer to the one who waits for it when it went wrong."""
        return ResourceError(
            500,
            "vendor-error",
            f"Operation '{self.spec.id}' failed: {reason}",
            {**self.parameters, **({"details": dict(details)} if details else {})},
            vendor_code="x-medkit-operation-failed",
        )

    def overdue(self) -> ResourceError:
        """The same when it took too long and was ended."""
        return ResourceError(
            504,
            "not-responding",
            f"Operation '{self.spec.id}' took longer than its {self.spec.timeout_s:g} s and was ended",
            {**self.parameters, "may_have_executed": True},
        )

    def unfinished(self) -> ResourceError:
        """The answer to the one who cannot wait any longer; the execution goes on."""
        return ResourceError(
            504,
            "not-responding",
            f"Operation '{self.spec.id}' is not done when the time of this request is over; it goes on as execution "
            f"{self.id}",
            {**self.parameters, "may_have_executed": True},
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """Which one it is, in an error."""
        return {"entity_id": self.ref.id, "operation_id": self.spec.id, "execution_id": self.id}

    def outcome_body(self) -> dict[str, Any]:
        """The answer of a synchronous operation that completed."""
        return {"parameters": _plain(self.result)}

    def started_body(self) -> dict[str, Any]:
        """The answer to the one who started or stopped it."""
        return {"id": self.id, "status": self.status.value}

    def body(self) -> dict[str, Any]:
        """The detail: while it runs its last feedback, then its result."""
        body: dict[str, Any] = {"status": self.status.value, "capability": "execute"}
        medkit: dict[str, Any] = {"entity_id": self.ref.id, "started_at": iso_time(self.started_ns)}
        feedback = None if self.feedback is None else _plain(self.feedback)
        if self.status is ExecutionStatus.COMPLETED:
            body["parameters"] = _plain(self.result)
        elif feedback is not None:
            body["parameters"] = feedback
        percent = None if feedback is None else feedback.get("progress")
        if percent is not None and _is_number(percent) and 0 <= percent <= 100:
            medkit["progress"] = percent
        if self.finished_ns is not None:
            medkit["finished_at"] = iso_time(self.finished_ns)
        elif self.stopped is not None:
            medkit["stopping"] = True
        if self.error is not None:
            medkit["error"] = _error_body(self.error)
        return {**body, "x-medkit": medkit}


def _json(value: Mapping[str, Any], max_bytes: int) -> bytes:
    """`value` as JSON that every reader takes. Raises ValueError."""
    try:
        told = render_json(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    parse_json(told, max_bytes=max_bytes)
    return told


def _plain(told: bytes) -> dict[str, Any]:
    plain: dict[str, Any] = parse_json(told, max_bytes=len(told))
    return plain


def _is_number(told: Any) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool) and math.isfinite(told)


def _error_body(error: ResourceError) -> dict[str, Any]:
    body: dict[str, Any] = {"error_code": error.code, "message": error.message, "parameters": dict(error.parameters)}
    if error.vendor_code is not None:
        body["vendor_code"] = error.vendor_code
    return body
