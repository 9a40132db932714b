"""The operations of all own entities, and what is asked of their executions (docs/api.md, "Operations")."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.local.answers import NO_CONTENT, EntityRef, ItemAnswer, ResourceError
from gateway.local.control import NO_CONTROL, Control, Transition, refused
from gateway.local.execution import Execution, ExecutionStatus
from gateway.local.executions import Executions
from gateway.local.operation_arguments import fit_arguments
from gateway.local.operations import Operation, OperationSpec
from gateway.local.shared_read import Clock
from gateway.local.values import shown

SOURCE: Final = "grove"
"""`x-medkit.source` of an operation: who runs it."""

STOP: Final = "stop"
"""The one capability of an execution that can be asked for."""

_SPELLINGS: Final = ("parameters", "input", "goal", "request")
"""Where the parameters may stand in a body; the first that is there counts."""

Operations = Mapping[str, Operation]


class OperationStore:
    """Operations by entity and id, and their executions. An unknown entity has none.

    An operation is also found by its name: the web UI asks so, and upstream gateways know nothing else.
    """

    def __init__(self, clock: Clock, new_id: Callable[[], str]) -> None:
        # Mutable: what is declared; the executions know what runs.
        self._operations: Mapping[EntityRef, Operations] = {}
        self._by_name: Mapping[EntityRef, Operations] = {}
        self._controls: Mapping[EntityRef, Control] = {}
        self._executions = Executions(clock, new_id)

    def declare(
        self, operations: Mapping[EntityRef, Operations], controls: Mapping[EntityRef, Control] | None = None
    ) -> None:
        """What there is from now on; what runs goes on. `controls`: whose status may be changed, and by which."""
        self._operations = operations
        self._controls = controls or {}
        self._by_name = {ref: _by_name(of_entity) for ref, of_entity in operations.items()}

    async def run(self) -> None:
        """Owns the executions until cancelled; none can be started before or after."""
        await self._executions.run()

    def items(self, ref: EntityRef) -> list[dict[str, Any]]:
        """The operations of one entity in the order they were declared."""
        return [_item(ref, operation.spec) for operation in self._operations.get(ref, {}).values()]

    def item(self, ref: EntityRef, word: str) -> ItemAnswer | ResourceError:
        """{item}; 404 unknown."""
        operation = self._find(ref, word)
        return self._unknown(ref, word) if operation is None else ItemAnswer(200, {"item": _item(ref, operation.spec)})

    async def execute(self, ref: EntityRef, word: str, body: Any, *, patience_s: float) -> ItemAnswer | ResourceError:
        """Start an execution: 202 {id, status}, or for a synchronous one 200 {parameters} when it is done.

        400 bad body or parameters, 404 unknown, 409 it runs too often, 503 the gateway is full or stops; 500 it
        failed, 504 it took too long, or longer than `patience_s`: then it goes on.
        """
        operation = self._find(ref, word)
        if operation is None:
            return self._unknown(ref, word)
        parameters = _parameters(ref, operation.spec, body)
        if isinstance(parameters, ResourceError):
            return parameters
        execution = self._executions.start(ref, operation, parameters)
        if isinstance(execution, ResourceError):
            return execution
        if operation.spec.asynchronous:
            return ItemAnswer(202, execution.started_body())
        if not await _has_ended(execution, patience_s):
            return execution.unfinished()
        return execution.error or ItemAnswer(200, execution.outcome_body())

    def executions(self, ref: EntityRef, word: str) -> ItemAnswer | ResourceError:
        """{items: [{id}]}, oldest first; 404 unknown operation."""
        operation = self._find(ref, word)
        if operation is None:
            return self._unknown(ref, word)
        return ItemAnswer(200, {"items": [{"id": one.id} for one in self._executions.of(ref, operation.spec.id)]})

    def execution(self, ref: EntityRef, word: str, execution_id: str) -> ItemAnswer | ResourceError:
        """{status, capability, parameters?, x-medkit}; 404 unknown."""
        found = self._execution(ref, word, execution_id)
        return found if isinstance(found, ResourceError) else ItemAnswer(200, found.body())

    def control(self, ref: EntityRef, word: str, execution_id: str, body: Any) -> ItemAnswer | ResourceError:
        """Do as {capability} says: `stop` is 202, whether it runs or not; 400, 404 unknown, 409 `execute`."""
        found = self._execution(ref, word, execution_id)
        if isinstance(found, ResourceError):
            return found
        capability = body.get("capability") if isinstance(body, Mapping) else None
        if capability == STOP:
            self._executions.stop(found, found.failure("a client stopped it", {}))
            return ItemAnswer(202, found.started_body())
        told = {**found.parameters, "supported_capabilities": [STOP]}
        if capability == "execute":
            message = f"An execution cannot be executed again; POST to start another, or send '{STOP}'"
            return ResourceError(409, "precondition-not-fulfilled", message, told)
        found_one = "nothing" if capability is None else shown(capability)
        message = f"Invalid capability: found {found_one}, allowed is '{STOP}'"
        return ResourceError(400, "invalid-parameter", message, told)

    async def delete(
        self, ref: EntityRef, word: str, execution_id: str, *, patience_s: float
    ) -> ItemAnswer | ResourceError:
        """End it and forget it, 204; 404 unknown, 504 if it does not end within `patience_s`: then it stays."""
        found = self._execution(ref, word, execution_id)
        if isinstance(found, ResourceError):
            return found
        self._executions.stop(found, found.failure("a client deleted it", {}))
        if not await _has_ended(found, patience_s):
            message = f"Execution {found.id} is told to end and has not ended yet; look again"
            return ResourceError(504, "not-responding", message, {**found.parameters, "may_have_executed": True})
        self._executions.forget(found)
        return NO_CONTENT

    def transitions(self, ref: EntityRef) -> tuple[str, ...]:
        """The transitions that an entity may be asked for."""
        control = self._controls.get(ref)
        return () if control is None else control.offered

    async def change_status(self, ref: EntityRef, word: str) -> ItemAnswer | ResourceError | None:
        """Begin the transition `word`: 202, 403 not allowed, 501 not offered, as `execute`; None: there is none."""
        control = self._controls.get(ref, NO_CONTROL)
        transition = control.transition(ref, word)
        if not isinstance(transition, Transition):
            return transition
        body = {"parameters": dict(transition.parameters)}
        answer = await self.execute(ref, transition.operation, body, patience_s=0.0)
        return answer if isinstance(answer, ResourceError) else ItemAnswer(202, {"status": word})

    def _unknown(self, ref: EntityRef, word: str) -> ResourceError:
        """404, or 403 with the cause where there would be one if it were allowed."""
        control = self._controls.get(ref, NO_CONTROL)
        if control.refusal is not None and control.withholds(word):
            return refused(ref, control.refusal)
        parameters = {"entity_id": ref.id, "operation_id": word}
        return ResourceError(404, "operation-not-found", "Operation not found", parameters)

    def _find(self, ref: EntityRef, word: str) -> Operation | None:
        exact = self._operations.get(ref, {}).get(word)
        return exact or self._by_name.get(ref, {}).get(word)

    def _execution(self, ref: EntityRef, word: str, execution_id: str) -> Execution | ResourceError:
        operation = self._find(ref, word)
        if operation is None:
            return self._unknown(ref, word)
        found = self._executions.find(ref, operation.spec.id, execution_id)
        if found is not None:
            return found
        parameters = {"entity_id": ref.id, "operation_id": word, "execution_id": execution_id}
        return ResourceError(404, "resource-not-found", "Execution not found", parameters)


async def _has_ended(execution: Execution, patience_s: float) -> bool:
    """Whether it ends in time; who waits here may leave without any harm to it."""
    if execution.status is ExecutionStatus.RUNNING:
        await asyncio.wait({execution.ended}, timeout=max(0.0, patience_s))
    return execution.status is not ExecutionStatus.RUNNING


def _by_name(operations: Operations) -> Operations:
    names: dict[str, Operation] = {}
    for operation in operations.values():
        names.setdefault(operation.spec.name, operation)
    return names


def _item(ref: EntityRef, spec: OperationSpec) -> dict[str, Any]:
    schema = spec.schema
    medkit: dict[str, Any] = {
        "entity_id": ref.id,
        "source": SOURCE,
        "type_info": _type_info(spec, schema),
        "timeout_s": spec.timeout_s,
    }
    if schema:
        medkit["schema"] = schema
    if spec.confirm is not None:
        medkit["confirm"] = spec.confirm
    item: dict[str, Any] = {
        "id": spec.id,
        "name": spec.name,
        "proximity_proof_required": False,
        "asynchronous_execution": spec.asynchronous,
        "x-medkit": medkit,
    }
    if spec.description:
        item["description"] = spec.description
    return item


def _type_info(spec: OperationSpec, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema where upstream's clients look for it: they know services and actions."""
    if spec.asynchronous:
        return {"goal": schema, "feedback": {}, "result": {}}
    return {"request": schema, "response": {}}


