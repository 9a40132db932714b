"""What an operation is, whatever stands behind it: a command, an HTTP call, a function, a unit of this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

OPERATION_ID_LIMIT: Final = 256
"""Characters of an operation's id."""

DEFAULT_TIMEOUT_S: Final = 30.0
"""Seconds an execution may take if nothing else is said."""


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """An operation without what it does. `schema`: JSON Schema of its parameters; None = anything goes.

    Not `asynchronous`: the answer to the request that starts it carries the result. `confirm`: what a person
    should be asked first. `timeout_s`: seconds after which an execution is ended and has failed.
    """

    id: str
    name: str
    asynchronous: bool = False
    schema: Mapping[str, Any] | None = None
    confirm: str | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    description: str = ""


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
"""Called with JSON that tells how far an execution is; the newest counts."""


class Operation(Protocol):
    """One operation. Its owner bounds it in time by cancelling; cancelled, it ends what it began, then raises."""

    @property
    def spec(self) -> OperationSpec: ...

    async def execute(self, parameters: Mapping[str, Any], progress: Progress) -> Outcome:
        """Do it once. Raises nothing but CancelledError."""
