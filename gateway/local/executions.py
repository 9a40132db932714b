"""The executions of all own operations: who may start, what runs, how it is ended, what is remembered of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog

from gateway.local.answers import EntityRef, ResourceError
from gateway.local.execution import Execution, ExecutionStatus
from gateway.local.operations import Failed, Operation, Outcome
from gateway.local.shared_read import Clock

RUNNING_LIMIT: Final = 64
"""Executions of all operations that may run at once."""

KEPT_PER_OPERATION: Final = 32
"""Ended executions that are remembered of one operation; the oldest is forgotten first."""

KEPT_LIMIT: Final = 1024
"""The same of all operations together."""

KEPT_BYTES: Final = 8 * 1024 * 1024
"""Bytes of results that are remembered together, of the newest execution in any case."""

END_PATIENCE_S: Final = 5.0
"""Seconds that running executions have to end themselves when the gateway stops."""

FULL_RETRY_S: Final = 1
"""Seconds after which a client may come again when too many executions run."""

_log = structlog.get_logger(__name__)


class Executions:
    """Runs executions from `run` until that is cancelled, and remembers the last ones, in memory.

    Everything is decided at once, on the event loop; only what an operation does takes time. `new_id` gives ids that
    no execution had, also before a restart: a client that asks for an old one must not find another.
    """

    def __init__(self, clock: Clock, new_id: Callable[[], str]) -> None:
        self._clock = clock
        self._new_id = new_id
        # Mutable: whether `run` runs; every execution known, oldest first; the tasks of those that run; and the ended
        # ones in the order of their ends.
        self._is_open = False
        self._known: dict[tuple[EntityRef, str], dict[str, Execution]] = {}
        self._tasks: dict[Execution, asyncio.Task[Outcome | ResourceError]] = {}
        self._kept: dict[Execution, None] = {}

    async def run(self) -> None:
        """Owns what runs until cancelled; then ends it, within `END_PATIENCE_S`."""
        self._is_open = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._is_open = False
            await self._end_all()

    def start(self, ref: EntityRef, operation: Operation, parameters: Mapping[str, Any]) -> Execution | ResourceError:
        """A new execution, or why there is none now: 409 the operation runs, 503 the gateway is full or stops."""
        spec = operation.spec
        refusal = self._refusal(ref, operation)
        if refusal is not None:
            return refusal
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        execution = Execution(self._new_id(), ref, spec, self._clock(), ended)
        task = asyncio.create_task(_perform(execution, operation, parameters), name=f"execution {execution.id}")
        task.add_done_callback(partial(self._ended, execution))
        self._tasks[execution] = task
        self._known.setdefault((ref, spec.id), {})[execution.id] = execution
        _log.info("execution started", entity=ref.id, operation=spec.id, execution=execution.id)
        return execution

    def of(self, ref: EntityRef, operation_id: str) -> Sequence[Execution]:
        """Those of one operation, oldest first."""
        return [*self._known.get((ref, operation_id), {}).values()]

    def find(self, ref: EntityRef, operation_id: str, execution_id: str) -> Execution | None:
        """One execution that runs or is remembered."""
        return self._known.get((ref, operation_id), {}).get(execution_id)

    def stop(self, execution: Execution, why: ResourceError) -> None:
        """Have it end; it may come to its own end first. Nothing happens to one that has ended."""
        task = self._tasks.get(execution)
        if task is not None and execution.stopped is None:
            execution.stopped = why
            task.cancel()

    def forget(self, execution: Execution) -> None:
        """It is not known any more. Only for one that has ended; for one that is forgotten already nothing happens."""
        key = (execution.ref, execution.spec.id)
        known = self._known.get(key, {})
        known.pop(execution.id, None)
        if not known:
            self._known.pop(key, None)
        self._kept.pop(execution, None)

    def _refusal(self, ref: EntityRef, operation: Operation) -> ResourceError | None:
        spec = operation.spec
        told = {"entity_id": ref.id, "operation_id": spec.id}
        if not self._is_open:
            message = "The gateway is starting or stopping, and starts no executions; try again"
            return ResourceError(503, "service-unavailable", message, told, retry_after_s=FULL_RETRY_S)
        running = [one.id for one in self.of(ref, spec.id) if one.status is ExecutionStatus.RUNNING]
        if len(running) >= spec.at_once:
            message = f"Operation '{spec.id}' runs {len(running)} times, allowed at once are {spec.at_once}; "
            message += "wait for an execution to end, or stop one"
            return ResourceError(409, "precondition-not-fulfilled", message, {**told, "running": running})
        if len(self._tasks) >= RUNNING_LIMIT:
            message = f"{len(self._tasks)} executions run on this gateway, allowed are {RUNNING_LIMIT}; try again"
            return ResourceError(503, "service-unavailable", message, told, retry_after_s=FULL_RETRY_S)
        return None

    def _ended(self, execution: Execution, task: asyncio.Task[Outcome | ResourceError]) -> None:
        """The task is done: the execution has its end, whatever that was."""
        del self._tasks[execution]
        outcome = _stopped(execution) if task.cancelled() else task.result()
        execution.end(outcome, self._clock())
        log = _log.bind(entity=execution.ref.id, operation=execution.spec.id, execution=execution.id)
        if execution.error is None:
            log.info("execution completed")
        else:
            log.warning("execution failed", why=execution.error.message)
        if self.find(execution.ref, execution.spec.id, execution.id) is execution:
            self._keep(execution)

    def _keep(self, execution: Execution) -> None:
        self._kept[execution] = None
        of_operation = [one for one in self.of(execution.ref, execution.spec.id) if one in self._kept]
        for one in of_operation[:-KEPT_PER_OPERATION]:
            self.forget(one)
        size = sum(len(one.result) for one in self._kept)
        while len(self._kept) > 1 and (size > KEPT_BYTES or len(self._kept) > KEPT_LIMIT):
            oldest = next(iter(self._kept))
            size -= len(oldest.result)
            self.forget(oldest)

    async def _end_all(self) -> None:
        """Cancels what runs and waits for it; what does not end is left behind, loudly."""
        tasks = dict(self._tasks)
        for execution in tasks:
            told = execution.parameters
            message = f"Operation '{execution.spec.id}' was ended because its gateway stops"
            why = ResourceError(503, "vendor-error", message, told, vendor_code="x-medkit-gateway-shutdown")
            self.stop(execution, why)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks.values(), timeout=END_PATIENCE_S)
        for execution, task in tasks.items():
            if task in late:
                _log.error("execution does not end", entity=execution.ref.id, operation=execution.spec.id)


def _stopped(execution: Execution) -> ResourceError:
    return execution.stopped or execution.failure("it was ended by itself", {})


async def _perform(
    execution: Execution, operation: Operation, parameters: Mapping[str, Any]
) -> Outcome | ResourceError:
    """What the operation says, or that it took too long. An error in it is its own failure, never anybody else's."""

    def note(told: Any) -> None:
        execution.note(told)

    limit = asyncio.timeout(execution.spec.timeout_s)
    try:
        async with limit:
            return await operation.execute(parameters, note)
    except Exception as error:  # noqa: BLE001 - it is somebody's code, and must cost nobody else anything
        if isinstance(error, TimeoutError) and limit.expired():
            return execution.overdue()
        return _broken(execution, error)


def _broken(execution: Execution, error: Exception) -> Failed:
    log = _log.bind(entity=execution.ref.id, operation=execution.spec.id)
    log.error("operation broke", error=repr(error), at=_place(error))
    return Failed(f"it broke: {type(error).__name__}")


def _place(error: Exception) -> str:
    """Where it was raised. Not the whole traceback: that reads the files of the program, on the event loop."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