def _parameters(ref: EntityRef, spec: OperationSpec, body: Any) -> dict[str, Any] | ResourceError:
    """The parameters in a body, checked; clients differ in where they put them. 400 when something is wrong."""
    told = {"entity_id": ref.id, "operation_id": spec.id}
    if not isinstance(body, Mapping):
        message = "Request body must be a JSON object: {parameters: {...}}, or {} for none"
        return ResourceError(400, "invalid-request", message, told)
    place = next((key for key in _SPELLINGS if body.get(key) is not None), None)
    given = {} if place is None else body[place]
    if not isinstance(given, Mapping):
        message = f"'{place}' must be a JSON object, found {shown(given)}"
        return ResourceError(400, "invalid-request", message, told)
    bare = [argument.name for argument in spec.arguments or () if argument.name in body]
    if place is None and bare:
        message = f"Arguments must stand in 'parameters': found {', '.join(bare)} beside it"
        return ResourceError(400, "invalid-request", message, told)
    fitted = fit_arguments(spec.arguments, given)
    if isinstance(fitted, dict):
        return fitted
    message = "; ".join(f"{problem.field}: {problem.message}" for problem in fitted)
    fields = [{"field": problem.field, "message": problem.message} for problem in fitted]
    return ResourceError(400, "invalid-parameter", f"The parameters do not fit: {message}", {**told, "fields": fields})
