"""What a source declares of an entity's resources: where a value comes from and what may be done with it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.local.decoding import Decoding
from gateway.local.fault_rule import FaultRule
from gateway.local.fault_spec import DeclaredFault
from gateway.local.logs.bindings import LogBinding
from gateway.local.operation_bindings import OperationBinding
from gateway.local.origins import Origin, Target
from gateway.local.value_range import ANY_VALUE, ValueRange
from gateway.local.values import DataType

DATA_ID_LIMIT: Final = 256
"""Characters of a data item's id."""

CONFIGURATION_ID_LIMIT: Final = 512
"""Characters of a configuration's id."""

DEFAULT_CATEGORY: Final = "currentData"
CATEGORIES: Final = ("identData", "currentData", "storedData", "sysInfo")
"""SOVD's data categories; a vendor's own begins with `x-`."""


@dataclass(frozen=True, slots=True)
class DataSpec:
    """A data item without its value. `range`: what of its type may be written."""

    id: str
    name: str
    type: DataType
    category: str = DEFAULT_CATEGORY
    unit: str | None = None
    writable: bool = False
    range: ValueRange = ANY_VALUE


READ_TIMEOUT_S: Final = 1.0
"""Seconds a reading may take if nothing else is said; half of what a client request may take in all."""

APPLY_TIMEOUT_S: Final = 10.0
"""Seconds whoever a configuration is for may take to accept a value, if nothing else is said."""

WRITE_TIMEOUT_S: Final = 5.0
"""Seconds a write may take if nothing else is said."""


@dataclass(frozen=True, slots=True)
class HeldData:
    """A data item held in memory, starting with `value`; None = nothing has been written yet."""

    spec: DataSpec
    value: Any = None


@dataclass(frozen=True, slots=True)
class BoundData:
    """A data item whose value is somewhere else. A reading younger than `refresh_s` is given again."""

    spec: DataSpec
    origin: Origin
    decoding: Decoding
    target: Target | None = None
    refresh_s: float = 0.0
    read_timeout_s: float = READ_TIMEOUT_S
    write_timeout_s: float = WRITE_TIMEOUT_S


DataBinding = HeldData | BoundData


@dataclass(frozen=True, slots=True)
class Refusal:
    """A new value was not taken. `reason` is for a client; `failed`: it could not even be judged."""

    reason: str
    failed: bool = False


Apply = Callable[[Any], Awaitable[Refusal | None]]
"""Has a value put into effect by whoever it is for. It may be cancelled when it takes too long."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration; `value` is its default, the one a reset returns to.

    `apply` is told of a value before it counts, and has `apply_timeout_s` seconds. `target`: where a source that was
    told so by a manifest sends the value; the source makes `apply` of it.
    """

    id: str
    value: Any
    type: DataType
    read_only: bool = False
    description: str = ""
    unit: str | None = None
    range: ValueRange = ANY_VALUE
    apply: Apply | None = None
    apply_timeout_s: float = APPLY_TIMEOUT_S
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything declared below one entity."""

    data: tuple[DataBinding, ...] = ()
    operations: tuple[OperationBinding, ...] = ()
    configurations: tuple[Configuration, ...] = ()
    faults: tuple[DeclaredFault, ...] = ()
    logs: tuple[LogBinding, ...] = ()
    rules: tuple[FaultRule, ...] = ()

    def __bool__(self) -> bool:
        return any((self.data, self.operations, self.configurations, self.faults, self.logs, self.rules))
