"""An operation of a program: a function, called once for each execution."""

import asyncio
from collections.abc import Mapping
from typing import Any, assert_never

import msgspec
import structlog

from gateway.local.operations import Completed, Failed, OperationSpec, Outcome
from gateway.local.operations import Progress as Tell
from grove.callables import Function, Late, Raised, Returned
from grove.progress import Progress

_log = structlog.get_logger("grove")


class FunctionOperation:
    """Calls `function` with the parameters by name; `progress`: the parameter that is given a `Progress`."""

    def __init__(self, spec: OperationSpec, function: Function, progress: str | None) -> None:
        self._spec = spec
        self._function = function
        self._progress = progress

    @property
    def spec(self) -> OperationSpec:
        return self._spec

    async def execute(self, parameters: Mapping[str, Any], progress: Tell) -> Outcome:
        """What the function returns is the result, None being nothing to say. Cancelled, it tells `Progress.stopped`
        and waits for a function on the loop; one in a thread goes on by itself.
        """
        if self._function.in_threads >= self._spec.at_once:
            return Failed("executions that were stopped, or ran out of time, still run; ask again when they have ended")
        told = Progress(progress, asyncio.get_running_loop())
        named = {} if self._progress is None else {self._progress: told}
        try:
            called = await self._function.call(named={**parameters, **named}, timeout_s=self._spec.timeout_s)
        finally:
            told.stop()
        match called:
            case Returned(value):
                return _result(value)
            case Raised(reason, cause):
                if cause is not None:
                    _log.error("operation of the program failed", operation=self._spec.id, exc_info=cause)
                return Failed(reason)
            case Late():
                return Failed(called.reason)
            case _:
                assert_never(called)


def _result(value: Any) -> Outcome:
    try:
        return Completed({} if value is None else msgspec.to_builtins(value, str_keys=True))
    except (TypeError, ValueError, RecursionError) as error:
        return Failed(f"the function returned what is no JSON: {error}")
