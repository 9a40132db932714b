"""What an operation is, whatever stands behind it: a command, an HTTP call, a function, a unit of this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.local.operation_arguments import Argument, arguments_schema

OPERATION_ID_LIMIT: Final = 256
"""Characters of an operation's id; it has no `/`, so that its executions can be told from it."""

DEFAULT_TIMEOUT_S: Final = 25.0
"""Seconds an execution may take if nothing else is said: less than a request, so that who waits hears of its end."""

RUNNING_PER_OPERATION: Final = 8
"""Executions of one operation that may run at once if nothing else is said."""


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """An operation without what it does. `arguments` None = anything goes, unchecked.

    Not `asynchronous`: the answer to the request that starts it carries the result. `confirm`: what a person
    should be asked first. `timeout_s`: seconds after which an execution is ended and has failed. `at_once`: how many
    executions may run at the same time.
    """

    id: str
    name: str
    asynchronous: bool = False
    arguments: tuple[Argument, ...] | None = None
    confirm: str | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    at_once: int = RUNNING_PER_OPERATION
    description: str = ""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema of the parameters; `{}` where anything goes."""
        return arguments_schema(self.arguments)


@dataclass(frozen=True, slots=True)
class Completed:
    """It was done; `result` is JSON, an object where there is more than nothing to say."""

    result: Any = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """It was tried and went wrong. `reason` is for a client; `details` is JSON, such as an exit code."""

    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)


Outcome = Completed | Failed

Progress = Callable[[Any], None]
"""Called on the event loop with JSON that tells how far an execution is: a number of percent, or an object that may
have one as `progress`. The newest counts."""


class Operation(Protocol):
    """One operation. Its owner bounds it in time by cancelling; cancelled, it ends what it began, then raises."""

    @property
    def spec(self) -> OperationSpec: ...

    async def execute(self, parameters: Mapping[str, Any], progress: Progress) -> Outcome:
        """Do it once. `parameters` fit the spec's arguments. Raises nothing but CancelledError."""
